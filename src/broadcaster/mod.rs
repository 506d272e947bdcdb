//! The one thread that writes to clients' sockets, and the owner of the chat.
//!
//! Connection threads send it [`Incoming`] through a bounded channel; when that is full they stop reading, and TCP
//! slows the senders. It takes what is queued, lets the chat say what everybody shall hear, and writes each client
//! once. It never waits for a client: what a kernel buffer does not take goes into that client's [`Backlog`].
//!
//! [`Backlog`]: backlog::Backlog

mod backlog;
mod batch;
mod client;
mod clients;
mod incoming;
mod timers;

pub use incoming::{Counters, Incoming, Received, Room};

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use log::{debug, info};

use crate::chat::{Chat, Command, Moment};
use crate::client_id::ClientId;
use crate::close::{self, Cause, CloseReason, TcpEnd};
use client::{Client, Closing};
use clients::Clients;
use timers::{Timer, Timers};

/// Events that may wait in the channel. Each holds at most one message.
pub const CHANNEL: usize = 1024;

/// A round ends when this much is to be said to everybody, or this many events were taken, though more be queued:
/// the first of them has waited long enough.
const ROUND_BYTES: usize = 64 * 1024;
const ROUND_EVENTS: usize = 1024;

/// A client with a backlog that takes no byte for this long is cut off.
const STALL: Duration = Duration::from_secs(20);

/// From the begin of a closing to the end of TCP, for a client that does not do its part.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// From the signal to the end of the program, for whoever is still there then.
const SHUT_DOWN_DEADLINE: Duration = Duration::from_secs(4);

const SHUTTING_DOWN: CloseReason =
    CloseReason::new(close::GOING_AWAY, "the server is shutting down");
const BACKLOG_FULL: CloseReason = CloseReason::new(
    close::SLOW_READER,
    "you read too slowly: more is waiting for you than may wait",
);
const STALLED: CloseReason = CloseReason::new(
    close::SLOW_READER,
    "you read nothing for too long while messages were waiting",
);

pub struct Broadcaster {
    incoming: Receiver<Incoming>,
    /// Bytes that may wait for one client before the next round; the round itself comes on top.
    backlog_bound: usize,
    counters: Arc<Counters>,
    chat: Chat,
    clients: Clients,
    timers: Timers,
    clock: Clock,
    /// Set by [`Incoming::ShutDown`]: when to end, no matter who is left.
    shut_down: Option<Instant>,
}

/// The time of the present round, asked once.
struct Clock {
    now: Instant,
    at: String,
}

impl Clock {
    fn read() -> Clock {
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        Clock {
            now: Instant::now(),
            at,
        }
    }

    fn moment(&self) -> Moment<'_> {
        Moment {
            now: self.now,
            at: &self.at,
        }
    }
}

impl Broadcaster {
    pub fn new(
        incoming: Receiver<Incoming>,
        backlog_bound: usize,
        counters: Arc<Counters>,
    ) -> Self {
        Broadcaster {
            incoming,
            backlog_bound,
            counters,
            chat: Chat::default(),
            clients: Clients::default(),
            timers: Timers::default(),
            clock: Clock::read(),
            shut_down: None,
        }
    }

