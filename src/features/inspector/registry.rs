//! The inspector's thread: owns the lists of connections and watchers, and turns observations into events for the watchers.
//!
//! A thread of its own, so that formatting hexadecimal and JSON does not slow the chat down. Must never touch a socket: finished
//! frames go to the broadcaster through the outbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::Scope;
use super::captured::Captured;
use super::describe;
use super::event::Event;
use super::note::{Note, Notes, Observation};
use super::outbox::{Outbox, Recipient};
use super::tracker::FrameTracker;
use crate::broadcaster::Cause;
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::tap::Purpose;
use crate::token::Token;

/// The most watchers of one key, and of everyone.
const MAX_WATCHERS: usize = 8;

const TOO_MANY_WATCHERS: CloseReason =
    CloseReason::new(close_code::POLICY_VIOLATION, "too_many_watchers: too many watchers already");

/// How often watchers get the number of their lost events, at least.
const LOSS_INTERVAL: Duration = Duration::from_millis(500);

/// Connections in the list before the first clean-up. It is needed, since a closing may be left out when the channel is full.
const FIRST_CLEAN_UP: usize = 1024;

/// All that the thread owns.
pub struct Inspector {
    /// This server's id.
    server: String,
    connections: HashMap<ClientId, Connection>,
    watchers: Vec<Watcher>,
    outbox: Outbox,
    /// At this many connections, the closed ones are removed.
    next_clean_up: usize,
}

struct Connection {
    captured: Arc<Captured>,
    /// The key that lets a client watch it.
    key: Option<Token>,
    /// Of its member in the chat.
    name: Option<String>,
    recipients: Vec<Recipient>,
    tracker: FrameTracker,
    /// The watchers got its `opened` event. A member's connection is announced at its first observation, mostly its name.
    is_announced: bool,
}

struct Watcher {
    recipient: Recipient,
    scope: Scope,
}

impl Inspector {
    pub fn new(server: String, outbox: Outbox) -> Inspector {
        let (connections, watchers) = (HashMap::new(), Vec::new());
        Inspector { server, connections, watchers, outbox, next_clean_up: FIRST_CLEAN_UP }
    }

    /// The thread's loop. Ends when all senders of notes have ended, or the broadcaster.
    pub fn run(mut self, notes: &Notes) {
        let mut next_losses = Instant::now() + LOSS_INTERVAL;
        loop {
            let at_most = (!self.watchers.is_empty()).then_some(LOSS_INTERVAL);
            let Ok(first) = notes.wait(at_most) else { return };
            let mut next = first;
            while let Some(note) = next {
                self.handle(note);
                next = if self.outbox.is_full() { None } else { notes.try_next() };
            }
            if next_losses <= Instant::now() {
                next_losses = Instant::now() + LOSS_INTERVAL;
                self.report_losses();
                // In a storm the note of a feed's end may have been left out.
                self.outbox.over().into_iter().for_each(|watcher| self.remove_watcher(watcher));
            }
            if !self.outbox.send() {
                return;
            }
        }
    }

    fn handle(&mut self, note: Note) {
        let (captured, at, observation) = match note {
            Note::Watch { watcher, scope } => return self.add_watcher(watcher, scope),
            Note::Observed { captured, at, observation } => (captured, at, observation),
        };
        let id = captured.client();
        match observation {
            Observation::Opened if captured.purpose == Some(Purpose::Feed) => {}
            Observation::Opened => self.opened(captured),
            Observation::Refused(status) => {
                let recipients = self.recipients_of(captured.key.as_ref());
                self.outbox.add(&recipients, &describe::refused(&captured, status));
            }
            // The teacher sees refusals and WebSockets, and not what each member asks for besides.
            Observation::Exchanged(status) => {
                let mut recipients = self.recipients_of(captured.key.as_ref());
                recipients.retain(|recipient| !recipient.watches_everyone);
                self.outbox.add(&recipients, &describe::exchanged(&captured, status));
            }
            Observation::Closing { .. } | Observation::Closed(_)
                if captured.purpose == Some(Purpose::Feed) =>
            {
                self.remove_watcher(id);
            }
            observation => self.observed(captured, at, &observation),
        }
    }

