//! Who watches whom: the part of the broadcaster that feeds the inspector, and sends what comes of it.
//!
//! On the broadcaster's thread. Watching must never slow the chat: towards the inspector nothing waits, and a watcher
//! that reads slowly gets less, and is told how much less.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use log::info;

use super::client::Client;
use super::closing::Cause;
use super::timers::Timer;
use super::{Broadcaster, close};
use crate::chat::Link;
use crate::client_id::ClientId;
use crate::close::CloseReason;
use crate::wire::{
    self, Event, Opening, Purpose, Recipient, Shown, Tapped, ToInspector, Watch, Watched, What,
};

/// Watchers of one key, and of everyone.
const WATCHERS: usize = 8;

/// Bytes that may wait for a watcher; more of the inspector's events are left out. Never more than half of what may
/// wait for any client, else it would be thrown out for watching.
const WATCHER_BACKLOG: usize = 256 * 1024;

const TOO_MANY_WATCHERS: CloseReason =
    CloseReason::new(close::POLICY_VIOLATION, "too many watch this already");

/// While somebody watches, whoever lost events is told so at least this often.
const TELL_LOSSES: Duration = Duration::from_millis(500);

/// All watchers, and the way to the inspector.
pub struct Watching {
    watchers: Vec<Watcher>,
    to_inspector: ToInspector,
}

struct Watcher {
    id: ClientId,
    watch: Watch,
    /// Events that were left out since the last that was sent.
    left_out: u64,
}

impl Watcher {
    fn watches(&self, opening: &Opening) -> bool {
        match (&self.watch, &opening.key) {
            _ if opening.purpose == Purpose::Watching => false,
            (Watch::Everyone, _) => true,
            (Watch::Key(key), Some(other)) => key.fits(other),
            (Watch::Key(_), None) => false,
        }
    }

    /// The event that tells what was left out, if anything was.
    fn take_loss(&mut self) -> Option<Bytes> {
        let count = std::mem::take(&mut self.left_out);
        let mut frame = BytesMut::new();
        wire::put_text_frame(&Event::Lost { conn: None, count }.json(), &mut frame);
        (count > 0).then(|| frame.freeze())
    }

    fn recipient(&self) -> Recipient {
        Recipient { watcher: self.id, everyone: matches!(self.watch, Watch::Everyone) }
    }
}

impl Watching {
    pub fn new(to_inspector: ToInspector) -> Watching {
        Watching { watchers: Vec::new(), to_inspector }
    }

    /// The connection as it is watched, if anybody does.
    fn of(&self, opening: &Arc<Opening>) -> Option<Watched> {
        let watchers = self.watchers.iter().filter(|watcher| watcher.watches(opening));
        let recipients: Vec<Recipient> = watchers.map(Watcher::recipient).collect();
        let to_inspector = &self.to_inspector;
        (!recipients.is_empty())
            .then(|| Watched::new(Arc::clone(opening), recipients, to_inspector.clone()))
    }

    fn count_like(&self, watch: &Watch) -> usize {
        let same = |other: &Watch| match (watch, other) {
            (Watch::Everyone, Watch::Everyone) => true,
            (Watch::Key(one), Watch::Key(other)) => one.fits(other),
            _ => false,
        };
        self.watchers.iter().filter(|watcher| same(&watcher.watch)).count()
    }
}

impl Broadcaster {
    /// Somebody wants to watch, and is told what is there.
    pub(super) fn begin_watching(&mut self, id: ClientId, watch: &Watch) {
        if self.watching.count_like(watch) >= WATCHERS {
            return self.begin_closing(id, Cause::Server(TOO_MANY_WATCHERS));
        }
        match watch {
            Watch::Everyone => info!("{id}: watches everyone, with the teacher's key"),
            Watch::Key(_) => info!("{id}: watches the connections of its key"),
        }
        let watcher = Watcher { id, watch: watch.clone(), left_out: 0 };
        let recipient = watcher.recipient();
        let Self { watching, clients, chat, .. } = self;
        let watched = || {
            clients.iter().filter(|client| watcher.watches(&client.opening)).map(|client| client.id)
        };
        let found: Vec<ClientId> = watched().collect();
        if watching.watchers.is_empty() {
            self.timers.set(self.now + TELL_LOSSES, Timer::TellLosses);
        }
        watching.watchers.push(watcher);
        watching.to_inspector.begin(recipient, found.len());
        let server = clients.server;
        for found in found {
            let Some(client) = clients.get_mut(found) else { continue };
            let name = chat.name_of(Link { server, client: found }).map(str::to_owned);
            let sent = client.sent_bytes;
            let Some(watched) = watching.of(&client.opening) else { continue };
            watched.tell_one(recipient, What::Opened { name, late: true, sent });
            client.watch(Some(watched));
        }
        self.count_watchers();
    }

