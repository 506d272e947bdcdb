//! The one thread that writes to clients' sockets, and the owner of the chat.
//!
//! Connection threads send it [`Incoming`] through a bounded channel; when that is full they stop reading, and TCP
//! slows the senders. It takes what is queued, lets the chat say what everybody shall hear, and writes each client
//! once: that is a *round*. It must never wait for a client: what a kernel buffer does not take goes into that
//! client's backlog.
//!
//! To be read in this order: `incoming` (what comes), `batch` and `clients` (a round in the making), `client` and
//! `backlog` (how it reaches one client), `closing` and `timers`, then this file, which takes what comes, and `writing`,
//! which sends what has become of it; `signed_out` closes those who may be here no longer.

mod backlog;
mod batch;
mod client;
mod clients;
mod closing;
mod demonstration;
mod incoming;
mod look;
mod signed_out;
mod timers;
mod watching;
mod writing;

#[cfg(test)]
mod tests;

pub use closing::{Cause, TcpEnd};
pub use incoming::{Counters, Endpoint, Incoming, Newcomer, Received};

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use log::info;

use crate::chat::{Chat, Command, Moment, Refusal};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use crate::wire::{Amount, ToInspector, What};
use clients::Clients;
use timers::{Timer, Timers};
use watching::Watching;

/// Events that may wait in the channel. Each holds at most one message.
pub const CHANNEL: usize = 1024;

/// A round ends when it holds this many bytes, or this many events were taken, though more be queued: the first of
/// them has waited long enough. The last event may go beyond it.
const ROUND_BYTES: usize = 64 * 1024;
const ROUND_EVENTS: usize = 1024;

/// From the begin of a closing to the end of TCP, for a client that does not do its part.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// From the signal to the end of the program, for whoever is still there then.
const SHUT_DOWN_DEADLINE: Duration = Duration::from_secs(4);

const SHUTTING_DOWN: CloseReason =
    CloseReason::new(close::GOING_AWAY, "the server is shutting down");
const THREAD_FAILED: CloseReason =
    CloseReason::new(close::INTERNAL_ERROR, "a fault of the server; it is in the server's log");

/// All that the thread owns.
pub struct Broadcaster {
    incoming: Receiver<Incoming>,
    /// Bytes that may wait for one client before the next round; the round itself comes on top.
    backlog_bound: usize,
    counters: Arc<Counters>,
    chat: Chat,
    clients: Clients,
    timers: Timers,
    watching: Watching,
    /// The time of the present round, asked once.
    moment: Moment,
    /// Set by [`Incoming::ShutDown`]: when to end, no matter who is left.
    shut_down: Option<Instant>,
}

impl Broadcaster {
    /// `backlog_bound` in bytes.
    pub fn new(
        incoming: Receiver<Incoming>,
        chat: Chat,
        backlog_bound: usize,
        counters: Arc<Counters>,
        to_inspector: ToInspector,
    ) -> Self {
        Broadcaster {
            incoming,
            backlog_bound,
            counters,
            chat,
            clients: Clients::default(),
            timers: Timers::default(),
            watching: Watching::new(to_inspector),
            moment: Moment::now(),
            shut_down: None,
        }
    }

