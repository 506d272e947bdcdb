//! The chat among its people: what their clients know, and what is expected of the chat.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;
use websocket_classroom::chat::{
    Chat, ConnectionId, Input, JoinRequest, Name, NameKey, Parsed, Refusal, ServerId, Settings, Time,
    Timestamp,
};
use websocket_classroom::client_id::ClientId;
use websocket_classroom::close_code::{self, CloseReason};
use websocket_classroom::tap::Privacy;
use websocket_classroom::token::Token;

use super::mailbox::{Mailbox, Mailboxes};

/// Each has one client at a time. With the next one the connection of the one before stays open for good.
pub const PEOPLE: usize = 8;

/// Servers that share the chat.
pub const SERVERS: u64 = 2;

/// Connections at once: each gets everything.
const CONNECTIONS: usize = 48;

/// Events that a new member gets, and bytes that may wait for one client: few, so that both bounds are met.
const HISTORY: usize = 8;
const SEND_QUEUE: usize = 8192;

/// What a person needs to come back.
#[derive(Default, Clone)]
pub(super) struct Person {
    pub(super) connection: Option<ConnectionId>,
    pub(super) session: Option<String>,
    pub(super) received: u64,
}

/// A connection as its client knows it.
#[derive(Default)]
pub(super) struct Client {
    pub(super) person: usize,
    /// The number before the secret of its session; 0 before its welcome.
    pub(super) member: u64,
    /// The highest event that it received, and the last before it joined.
    pub(super) received: u64,
    pub(super) last: u64,
}

/// An event as it was first received, and who may receive it if not all may.
pub(super) struct Known {
    pub(super) event: Value,
    pub(super) members: Option<HashSet<u64>>,
}

/// What the last events come from.
pub enum Cause {
    Other,
    /// A client joined, and said that it knew the events up to this one.
    Joined(ConnectionId, u64),
    /// A client sent a text, which was marked like this.
    Said(ConnectionId, Privacy),
}

pub struct Model {
    pub(super) chat: Chat,
    pub(super) mailboxes: Mailboxes,
    pub(super) people: [Person; PEOPLE],
    pub(super) clients: BTreeMap<ConnectionId, Client>,
    /// The last known name of each member, and what makes it one with others that look like it.
    pub(super) names: HashMap<u64, String>,
    pub(super) keys: HashMap<u64, NameKey>,
    pub(super) events: HashMap<u64, Known>,
    now: Time,
    last_connection: u64,
    /// The longest line so far in bytes.
    pub longest: usize,
}

impl Model {
    pub fn new() -> Model {
        let settings = Settings { history: HISTORY, send_queue: SEND_QUEUE, ..Settings::default() };
        Model {
            chat: Chat::of_epoch("epoch".to_owned(), settings),
            mailboxes: Mailboxes::default(),
            people: Default::default(),
            clients: BTreeMap::new(),
            names: HashMap::new(),
            keys: HashMap::new(),
            events: HashMap::new(),
            now: Time(1_000_000),
            last_connection: 0,
            longest: 0,
        }
    }

    /// The query with which a person comes back.
    pub fn session(&self, person: usize) -> String {
        let Person { session, received, .. } = &self.people[person];
        let session = session.as_deref().unwrap_or("1.AAAAAAAAAAAAAAAAAAAAAA");
        format!("session={session}&epoch=epoch&after={received}")
    }

    pub fn join(&mut self, person: usize, request: JoinRequest) {
        if self.clients.len() == CONNECTIONS {
            return;
        }
        self.last_connection += 1;
        let server = ServerId(self.last_connection % SERVERS);
        let connection = ConnectionId { server, client: ClientId(self.last_connection) };
        // The same in every run.
        let secret = [self.last_connection.to_be_bytes(), [7; 8]].concat();
        let secret: Token = serde_json::from_value(secret.into()).expect("16 bytes");
        let after = request.resume.as_ref().map_or(0, |resume| resume.after);
        let account = request.account.as_ref().map(Name::key);
        self.mailboxes.open.insert(connection, Mailbox { account, ..Mailbox::default() });
        self.clients.insert(connection, Client { person, ..Client::default() });
        self.people[person].connection = Some(connection);
        let request = Box::new(request);
        let joined = Input::Joined { connection, request, secret: Some(secret) };
        self.apply(&joined, &Cause::Joined(connection, after));
    }