    /// The thread's loop: ends after [`Incoming::ShutDown`], or when nobody is left who could send anything.
    pub fn run(mut self) {
        loop {
            let first = match self.next_due() {
                None => self
                    .incoming
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.incoming.recv_deadline(due),
            };
            self.clock = Clock::read();
            match first {
                Ok(first) => self.take_round(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.run_timers();
            self.chat.tick(self.clock.moment(), &mut self.clients);
            self.write_round();
            self.counters
                .clients
                .store(self.chat.count(), Ordering::Relaxed);
            self.counters
                .messages
                .store(self.chat.messages(), Ordering::Relaxed);
            let over = self
                .shut_down
                .is_some_and(|end| self.clients.is_empty() || end <= self.clock.now);
            if over {
                return;
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        [self.timers.next_due(), self.chat.due(), self.shut_down]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes what is queued, as far as one round goes. When idle that is one event, which leaves at once.
    fn take_round(&mut self, first: Incoming) {
        self.take(first);
        for _ in 1..ROUND_EVENTS {
            if self.clients.batch.len() >= ROUND_BYTES {
                return;
            }
            match self.incoming.try_recv() {
                Ok(incoming) => self.take(incoming),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Opened {
                client,
                socket,
                room,
                opened,
            } => self.open(client, socket, room, opened),
            Incoming::Said { client, command } => self.said(client, &command),
            Incoming::Frames { client, frames } => {
                if self.is_open(client) {
                    self.clients.send_one(client, frames);
                }
            }
            Incoming::Closing { client, cause } => self.close(client, cause),
            Incoming::Ended {
                client,
                received,
                tcp,
            } => self.ended(client, received, tcp),
            Incoming::ShutDown => self.begin_shut_down(),
        }
    }

    fn open(&mut self, id: ClientId, socket: Arc<TcpStream>, room: Room, opened: Instant) {
        let in_chat = matches!(room, Room::Chat { .. });
        self.clients.insert(Client::new(
            id,
            socket,
            in_chat,
            opened,
            self.clients.batch.len(),
        ));
        match room {
            Room::Chat { wish } => {
                let moment = self.clock.moment();
                let name = self
                    .chat
                    .enter(id, wish.as_deref(), moment, &mut self.clients);
                info!(
                    "{id}: joined the chat as {:?}, {} here now",
                    name.as_str(),
                    self.chat.count()
                );
            }
            Room::Echo => info!("{id}: talks to the echo"),
        }
        if self.shut_down.is_some() {
            self.close(id, Cause::Server(SHUTTING_DOWN));
        }
    }

    fn said(&mut self, id: ClientId, command: &Command) {
        if self.is_open(id) {
            self.chat
                .command(id, command, self.clock.moment(), &mut self.clients);
        }
    }

    fn is_open(&mut self, id: ClientId) -> bool {
        self.clients
            .get_mut(id)
            .is_some_and(|client| client.closing.is_none())
    }

    /// Step 3 begins, or the client answers the close frame that began it.
    fn close(&mut self, id: ClientId, cause: Cause) {
        let place = self.clients.batch.len();
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let Some(closing) = &mut client.closing {
            if matches!(cause, Cause::Client(_)) && !closing.answered {
                closing.answered = true;
                info!("{id}: the client answered our close frame");
            }
            client.end_our_direction_if_done();
            return;
        }
        info!("{id}: closing begun {cause}");
        client.stop_hearing(place);
        let (told, frame) = (cause.told(), cause.frame());
        client.closing = Some(Closing {
            answered: matches!(cause, Cause::Client(_)),
            cause,
            fin: false,
        });
        // Even without a close frame it is written to once more: what waits, then the end of our direction.
        self.clients.send_one(id, frame.unwrap_or_default());
        self.timers
            .set(self.clock.now + CLOSE_DEADLINE, Timer::EndClosing(id));
        if self.shut_down.is_none() {
            self.chat
                .leave(id, &told, self.clock.moment(), &mut self.clients);
        }
    }

    fn ended(&mut self, id: ClientId, received: Received, tcp: TcpEnd) {
        // A thread that ended without a word on why is our own fault.
        self.close(
            id,
            Cause::Fault(CloseReason::new(close::INTERNAL_ERROR, "")),
        );
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if tcp != TcpEnd::Fin {
            client.abandon();
        }
        let tcp = if client.abandoned {
            TcpEnd::Abandoned
        } else {
            tcp
        };
        client.ended = Some((received, tcp));
        // Removed at the round's end, when what it still is to get has been tried.
        self.clients.touched.push(id);
    }

    fn begin_shut_down(&mut self) {
        self.shut_down = Some(self.clock.now + SHUT_DOWN_DEADLINE);
        for id in self.clients.ids() {
            self.close(id, Cause::Server(SHUTTING_DOWN));
        }
    }

    /// Writes the round to every client that hears it. A client that cannot go on begins its closing here, which the
    /// others hear of at once, in a round of its own.
    fn write_round(&mut self) {
        loop {
            let round = self.clients.batch.take();
            let touched = std::mem::take(&mut self.clients.touched);
            let mut troubles = Vec::new();
            if round.frames.is_empty() {
                for id in &touched {
                    if let Some(client) = self.clients.get_mut(*id) {
                        let trouble = write(
                            client,
                            &round,
                            self.backlog_bound,
                            &self.clock,
                            &mut self.timers,
                        );
                        troubles.extend(trouble);
                    }
                }
            } else {
                for client in self.clients.iter_mut() {
                    let trouble = write(
                        client,
                        &round,
                        self.backlog_bound,
                        &self.clock,
                        &mut self.timers,
                    );
                    troubles.extend(trouble);
                }
            }
            for id in touched {
                self.remove_if_over(id);
            }
            for (id, cause) in troubles {
                self.give_up(id, cause);
            }
            if self.clients.batch.len() == 0 && self.clients.touched.is_empty() {
                return;
            }
        }
    }

    /// The client cannot be written to as it should.
    fn give_up(&mut self, id: ClientId, cause: Cause) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        let broken = matches!(cause, Cause::Cut(_));
        if broken || client.closing.is_some() {
            client.abandon();
        } else {
            client.backlog.keep_started_frame();
        }
        self.close(id, cause);
        self.remove_if_over(id);
    }

    fn run_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.clock.now) {
            match timer {
                Timer::Retry(id) => self.retry(id),
                Timer::EndClosing(id) => {
                    if let Some(client) = self.clients.get_mut(id) {
                        debug!("{id}: the deadline of the closing has passed");
                        client.abandon();
                        self.remove_if_over(id);
                    }
                }
            }
        }
    }

    /// Tries a client again whose kernel buffer was full.
    fn retry(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if client.full.is_none() {
            return;
        }
        let trouble = flush(client, &self.clock, &mut self.timers);
        let stalled = client
            .full
            .is_some_and(|full| self.clock.now - full.progress >= STALL);
        match trouble {
            Some((id, cause)) => self.give_up(id, cause),
            None if stalled => self.give_up(id, Cause::Server(STALLED)),
            None => self.remove_if_over(id),
        }
    }

    fn remove_if_over(&mut self, id: ClientId) {
        let over = self
            .clients
            .get_mut(id)
            .is_some_and(|client| client.is_over());
        if let Some(client) = over.then(|| self.clients.remove(id)).flatten() {
            tell_end(&client, self.clock.now);
        }
    }
}

/// Queues the round for one client and lets its kernel take what it will.
fn write(
    client: &mut Client,
    round: &batch::Round,
    backlog_bound: usize,
    clock: &Clock,
    timers: &mut Timers,
) -> Option<(ClientId, Cause)> {
    let waited = client.backlog.waiting();
    client.queue(round);
    if client.full.is_some() {
        // A round comes on top of the bound, so that no single message is too long for an empty backlog.
        let over = waited >= backlog_bound && client.closing.is_none();
        return over.then_some((client.id, Cause::Server(BACKLOG_FULL)));
    }
    flush(client, clock, timers)
}

fn flush(client: &mut Client, clock: &Clock, timers: &mut Timers) -> Option<(ClientId, Cause)> {
    match client.flush(clock.now) {
        Ok(()) => {
            if let Some(full) = client.full {
                timers.set(clock.now + full.retry, Timer::Retry(client.id));
            }
            None
        }
        Err(error) => Some((client.id, Cause::Cut(TcpEnd::Failed(error.to_string())))),
    }
}

/// The last line of a connection's life.
fn tell_end(client: &Client, now: Instant) {
    let (Some(closing), Some((received, tcp))) = (&client.closing, &client.ended) else {
        return;
    };
    let answer = match (&closing.cause, closing.answered) {
        (Cause::Client(_), _) => ", answered by the server".to_owned(),
        (Cause::Server(_), true) => ", answered by the client".to_owned(),
        (Cause::Server(_), false) => format!(", not answered; {tcp}"),
        (Cause::Fault(_), _) => format!("; {tcp}"),
        (Cause::Cut(_), _) => String::new(),
    };
    info!(
        "{}: closed {}{answer}; open for {:.1} s; received {} messages ({} bytes), sent {} messages ({} bytes)",
        client.id,
        closing.cause,
        (now - client.opened).as_secs_f64(),
        received.messages,
        received.bytes,
        client.sent_messages,
        client.sent_bytes,
    );
}