    /// A watcher closes.
    pub(super) fn end_watching(&mut self, id: ClientId) {
        let Self { watching, clients, .. } = self;
        let Some(place) = watching.watchers.iter().position(|watcher| watcher.id == id) else {
            return;
        };
        let watcher = watching.watchers.swap_remove(place);
        for client in clients.iter_mut().filter(|client| watcher.watches(&client.opening)) {
            client.watch(watching.of(&client.opening));
        }
        self.count_watchers();
    }

    fn count_watchers(&self) {
        self.counters.watchers.store(self.watching.watchers.len(), Ordering::Relaxed);
    }

    /// A new connection is shown from its first byte to those who wait for it.
    pub(super) fn show_newcomer(&mut self, id: ClientId) {
        let Self { watching, clients, chat, .. } = self;
        let Some(client) = clients.get_mut(id) else { return };
        let mut watched = watching.of(&client.opening);
        if let Some(watched) = &mut watched {
            let name = chat.name_of(Link::of_this_process(id)).map(str::to_owned);
            watched.tell(Instant::now(), What::Opened { name, late: false, sent: 0 });
        }
        client.watch(watched);
    }

    /// A connection that did not become a WebSocket.
    pub(super) fn refused(&self, opening: &Arc<Opening>) {
        if let Some(mut watched) = self.watching.of(opening) {
            watched.tell(opening.answered, What::Refused);
        }
    }

    /// Something was read from a client, perhaps one that nobody watches any more.
    pub(super) fn tapped(&mut self, id: ClientId, at: Instant, tapped: Tapped) {
        if let Some(client) = self.clients.get_mut(id) {
            client.tell_watchers(at, || What::from(tapped));
        }
    }

    /// Somebody may have a new name.
    pub(super) fn show_name(&mut self, id: ClientId, before: Option<String>) {
        let name = self.chat.name_of(Link::of_this_process(id));
        if before.as_deref() != name
            && let (Some(name), Some(client)) = (name, self.clients.get_mut(id))
        {
            client.tell_watchers(Instant::now(), || What::Named(name.to_owned()));
        }
    }

    /// The inspector's events for a watcher, unless it reads too slowly.
    pub(super) fn shown(&mut self, shown: Shown) {
        let Shown { watcher: id, frames, events } = shown;
        if !self.is_open(id) {
            return;
        }
        let room = WATCHER_BACKLOG.min(self.backlog_bound / 2);
        let watcher = self.watching.watchers.iter_mut().find(|watcher| watcher.id == id);
        let (Some(watcher), Some(client)) = (watcher, self.clients.get_mut(id)) else { return };
        if client.waiting() > room {
            watcher.left_out += events;
            return;
        }
        if let Some(lost) = watcher.take_loss() {
            self.clients.send_one(id, lost);
        }
        self.clients.send_one(id, frames);
    }

    /// Nothing more may come that could tell of a loss by the way.
    pub(super) fn tell_losses(&mut self) {
        let Self { watching, clients, .. } = self;
        if watching.watchers.is_empty() {
            return;
        }
        clients.iter_mut().for_each(Client::tell_loss);
        for watcher in &mut watching.watchers {
            let is_ready = clients.get_mut(watcher.id).is_some_and(|client| client.waiting() == 0);
            if let Some(lost) = is_ready.then(|| watcher.take_loss()).flatten() {
                clients.send_one(watcher.id, lost);
            }
        }
        self.timers.set(self.now + TELL_LOSSES, Timer::TellLosses);
    }
}