    pub fn say(&mut self, person: usize, parsed: Parsed, privacy: Privacy) {
        let Some(connection) = self.people[person].connection else { return };
        let cause = Cause::Said(connection, privacy);
        let refusal = match parsed {
            Parsed::Command(command) => return self.apply(&Input::Command { connection, command }, &cause),
            // The chat never learns of it.
            Parsed::Heartbeat { .. } => return,
            Parsed::Unknown(fields) => Refusal::unknown_type(&[], fields.reference),
            Parsed::Refused(refusal) => refusal,
        };
        self.chat.refuse(connection, &refusal, &mut self.mailboxes);
        self.check(&cause);
    }

    pub fn leave(&mut self, person: usize, how: &CloseReason) {
        if let Some(connection) = self.people[person].connection {
            self.left(connection, how);
        }
    }

    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.apply(&Input::Tick, &Cause::Other);
    }

    pub fn lose_server(&mut self, server: ServerId) {
        let lost: Vec<ConnectionId> =
            self.clients.keys().copied().filter(|connection| connection.server == server).collect();
        lost.into_iter().for_each(|connection| self.hang_up(connection));
        let how = CloseReason::new(close_code::ABNORMAL, "");
        self.apply(&Input::ServerGone { server, how }, &Cause::Other);
    }

    /// The person of an account signs out at one of the servers, or the account is gone. That server itself closes the
    /// connections that it has of the account.
    pub fn end_account(&mut self, name: &Name, is_gone: bool) {
        let (account, origin) = (name.key(), ServerId(0));
        let ended = match is_gone {
            true => Input::AccountsGone { accounts: vec![account.clone()], origin },
            false => Input::SignedOut { account: account.clone(), origin },
        };
        self.apply(&ended, &Cause::Other);
        let open = self.mailboxes.open.iter();
        let theirs = open.filter(|(_, mailbox)| mailbox.account.as_ref() == Some(&account));
        let theirs: Vec<ConnectionId> = theirs.map(|(connection, _)| *connection).collect();
        assert!(theirs.iter().all(|connection| connection.server == origin), "{theirs:?} are left");
        let how = CloseReason::new(close_code::SIGNED_OUT, "");
        theirs.into_iter().for_each(|connection| self.left(connection, &how));
    }

    fn left(&mut self, connection: ConnectionId, how: &CloseReason) {
        self.hang_up(connection);
        self.apply(&Input::Left { connection, how: how.clone() }, &Cause::Other);
    }

    fn hang_up(&mut self, connection: ConnectionId) {
        self.mailboxes.open.remove(&connection);
        if let Some(client) = self.clients.remove(&connection) {
            let person = &mut self.people[client.person];
            if person.connection.take_if(|now| *now == connection).is_some() {
                person.received = client.received;
            }
        }
    }

    /// The chat gets an input as it comes from another server, and all read what comes of it.
    fn apply(&mut self, input: &Input, cause: &Cause) {
        let json = serde_json::to_string(input).expect("an input can be sent to other servers");
        let input: Input = serde_json::from_str(&json).expect("and be read there");
        let at = "2026-11-23T09:00:00.000Z".to_owned();
        let before = self.chat.messages();
        self.chat.apply(input, &Timestamp { now: self.now, at }, &mut self.mailboxes);
        assert!(self.chat.messages() - before <= 1);
        let is_later = |due| due > self.now;
        assert!(self.chat.due().is_none_or(is_later), "what is due is done, or it is never done");
        self.check(cause);
        for (closed, reason) in std::mem::take(&mut self.mailboxes.closing) {
            self.left(closed, &reason);
        }
    }
}
