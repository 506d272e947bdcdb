//! The inspector: makes what happened on watched connections into events for those who watch.
//!
//! On a thread of its own, so that all the writing of hexadecimal and JSON takes nothing from the chat. It owns the list of
//! connections and of watchers. It never touches a socket: finished frames go to the broadcaster, which writes them like
//! everything else, but leaves them out where a watcher reads too slowly.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::Watch;
use super::captured::Captured;
use super::describe;
use super::event::Event;
use super::lane::Lane;
use super::note::{Note, Notes, What};
use super::outbox::{Outbox, Recipient};
use crate::broadcaster::Cause;
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::tap::Purpose;

/// Watchers of one key, and of everyone.
const WATCHERS: usize = 8;

const TOO_MANY_WATCHERS: CloseReason =
    CloseReason::new(close_code::POLICY_VIOLATION, "too many watch this already");

/// While there are watchers, those who lost events are told at least this often.
const TELL_LOSSES: Duration = Duration::from_millis(500);

/// Connections that are remembered before the first clean-up. Ends may be left out in a storm, so it is needed.
const FIRST_CLEAN_UP: usize = 1024;

/// All that the thread owns.
pub struct Inspector {
    connections: HashMap<ClientId, Connection>,
    watchers: Vec<Watcher>,
    outbox: Outbox,
    /// At this many connections those that are gone are forgotten.
    next_clean_up: usize,
}

struct Connection {
    captured: Arc<Captured>,
    /// Of its member in the chat.
    name: Option<String>,
    recipients: Vec<Recipient>,
    lane: Lane,
    /// It was announced to those who watch. A member's connection is when the first thing happens on it: most often it is named.
    is_announced: bool,
}

struct Watcher {
    recipient: Recipient,
    watch: Watch,
}

impl Inspector {
    pub fn new(outbox: Outbox) -> Inspector {
        let (connections, watchers) = (HashMap::new(), Vec::new());
        Inspector { connections, watchers, outbox, next_clean_up: FIRST_CLEAN_UP }
    }

    /// The thread's loop: ends when no one is left who could tell anything, or who could take it.
    pub fn run(mut self, notes: &Notes) {
        let mut next_losses = Instant::now() + TELL_LOSSES;
        loop {
            let at_most = (!self.watchers.is_empty()).then_some(TELL_LOSSES);
            let Ok(first) = notes.wait(at_most) else { return };
            let mut next = first;
            while let Some(note) = next {
                self.take(note);
                next = if self.outbox.is_full() { None } else { notes.try_next() };
            }
            if next_losses <= Instant::now() {
                next_losses = Instant::now() + TELL_LOSSES;
                self.tell_losses();
                // In a storm the note of a feed's end may have been left out.
                self.outbox.over().into_iter().for_each(|watcher| self.watch_ended(watcher));
            }
            if !self.outbox.send() {
                return;
            }
        }
    }

    fn take(&mut self, note: Note) {
        let (captured, at, what) = match note {
            Note::Watch { watcher, watch } => return self.watch(watcher, watch),
            Note::Happened { captured, at, what } => (captured, at, what),
        };
        let id = captured.client();
        match what {
            What::Opened if captured.purpose == Some(Purpose::Feed) => {}
            What::Opened => self.opened(captured),
            What::Refused(status) => {
                let recipients = self.recipients_of(&captured);
                self.outbox.add(&recipients, &describe::refused(&captured, status));
            }
            What::Closing { .. } | What::Closed(_) if captured.purpose == Some(Purpose::Feed) => {
                self.watch_ended(id);
            }
            what => self.happened(captured, at, what),
        }
    }

