//! The one thread that writes to WebSockets once the 101 response is sent, and the owner of the chat: an event loop.
//!
//! Connections' threads send it [`Incoming`] through a bounded channel. When that is full they stop reading, and TCP slows the
//! senders down: backpressure. This thread takes what is queued, lets the chat decide what every member gets, and writes to each client
//! once: that is a *round*. It must never wait for a client: what a kernel buffer does not accept goes into that client's send
//! queue.

mod blocked;
mod cause;
mod client;
mod closing;
mod control;
mod endpoint;
mod incoming;
mod job;
mod order;
mod ordering;
mod retry;
mod round;
mod send_queue;
mod settings;
mod table;
mod timers;
mod writing;

#[cfg(test)]
mod tests;

pub use cause::{Cause, Party, Received, TcpEnd};
pub use closing::Closing;
pub use endpoint::{Endpoint, ParseFirst};
pub use incoming::{Incoming, Opened};
pub use job::{Control, Job, QueueFull};
pub use order::Order;
pub use settings::{Counters, Settings};

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use log::info;

use crate::chat::{Chat, Clock, Command, ConnectionId, ErrorCode, Input, JoinRequest, Refusal, Timestamp};
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::token::Token;
use round::Clients;
use timers::{Timer, Timers};

/// [`Incoming`]s that may wait in the channel. Each holds at most one message.
pub const CHANNEL: usize = 1024;

/// A round ends when it holds this many bytes, or after this many [`Incoming`]s, even if more are queued: the first of them
/// has waited long enough. The last one may exceed the byte limit.
const ROUND_BYTES: usize = 64 * 1024;
const ROUND_INCOMING: usize = 1024;

/// From the beginning of a closing to the end of TCP, for a client that does not end its direction.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// From the signal to the end of the program, for clients that are still there then.
const SHUT_DOWN_DEADLINE: Duration = Duration::from_secs(4);

/// All that the thread owns.
pub struct Broadcaster {
    incoming: Receiver<Incoming>,
    settings: Settings,
    counters: Arc<Counters>,
    chat: Chat,
    /// `None`: the channel is the order of the chat's inputs.
    order: Option<Box<dyn Order>>,
    /// Set while `order` works on news: what was submitted meanwhile.
    submitted: Option<Vec<Input>>,
    clients: Clients,
    timers: Timers,
    /// The time of the present round, read once: for timers, and for the chat.
    now: Instant,
    timestamp: Timestamp,
    clock: Clock,
    /// Set by [`Incoming::ShutDown`]: when to end, no matter which clients are left.
    shut_down: Option<Instant>,
}

impl Broadcaster {
    pub fn new(
        incoming: Receiver<Incoming>,
        chat: Chat,
        order: Option<Box<dyn Order>>,
        settings: Settings,
        counters: Arc<Counters>,
    ) -> Self {
        let server = order.as_ref().map(|order| order.server()).unwrap_or_default();
        Broadcaster {
            incoming,
            settings,
            counters,
            chat,
            order,
            submitted: None,
            clients: Clients::of(server),
            timers: Timers::default(),
            now: Instant::now(),
            timestamp: Timestamp::default(),
            clock: Clock::default(),
            shut_down: None,
        }
    }