    /// The thread's loop: ends after [`Incoming::ShutDown`], or when nobody is left who could send anything.
    pub fn run(mut self) {
        loop {
            let first = match self.next_due() {
                None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.incoming.recv_deadline(due),
            };
            self.moment = Moment::now();
            match first {
                Ok(first) => self.take_round(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.run_timers();
            self.chat.tick(&self.moment, &mut self.clients);
            self.write_rounds();
            if self.shut_down.is_some_and(|end| self.clients.is_empty() || end <= self.moment.now) {
                return;
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        [self.timers.next_due(), self.chat.due(), self.shut_down].into_iter().flatten().min()
    }

    /// Takes what is queued, as far as one round goes. When idle that is one event, which leaves at once.
    fn take_round(&mut self, first: Incoming) {
        self.take(first);
        for _ in 1..ROUND_EVENTS {
            if self.clients.round_bytes() >= ROUND_BYTES {
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
            Incoming::Opened { client, newcomer, endpoint } => {
                self.open(client, newcomer, &endpoint)
            }
            Incoming::Said { client, said } => self.said(client, &said),
            Incoming::Frames { client, frames } => {
                if self.is_open(client) {
                    self.clients.send_one(client, frames);
                }
            }
            Incoming::Closing { client, cause } => self.conversation_over(client, cause),
            Incoming::Ended { client, received, tcp } => self.ended(client, received, tcp),
            Incoming::Tapped { client, at, tapped } => self.tapped(client, at, tapped),
            Incoming::Refused(opening) => self.refused(&opening),
            Incoming::Shown(shown) => self.shown(shown),
            Incoming::SignedOut { gone } => self.signed_out(&gone),
            Incoming::ShutDown => self.begin_shut_down(),
        }
    }

    fn open(&mut self, id: ClientId, newcomer: Newcomer, endpoint: &Endpoint) {
        let listens = matches!(endpoint, Endpoint::Chat(_));
        self.clients.open(id, newcomer, listens);
        if let Some(reason) = self.admission_ended(id) {
            // While it was on its way. It does not even hear who is here.
            self.show_newcomer(id);
            return self.begin_closing(id, Cause::Server(reason));
        }
        match endpoint {
            Endpoint::Chat(entrance) => {
                let name = self.chat.enter(id, entrance, &self.moment, &mut self.clients);
                info!(
                    "{id}: joined the chat as {:?}, {} here now",
                    name.as_str(),
                    self.chat.count()
                );
            }
            Endpoint::Echo => info!("{id}: talks to the echo"),
            Endpoint::Wire(watch) => self.begin_watching(id, watch),
        }
        self.show_newcomer(id);
        for (other, reason) in self.clients.take_to_close() {
            if self.is_open(other) {
                self.begin_closing(other, Cause::Server(reason));
            }
        }
        if self.shut_down.is_some() {
            self.begin_closing(id, Cause::Server(SHUTTING_DOWN));
        }
    }

    fn said(&mut self, id: ClientId, said: &Result<Command, Refusal>) {
        if !self.is_open(id) {
            return;
        }
        match said {
            Ok(Command::Show(demonstration)) => self.demonstrate(id, *demonstration),
            Ok(command) => {
                let is_watched = self.clients.get_mut(id).is_some_and(|client| client.is_watched());
                let named = |chat: &Chat| chat.name_of(id).map(str::to_owned);
                let before = is_watched.then(|| named(&self.chat)).flatten();
                self.chat.command(id, command, &self.moment, &mut self.clients);
                if is_watched {
                    self.show_name(id, before);
                }
            }
            Err(refusal) => self.chat.refuse(id, refusal, &mut self.clients),
        }
    }

    fn is_open(&mut self, id: ClientId) -> bool {
        self.clients.get_mut(id).is_some_and(|client| !client.closing.has_begun())
    }

    /// The client closes, is at fault, or is cut off; or it answers the close frame that we sent.
    fn conversation_over(&mut self, id: ClientId, cause: Cause) {
        if self.is_open(id) {
            return self.begin_closing(id, cause);
        }
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let Cause::Client(_) = cause {
            info!("{id}: the client answered our close frame");
            client.closing.begin(cause);
            client.tell_watchers(Instant::now(), || What::Answered);
        }
        self.clients.touch(id);
    }

    /// Step 3: the last frame is queued, the others are told.
    fn begin_closing(&mut self, id: ClientId, cause: Cause) {
        info!("{id}: closing begun {cause}");
        let (told, frame) = (cause.told(), cause.frame());
        self.end_watching(id);
        self.clients.stop_hearing(id);
        if let Some(client) = self.clients.get_mut(id) {
            let (by, reason) = (cause.by(), cause.reason());
            client.tell_watchers(Instant::now(), || What::Closing { by, reason });
            client.closing.begin(cause);
        }
        match frame {
            Some(frame) => self.clients.send_one(id, frame),
            None => self.clients.touch(id),
        }
        self.timers.set(self.moment.now + CLOSE_DEADLINE, Timer::EndClosing(id));
        if self.shut_down.is_none() {
            self.chat.leave(id, &told, &self.moment, &mut self.clients);
        }
    }

    fn ended(&mut self, id: ClientId, received: Received, tcp: TcpEnd) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let TcpEnd::Failed(_) = tcp {
            client.tcp_failed();
        }
        client.closing.their_end_came(received, tcp);
        if client.closing.has_begun() {
            // It is removed at the round's end, when what it still is to get has been tried.
            self.clients.touch(id);
        } else {
            self.begin_closing(id, Cause::Fault(THREAD_FAILED));
        }
    }

    fn begin_shut_down(&mut self) {
        self.shut_down = Some(self.moment.now + SHUT_DOWN_DEADLINE);
        for id in self.clients.ids() {
            if self.is_open(id) {
                self.begin_closing(id, Cause::Server(SHUTTING_DOWN));
            }
        }
    }

    /// The last line of a connection's life.
    fn remove_if_over(&mut self, id: ClientId) {
        if !self.clients.get_mut(id).is_some_and(|client| client.is_over()) {
            return;
        }
        let Some(mut client) = self.clients.remove(id) else {
            return;
        };
        let sent = Amount { messages: client.sent_messages(), bytes: client.sent_bytes };
        let closed = client.closing.shown(sent);
        client.tell_watchers(Instant::now(), || What::Closed(Box::new(closed)));
        let received = client.closing.received();
        info!(
            "{id}: {}; open for {:.1} s; messages: {} from client ({} bytes), {} to client ({} bytes)",
            client.closing,
            client.opening.since(self.moment.now).as_secs_f64(),
            received.messages,
            received.bytes,
            client.sent_messages(),
            client.sent_bytes,
        );
    }
}