    /// Something happened on a connection.
    fn observed(&mut self, captured: Arc<Captured>, at: Instant, observation: &Observation) {
        let id = captured.client();
        let is_closed = matches!(observation, Observation::Closed(_));
        if !is_closed && !self.connections.contains_key(&id) {
            // In a storm the note of its beginning may have been left out.
            self.opened(captured);
        }
        if let Observation::Keyed(key) = observation {
            return self.set_key(id, key);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Observation::Named(name) = observation {
            connection.name = Some(name.clone());
        }
        let is_named_first = !connection.is_announced && matches!(observation, Observation::Named(_));
        connection.announce(&mut self.outbox);
        if !is_named_first {
            connection.report(&mut self.outbox, at, observation);
        }
        if is_closed {
            self.connections.remove(&id);
        }
    }

    fn opened(&mut self, captured: Arc<Captured>) {
        let recipients = self.recipients_of(captured.key.as_ref());
        // A key that is still to come may have watchers, who see the connection from its first frame.
        captured.set_watched(!recipients.is_empty() || captured.awaits_first_message);
        if self.connections.len() >= self.next_clean_up {
            // No tap refers to it any more: its closing was left out.
            self.connections.retain(|_, connection| Arc::strong_count(&connection.captured) > 1);
            self.next_clean_up = (2 * self.connections.len()).max(FIRST_CLEAN_UP);
        }
        let is_member = captured.purpose == Some(Purpose::Chat);
        let (id, tracker) = (captured.client(), FrameTracker::default());
        let key = captured.key.clone();
        let mut connection =
            Connection { captured, key, name: None, recipients, tracker, is_announced: false };
        if !is_member {
            connection.announce(&mut self.outbox);
        }
        self.connections.insert(id, connection);
    }

    /// The first message named a key: those who watch it see the connection from now on.
    fn set_key(&mut self, id: ClientId, key: &Token) {
        let recipients = self.recipients_of(Some(key));
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.captured.set_watched(!recipients.is_empty());
        let before = std::mem::replace(&mut connection.recipients, recipients);
        connection.key = Some(key.clone());
        if connection.is_announced {
            let is_new = |one: &&Recipient| before.iter().all(|other| other.watcher != one.watcher);
            let new: Vec<Recipient> = connection.recipients.iter().filter(is_new).copied().collect();
            let (captured, name) = (&connection.captured, connection.name.as_deref());
            self.outbox.add(&new, &describe::opened(captured, name, Instant::now(), true));
        }
    }

    fn recipients_of(&self, key: Option<&Token>) -> Vec<Recipient> {
        let includes = |watcher: &&Watcher| watcher.scope.includes(key);
        self.watchers.iter().filter(includes).map(|watcher| watcher.recipient).collect()
    }

    /// Adds a watcher and sends it the open connections.
    fn add_watcher(&mut self, id: ClientId, scope: Scope) {
        let same = self.watchers.iter().filter(|watcher| watcher.scope.is_same(&scope)).count();
        if same >= MAX_WATCHERS {
            let close = Cause::Server(TOO_MANY_WATCHERS);
            return self.outbox.run(move |control| control.close(id, close));
        }
        let scope_name = match scope {
            Scope::Everyone => "everyone",
            Scope::Key(_) => "key",
        };
        let recipient = Recipient { watcher: id, watches_everyone: matches!(scope, Scope::Everyone) };
        self.outbox.add_watcher(id);
        let includes = |connection: &&mut Connection| scope.includes(connection.key.as_ref());
        let mut watched: Vec<&mut Connection> = self.connections.values_mut().filter(includes).collect();
        watched.sort_by_key(|connection| connection.captured.client());
        let watching = Event::Watching { scope: scope_name, server: &self.server, found: watched.len() };
        self.outbox.add(&[recipient], &watching);
        for connection in watched {
            connection.announce(&mut self.outbox);
            let (captured, name) = (&connection.captured, connection.name.as_deref());
            captured.set_watched(true);
            let opened = describe::opened(captured, name, Instant::now(), true);
            self.outbox.add(&[recipient], &opened);
            connection.recipients.push(recipient);
        }
        self.watchers.push(Watcher { recipient, scope });
    }

    /// A watcher has gone.
    fn remove_watcher(&mut self, id: ClientId) {
        self.watchers.retain(|watcher| watcher.recipient.watcher != id);
        self.outbox.remove_watcher(id);
        for connection in self.connections.values_mut() {
            connection.recipients.retain(|recipient| recipient.watcher != id);
            connection.captured.set_watched(!connection.recipients.is_empty());
        }
    }

    /// Reports losses also on connections without new observations.
    fn report_losses(&mut self) {
        for connection in self.connections.values() {
            report_lost(&connection.captured, &mut self.outbox, &connection.recipients);
        }
        self.outbox.check();
    }
}

impl Connection {
    /// Sends the `opened` event to the watchers, once.
    fn announce(&mut self, outbox: &mut Outbox) {
        if !std::mem::replace(&mut self.is_announced, true) {
            let (captured, name) = (&self.captured, self.name.as_deref());
            let opened = describe::opened(captured, name, captured.answered, false);
            outbox.add(&self.recipients, &opened);
        }
    }

    /// Sends the events of an observation to the watchers.
    fn report(&mut self, outbox: &mut Outbox, at: Instant, observation: &Observation) {
        if self.recipients.is_empty() {
            return;
        }
        report_lost(&self.captured, outbox, &self.recipients);
        let (everyone, own): (Vec<_>, Vec<_>) =
            self.recipients.iter().partition(|recipient| recipient.watches_everyone);
        describe::note(&self.captured, &mut self.tracker, at, observation, |event, event_for_everyone| {
            outbox.add(own.iter().copied(), event);
            outbox.add(everyone.iter().copied(), event_for_everyone);
        });
    }
}

/// Sends the number of frames that were left out since the last time.
fn report_lost(captured: &Captured, outbox: &mut Outbox, recipients: &[Recipient]) {
    let count = captured.take_lost();
    if count > 0 {
        outbox.add(recipients, &Event::Lost { conn: Some(captured.client().0), count });
    }
}

#[cfg(test)]
mod tests;
