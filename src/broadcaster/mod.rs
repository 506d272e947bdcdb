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
mod shared;
mod signed_out;
mod timers;
mod watching;
mod writing;

#[cfg(test)]
mod tests;

pub use closing::{Cause, TcpEnd};
pub use incoming::{Counters, Endpoint, Incoming, Newcomer, Received};

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use log::info;

use crate::backplane::{Order, QueueFull};
use crate::chat::{
    Chat, Clock, Command, Entrance, ErrorCode, Input, Link, Moment, Refusal, Secret, ServerId, Time,
};
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
const TRY_LATER: CloseReason =
    CloseReason::new(close::TRY_AGAIN_LATER, "the server has lost touch with the others");
const THREAD_FAILED: CloseReason =
    CloseReason::new(close::INTERNAL_ERROR, "a fault of the server; it is in the server's log");

/// All that the thread owns.
pub struct Broadcaster {
    incoming: Receiver<Incoming>,
    /// Bytes that may wait for one client before the next round; the round itself comes on top.
    backlog_bound: usize,
    counters: Arc<Counters>,
    chat: Chat,
    /// The book of the order, where several servers share the chat.
    order: Option<Order>,
    clients: Clients,
    timers: Timers,
    watching: Watching,
    /// The time of the present round, asked once: for waiting, and for the chat.
    now: Instant,
    moment: Moment,
    clock: Clock,
    /// Set by [`Incoming::ShutDown`]: when to end, no matter who is left.
    shut_down: Option<Instant>,
}

