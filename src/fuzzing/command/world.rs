//! The chat among its people, and what must hold after each thing that happens.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::mailboxes::Mailboxes;
use crate::chat::{
    Chat, Command, Entrance, Input, Link, Moment, Name, NameKey, Refusal, Secret, ServerId, Time,
};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};

/// Where people sit. Whoever comes in where another is, leaves that connection open for good.
pub const PLACES: usize = 8;

/// Servers that share the chat.
pub const SERVERS: u64 = 2;

/// Connections at once: each hears everything.
const CONNECTIONS: usize = 48;

/// Events that a newcomer hears, and bytes that may wait for one client: few, so that both bounds are met.
const SHOWN: usize = 8;
const BACKLOG: usize = 8192;

/// What somebody needs to come back.
#[derive(Default, Clone)]
pub(super) struct Place {
    pub(super) link: Option<Link>,
    pub(super) session: Option<String>,
    pub(super) heard: u64,
}

/// A connection as its client knows it.
#[derive(Default)]
pub(super) struct Client {
    pub(super) place: usize,
    /// The number before the secret of its session; 0 before its welcome.
    pub(super) member: u64,
    /// The highest event it heard, and the last before it came.
    pub(super) heard: u64,
    pub(super) last: u64,
}

/// An event as it was heard first, and who may hear it if not everybody may.
pub(super) struct Told {
    pub(super) event: Value,
    pub(super) members: Option<HashSet<u64>>,
}

/// What the last events come from.
pub enum Happened {
    Nothing,
    /// Somebody came in, and said that it knew the events up to this one.
    Entered(Link, u64),
    Said(Link),
}

pub struct World {
    pub(super) chat: Chat,
    pub(super) mailboxes: Mailboxes,
    pub(super) places: [Place; PLACES],
    pub(super) clients: BTreeMap<Link, Client>,
    /// The last known name of each member, and what makes it one with others that look like it.
    pub(super) names: HashMap<u64, String>,
    pub(super) keys: HashMap<u64, NameKey>,
    pub(super) told: HashMap<u64, Told>,
    now: Time,
    last_link: u64,
    /// The longest line so far in bytes.
    pub longest: usize,
}

impl World {
    pub fn new() -> World {
        World {
            chat: Chat::of_epoch("epoch".to_owned(), SHOWN, BACKLOG),
            mailboxes: Mailboxes::default(),
            places: Default::default(),
            clients: BTreeMap::new(),
            names: HashMap::new(),
            keys: HashMap::new(),
            told: HashMap::new(),
            now: Time(1_000_000),
            last_link: 0,
            longest: 0,
        }
    }

    /// The query with which a place comes back.
    pub fn back(&self, place: usize) -> String {
        let Place { session, heard, .. } = &self.places[place];
        let session = session.as_deref().unwrap_or("1.AAAAAAAAAAAAAAAAAAAAAA");
        format!("session={session}&epoch=epoch&after={heard}")
    }

    pub fn enter(&mut self, place: usize, entrance: Entrance) {
        if self.clients.len() == CONNECTIONS {
            return;
        }
        self.last_link += 1;
        let server = ServerId(self.last_link % SERVERS);
        let link = Link { server, client: ClientId(self.last_link) };
        // The same in every run.
        let secret = [self.last_link.to_be_bytes(), [7; 8]].concat();
        let secret: Secret = serde_json::from_value(secret.into()).expect("16 bytes");
        let after = entrance.back.as_ref().map_or(0, |back| back.after);
        self.mailboxes.open.insert(link, Vec::new());
        self.clients.insert(link, Client { place, ..Client::default() });
        self.places[place].link = Some(link);
        let entered = Input::Entered { link, entrance, secret: Some(secret) };
        self.take(&entered, &Happened::Entered(link, after));
    }

    pub fn say(&mut self, place: usize, said: Result<Command, Refusal>) {
        let Some(link) = self.places[place].link else { return };
        match said {
            // Not the chat's business.
            Ok(Command::Show(_)) => {}
            Ok(command) => self.take(&Input::Asked { link, command }, &Happened::Said(link)),
            Err(refusal) => {
                self.chat.refuse(link, &refusal, &mut self.mailboxes);
                self.check(&Happened::Said(link));
            }
        }
    }

    pub fn leave(&mut self, place: usize, how: &CloseReason) {
        if let Some(link) = self.places[place].link {
            self.left(link, how);
        }
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.take(&Input::Tick, &Happened::Nothing);
    }

    pub fn lose_server(&mut self, server: ServerId) {
        let lost: Vec<Link> =
            self.clients.keys().copied().filter(|link| link.server == server).collect();
        lost.into_iter().for_each(|link| self.hang_up(link));
        let how = CloseReason::new(close::ABNORMAL, "");
        self.take(&Input::ServerGone { server, how }, &Happened::Nothing);
    }

    /// Its connections have begun to close by then.
    pub fn forget_account(&mut self, name: &Name) {
        self.take(&Input::AccountsGone(vec![name.key()]), &Happened::Nothing);
        let is_named = |link: &Link| {
            let name_now = self.chat.name_of(*link).and_then(|name| Name::parse(name).ok());
            name_now.is_some_and(|now| now.key() == name.key())
        };
        let closing: Vec<Link> = self.clients.keys().copied().filter(is_named).collect();
        let how = CloseReason::new(close::SIGNED_OUT, "");
        closing.into_iter().for_each(|link| self.left(link, &how));
    }

    fn left(&mut self, link: Link, how: &CloseReason) {
        self.hang_up(link);
        self.take(&Input::Left { link, how: how.clone() }, &Happened::Nothing);
    }

    fn hang_up(&mut self, link: Link) {
        self.mailboxes.open.remove(&link);
        if let Some(client) = self.clients.remove(&link) {
            let place = &mut self.places[client.place];
            if place.link.take_if(|now| *now == link).is_some() {
                place.heard = client.heard;
            }
        }
    }

    /// The chat takes an input as it comes from another server, and everybody reads what comes of it.
    fn take(&mut self, input: &Input, happened: &Happened) {
        let json = serde_json::to_string(input).expect("an input can be sent to other servers");
        let input: Input = serde_json::from_str(&json).expect("and be read there");
        let at = "2026-11-23T09:00:00.000Z".to_owned();
        let before = self.chat.messages();
        self.chat.take(input, &Moment { now: self.now, at }, &mut self.mailboxes);
        assert!(self.chat.messages() - before <= 1);
        let is_later = |due| due > self.now;
        assert!(self.chat.due().is_none_or(is_later), "what is due is done, or it is never done");
        self.check(happened);
        for closed in std::mem::take(&mut self.mailboxes.closing) {
            self.left(closed, &CloseReason::new(close::SESSION_CONTINUED, ""));
        }
    }
}