    /// Something happened on a connection.
    fn happened(&mut self, captured: Arc<Captured>, at: Instant, what: What) {
        let id = captured.client();
        let is_closed = matches!(what, What::Closed(_));
        if !is_closed && !self.connections.contains_key(&id) {
            // In a storm the note of its beginning may have been left out.
            self.opened(captured);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let What::Named(name) = &what {
            connection.name = Some(name.clone());
        }
        let is_named_first = !connection.is_announced && matches!(what, What::Named(_));
        connection.announce(&mut self.outbox);
        if !is_named_first {
            connection.tell(&mut self.outbox, at, &what);
        }
        if is_closed {
            self.connections.remove(&id);
        }
    }

    fn opened(&mut self, captured: Arc<Captured>) {
        let recipients = self.recipients_of(&captured);
        captured.set_watched(!recipients.is_empty());
        if self.connections.len() >= self.next_clean_up {
            // Its taps are gone, but its end was left out.
            self.connections.retain(|_, connection| Arc::strong_count(&connection.captured) > 1);
            self.next_clean_up = (2 * self.connections.len()).max(FIRST_CLEAN_UP);
        }
        let is_member = captured.purpose == Some(Purpose::Chat);
        let (id, lane) = (captured.client(), Lane::default());
        let mut connection = Connection { captured, name: None, recipients, lane, is_announced: false };
        if !is_member {
            connection.announce(&mut self.outbox);
        }
        self.connections.insert(id, connection);
    }

    fn recipients_of(&self, captured: &Captured) -> Vec<Recipient> {
        let includes = |watcher: &&Watcher| watcher.watch.includes(captured.key.as_ref());
        self.watchers.iter().filter(includes).map(|watcher| watcher.recipient).collect()
    }

    /// A feed begins to watch, and is told what is there.
    fn watch(&mut self, id: ClientId, watch: Watch) {
        let same = self.watchers.iter().filter(|watcher| watcher.watch.is_same(&watch)).count();
        if same >= WATCHERS {
            let close = Cause::Server(TOO_MANY_WATCHERS);
            return self.outbox.run(move |control| control.close(id, close));
        }
        let whom = match watch {
            Watch::Everyone => "everyone",
            Watch::Key(_) => "key",
        };
        let recipient = Recipient { watcher: id, everyone: matches!(watch, Watch::Everyone) };
        self.outbox.begin(id);
        let includes = |connection: &&mut Connection| watch.includes(connection.captured.key.as_ref());
        let mut watched: Vec<&mut Connection> = self.connections.values_mut().filter(includes).collect();
        watched.sort_by_key(|connection| connection.captured.client());
        self.outbox.add(&[recipient], &Event::Watching { whom, found: watched.len() });
        for connection in watched {
            connection.announce(&mut self.outbox);
            let (captured, name) = (&connection.captured, connection.name.as_deref());
            captured.set_watched(true);
            let opened = describe::opened(captured, name, Instant::now(), true);
            self.outbox.add(&[recipient], &opened);
            connection.recipients.push(recipient);
        }
        self.watchers.push(Watcher { recipient, watch });
    }

    /// A feed is over.
    fn watch_ended(&mut self, id: ClientId) {
        self.watchers.retain(|watcher| watcher.recipient.watcher != id);
        self.outbox.end(id);
        for connection in self.connections.values_mut() {
            connection.recipients.retain(|recipient| recipient.watcher != id);
            connection.captured.set_watched(!connection.recipients.is_empty());
        }
    }

    /// Nothing more may come that could tell of a loss by the way.
    fn tell_losses(&mut self) {
        for connection in self.connections.values() {
            tell_lost(&connection.captured, &mut self.outbox, &connection.recipients);
        }
        self.outbox.check();
    }
}

impl Connection {
    /// Tells those who watch that it is there, once.
    fn announce(&mut self, outbox: &mut Outbox) {
        if !std::mem::replace(&mut self.is_announced, true) {
            let (captured, name) = (&self.captured, self.name.as_deref());
            let opened = describe::opened(captured, name, captured.answered, false);
            outbox.add(&self.recipients, &opened);
        }
    }

    /// Tells those who watch what happened.
    fn tell(&mut self, outbox: &mut Outbox, at: Instant, what: &What) {
        if self.recipients.is_empty() {
            return;
        }
        tell_lost(&self.captured, outbox, &self.recipients);
        let (everyone, own): (Vec<_>, Vec<_>) =
            self.recipients.iter().partition(|recipient| recipient.everyone);
        describe::note(&self.captured, &mut self.lane, at, what, |event, event_for_everyone| {
            outbox.add(own.iter().copied(), event);
            outbox.add(everyone.iter().copied(), event_for_everyone);
        });
    }
}

/// Tells those who watch how many frames were left out since they were told last.
fn tell_lost(captured: &Captured, outbox: &mut Outbox, recipients: &[Recipient]) {
    let count = captured.take_lost();
    if count > 0 {
        outbox.add(recipients, &Event::Lost { conn: Some(captured.client().0), count });
    }
}

#[cfg(test)]
mod tests;