impl Broadcaster {
    /// `backlog_bound` in bytes.
    pub fn new(
        incoming: Receiver<Incoming>,
        chat: Chat,
        order: Option<Order>,
        backlog_bound: usize,
        counters: Arc<Counters>,
        to_inspector: ToInspector,
    ) -> Self {
        Broadcaster {
            incoming,
            backlog_bound,
            counters,
            chat,
            clients: Clients::of(order.as_ref().map_or_else(ServerId::default, |order| order.me)),
            order,
            timers: Timers::default(),
            watching: Watching::new(to_inspector),
            now: Instant::now(),
            moment: Moment::new(Time::default(), SystemTime::UNIX_EPOCH),
            clock: Clock::default(),
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
            self.now = Instant::now();
            self.moment = Moment::new(self.clock.time(self.now), SystemTime::now());
            match first {
                Ok(first) => self.take_round(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.run_timers();
            self.tick();
            self.write_rounds();
            if self.shut_down.is_some_and(|end| self.clients.is_empty() || end <= self.now) {
                return self.leave_the_others();
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let chat = self.chat_due();
        [self.timers.next_due(), chat, self.shut_down].into_iter().flatten().min()
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
                self.open(client, newcomer, *endpoint)
            }
            Incoming::Said { client, said } => self.said(client, said),
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
            Incoming::Backplane(news) => self.heard_of_the_others(news),
            Incoming::SignedOut(ended) => self.signed_out(ended),
            Incoming::ShutDown => self.begin_shut_down(),
        }
    }

    fn open(&mut self, id: ClientId, newcomer: Newcomer, endpoint: Endpoint) {
        self.clients.open(id, newcomer);
        if let Some(reason) = self.admission_ended(id) {
            // While it was on its way. It does not even hear who is here.
            self.show_newcomer(id);
            return self.begin_closing(id, Cause::Server(reason));
        }
        match endpoint {
            Endpoint::Chat(entrance) => self.enter(id, entrance),
            Endpoint::Echo => info!("{id}: talks to the echo"),
            Endpoint::Wire(watch) => self.begin_watching(id, &watch),
        }
        self.show_newcomer(id);
        self.close_those_who_must_go();
        if self.shut_down.is_some() {
            self.begin_closing(id, Cause::Server(SHUTTING_DOWN));
        }
    }

    fn enter(&mut self, id: ClientId, entrance: Entrance) {
        let link = self.link(id);
        let entered = Input::Entered { link, entrance, secret: Secret::random() };
        if self.happen(entered).is_err() {
            return self.begin_closing(id, Cause::Server(TRY_LATER));
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.is_member = true;
        }
    }

    /// Whom the chat does not want to be here any more.
    fn close_those_who_must_go(&mut self) {
        for (other, reason) in self.clients.take_to_close() {
            if self.is_open(other) {
                self.begin_closing(other, Cause::Server(reason));
            }
        }
    }

    /// A client of this server, as the chat knows it.
    fn link(&self, id: ClientId) -> Link {
        Link { server: self.clients.server, client: id }
    }

    /// Something happens to the chat: now, or, where several servers share it, once it has its place in the order.
    ///
    /// # Errors
    /// If too much waits for that already; then it does not happen.
    fn happen(&mut self, input: Input) -> Result<(), QueueFull> {
        match &mut self.order {
            Some(order) => order.propose(&input),
            None => {
                self.take_input(input);
                Ok(())
            }
        }
    }

    /// The next thing that happens, by the clock of the present moment.
    fn take_input(&mut self, input: Input) {
        let entered = match &input {
            Input::Entered { link, .. } if link.server == self.clients.server => Some(link.client),
            _ => None,
        };
        if let Some(id) = entered {
            // What was due before it came is not for its ears: the first thing that it hears is its welcome.
            self.chat.take(Input::Tick, &self.moment, &mut self.clients);
            self.clients.begin_hearing(id);
        }
        self.chat.take(input, &self.moment, &mut self.clients);
        let Some(id) = entered else { return };
        if let Some(name) = self.chat.name_of(self.link(id)) {
            info!("{id}: joined the chat as {name:?}, {} here now", self.chat.count());
        }
    }

    fn said(&mut self, id: ClientId, said: Result<Command, Refusal>) {
        let Some(client) = self.clients.get_mut(id).filter(|client| !client.closing.has_begun())
        else {
            return;
        };
        let is_watched = client.is_watched();
        let link = self.link(id);
        match said {
            Ok(Command::Show(demonstration)) => self.demonstrate(id, demonstration),
            Ok(command) => {
                let named = |chat: &Chat| chat.name_of(link).map(str::to_owned);
                let before = is_watched.then(|| named(&self.chat)).flatten();
                let reference = match &command {
                    Command::Say { reference, .. } if self.order.is_some() => reference.clone(),
                    _ => None,
                };
                // That somebody is writing need not be told later.
                let is_out_of_touch = self.counters.out_of_touch.load(Ordering::Relaxed);
                if is_out_of_touch && matches!(command, Command::Typing) {
                    return;
                }
                if self.happen(Input::Asked { link, command }).is_err() {
                    self.chat.refuse(link, &Refusal::unavailable(reference), &mut self.clients);
                }
                if is_watched {
                    self.show_name(id, before);
                }
            }
            Err(refusal) => {
                // Why, but never what was written; and not of a flood, which ends with a line of its own.
                if refusal.code != ErrorCode::TooFast {
                    info!("{id}: a message was not taken: {}", refusal.text);
                }
                self.chat.refuse(link, &refusal, &mut self.clients);
            }
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
        match cause {
            Cause::Client(_) => {
                info!("{id}: the client answered our close frame");
                client.closing.begin(cause);
                client.tell_watchers(Instant::now(), || What::Answered);
            }
            Cause::Fault(fault) => {
                info!("{id}: the client answered our close frame with a fault: {fault}");
                client.closing.no_answer_can_come();
            }
            _ => {}
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
        self.timers.set(self.now + CLOSE_DEADLINE, Timer::EndClosing(id));
        let is_member = self.clients.get_mut(id).is_some_and(|client| client.is_member);
        if is_member && self.shut_down.is_none() {
            // That somebody leaves can always be said.
            let _ = self.happen(Input::Left { link: self.link(id), how: told });
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
        self.shut_down = Some(self.now + SHUT_DOWN_DEADLINE);
        self.say_goodbye_to_the_others();
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
            client.opening.since(self.now).as_secs_f64(),
            received.messages,
            received.bytes,
            client.sent_messages(),
            client.sent_bytes,
        );
    }
}