    /// The thread's loop: ends after [`Incoming::ShutDown`], or when every sender is gone.
    pub fn run(mut self) {
        loop {
            let first = match self.next_due() {
                None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => self.incoming.recv_deadline(due),
            };
            self.now = Instant::now();
            self.timestamp = Timestamp::new(self.clock.time(self.now), SystemTime::now());
            match first {
                Ok(first) => self.receive_round(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.run_timers();
            self.tick();
            self.write_rounds();
            if self.shut_down.is_some_and(|end| self.clients.table.is_empty() || end <= self.now) {
                return self.order.iter().for_each(|order| order.ended());
            }
        }
    }

    /// Receives what is queued, up to the size of one round. When idle that is one [`Incoming`], and its events are sent at once.
    fn receive_round(&mut self, first: Incoming) {
        self.receive(first);
        for _ in 1..ROUND_INCOMING {
            if self.clients.round_bytes() >= ROUND_BYTES {
                return;
            }
            match self.incoming.try_recv() {
                Ok(incoming) => self.receive(incoming),
                Err(_) => return,
            }
        }
    }

    fn receive(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Opened { client, opened } => self.open(client, *opened),
            Incoming::Introduced { client, endpoint } => self.begin(client, *endpoint),
            Incoming::Command { client, command } => self.command(client, command),
            Incoming::Refused { client, refusal } => self.refuse(client, &refusal),
            Incoming::Frames { client, frames } => self.send(client, frames),
            Incoming::StoppedReading { client, cause } => self.stopped_reading(client, cause),
            Incoming::Ended { client, received, tcp } => self.ended(client, received, tcp),
            Incoming::Run(job) => job(self),
            Incoming::News => self.take_news(),
            Incoming::ShutDown => self.begin_shut_down(),
        }
    }

    fn open(&mut self, id: ClientId, opened: Opened) {
        // Since the handshake the server may have begun to shut down, or the admission was revoked.
        let refused = self
            .shut_down
            .map(|_| CloseReason::SHUTTING_DOWN)
            .or_else(|| opened.admission.revoked().cloned());
        let endpoint = self.clients.table.open(id, opened);
        if let Some(reason) = refused {
            return self.begin_closing(id, Cause::Server(reason));
        }
        self.begin(id, endpoint);
    }

    /// It is known what the client wants, or will be after its first message.
    fn begin(&mut self, id: ClientId, endpoint: Endpoint) {
        let Some(client) = self.clients.table.get_open(id) else { return };
        client.is_introduced = !matches!(endpoint, Endpoint::FirstMessage(..));
        match endpoint {
            Endpoint::Chat(request) => self.join(id, request),
            Endpoint::Echo => info!("{id}: talks to the echo"),
            Endpoint::Feed(begin) => begin(self),
            Endpoint::FirstMessage(..) => {
                self.timers.set(self.now + self.settings.first_message, Timer::FirstMessage(id));
            }
        }
    }

    fn join(&mut self, id: ClientId, mut request: Box<JoinRequest>) {
        let client = self.clients.table.get_mut(id).expect("invariant: it is open");
        client.has_joined = true;
        request.account.clone_from(&client.admission.name);
        request.is_teacher = client.admission.is_teacher;
        let joined = Input::Joined { connection: self.connection(id), request, secret: Token::random() };
        if let Err(QueueFull) = self.submit(joined) {
            self.begin_closing(id, Cause::Server(CloseReason::TRY_LATER));
        }
    }

    fn command(&mut self, id: ClientId, command: Command) {
        if self.clients.table.get_open(id).is_none() {
            return;
        }
        let reference = match &command {
            Command::Say { reference, .. } if self.order.is_some() => reference.clone(),
            _ => None,
        };
        let connection = self.connection(id);
        if self.submit(Input::Command { connection, command }).is_err() {
            self.chat.refuse(connection, &Refusal::unavailable(reference), &mut self.clients);
        }
    }

    fn refuse(&mut self, id: ClientId, refusal: &Refusal) {
        if self.clients.table.get_open(id).is_none() {
            return;
        }
        // Logs the reason, never the text. `TooFast` is logged only once, when it ends the connection.
        if refusal.code != ErrorCode::TooFast {
            info!("{id}: a message was refused: {}", refusal.text);
        }
        self.chat.refuse(self.connection(id), refusal, &mut self.clients);
    }

    /// A client of this server, as the chat knows it.
    fn connection(&self, id: ClientId) -> ConnectionId {
        ConnectionId { server: self.clients.server, client: id }
    }

    /// Applies the next input to the chat, at the time of the present round. `submit`, in `ordering.rs`, calls this at once unless
    /// several servers share the chat.
    fn apply(&mut self, input: Input) {
        let joined = match &input {
            Input::Joined { connection, .. } if connection.server == self.clients.server => {
                Some(connection.client)
            }
            _ => None,
        };
        if let Some(id) = joined {
            // What was due before is sent before: the first event that the new member gets is its welcome.
            self.chat.apply(Input::Tick, &self.timestamp, &mut self.clients);
            self.clients.join_batch(id);
        }
        self.chat.apply(input, &self.timestamp, &mut self.clients);
        let named = |id| Some((id, self.chat.name_of(self.connection(id))?));
        if let Some((id, name)) = joined.and_then(named) {
            info!("{id}: joined the chat as {name:?}, {} here now", self.chat.count());
        }
        for (id, reason) in self.clients.take_to_close() {
            self.begin_closing(id, Cause::Server(reason));
        }
    }

    /// The client closes, is at fault, or is cut off. If we had begun to close, this may be its answer.
    fn stopped_reading(&mut self, id: ClientId, cause: Cause) {
        let client = self.clients.table.get_mut(id).expect("invariant: it is here until it has ended");
        if !client.closing.has_begun() {
            return self.begin_closing(id, cause);
        }
        match cause {
            Cause::Client(_) => {
                info!("{id}: the client answered our close frame");
                client.closing.answered();
                client.tap.answered();
            }
            Cause::Fault(fault) => {
                info!("{id}: the client answered our close frame with a fault: {fault}");
                client.closing.no_answer_will_come();
            }
            // Its thread stopped reading, so no close frame will be received. `ended` follows.
            _ => client.closing.no_answer_will_come(),
        }
        self.clients.touch(id);
    }

    /// Step 3: queues the close frame and announces the leave. Only the first cause counts.
    fn begin_closing(&mut self, id: ClientId, cause: Cause) {
        let Some(client) = self.clients.table.get_open(id) else { return };
        info!("{id}: closing begun {cause}");
        let (frame, how, has_joined) = (cause.frame(), cause.left_reason(), client.has_joined);
        client.tap.closing(&cause);
        client.closing.begin(cause);
        self.clients.leave_batch(id);
        match frame {
            Some(frame) => self.clients.insert_one(id, frame),
            None => self.clients.touch(id),
        }
        self.timers.set(self.now + CLOSE_DEADLINE, Timer::EndClosing(id));
        if has_joined && self.shut_down.is_none() {
            let left = Input::Left { connection: self.connection(id), how };
            self.submit(left).expect("invariant: a member may always leave");
        }
    }

    /// The connection's thread is done.
    fn ended(&mut self, id: ClientId, received: Received, tcp: TcpEnd) {
        let client = self.clients.table.get_mut(id).expect("invariant: it is here until it has ended");
        if let TcpEnd::Failed(_) = tcp {
            client.tcp_failed();
        }
        client.closing.tcp_ended(received, tcp);
        if client.closing.has_begun() {
            // It is removed at the round's end, once everything is sent.
            self.clients.touch(id);
        } else {
            self.begin_closing(id, Cause::Server(CloseReason::THREAD_FAILED));
        }
    }

    fn begin_shut_down(&mut self) {
        self.shut_down = Some(self.now + SHUT_DOWN_DEADLINE);
        self.order.iter_mut().for_each(|order| order.shut_down());
        for id in self.clients.table.open_ids(|_| true) {
            self.begin_closing(id, Cause::Server(CloseReason::SHUTTING_DOWN));
        }
    }

    /// Removes a client that is over, with the last log line of its connection.
    fn remove_if_over(&mut self, id: ClientId) {
        if !self.clients.table.get(id).is_some_and(|client| client.is_over()) {
            return;
        }
        let mut client = self.clients.table.remove(id).expect("invariant: it was there a moment ago");
        client.tap.closed(&client.closing, client.sent_messages(), client.sent_bytes);
        let received = client.closing.received();
        info!(
            "{id}: {}; open for {:.1} s; messages: {} from client ({} bytes), {} to client ({} bytes)",
            client.closing,
            self.now.saturating_duration_since(client.accepted).as_secs_f64(),
            received.messages,
            received.bytes,
            client.sent_messages(),
            client.sent_bytes,
        );
    }
}
