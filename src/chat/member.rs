//! One member of the chat: its name, and on which connections it is here.
//!
//! Used by the chat alone. A member is a person; a connection is one of its tabs. Plain data; `presence` finds members and
//! changes their state.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::input::ConnectionId;
use super::json::JsonString;
use super::name::Name;
use super::session_token::{MemberId, SessionToken, session_text};
use crate::token::Token;

/// Messages of one member whose `ref` is remembered, so that none is posted twice.
pub const REFERENCES: usize = 128;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub name: Name,
    pub(super) kind: Kind,
    pub(super) state: PresenceState,
    /// It has sent something or come back, so it has received its session.
    pub(super) spoke: bool,
    /// The `ref`s of its latest messages, and the events that these became.
    pub(super) posted: VecDeque<Posted>,
}

/// How a member is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Known by its session. It is here on one connection at most, and its name is free when it goes.
    Guest,
    /// Known by its account. It may be here on several connections, and no other member gets its name as long as
    /// the account exists.
    Account,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum PresenceState {
    /// On these connections, the earliest first; at least one.
    Here {
        /// Counts arrivals: members are listed in this order.
        arrival: u64,
        connections: Vec<SessionConnection>,
    },
    /// Its last connection ended in a way after which it may come back; the name is kept for it.
    Dropped { since: Time, name_until: Time, secret: Option<Token> },
    /// The name is free, unless it is an account's.
    Gone { since: Time, secret: Option<Token> },
}

/// A connection on which a member is here, and the secret with which it can be continued on another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionConnection {
    pub connection: ConnectionId,
    pub secret: Option<Token>,
}

impl Member {
    /// Its connections: none if it is not here.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        let connections = match &self.state {
            PresenceState::Here { connections, .. } => &connections[..],
            PresenceState::Dropped { .. } | PresenceState::Gone { .. } => &[],
        };
        connections.iter().map(|one| one.connection)
    }

    /// What to send to continue this connection on another; absent if the system had no random numbers.
    pub fn session_text(&self, member: MemberId, connection: ConnectionId) -> Option<String> {
        let PresenceState::Here { connections, .. } = &self.state else { return None };
        let one = connections.iter().find(|one| one.connection == connection)?;
        one.secret.as_ref().map(|secret| session_text(member, secret))
    }

    /// A private message to it is received: it is here, or its name is kept until it comes back.
    pub fn can_be_written_to(&self) -> bool {
        !matches!(self.state, PresenceState::Gone { .. })
    }

    /// The session is one of its own.
    pub(super) fn owns(&self, session: &SessionToken) -> bool {
        match &self.state {
            PresenceState::Here { connections, .. } => {
                connections.iter().any(|one| session.proves(one.secret.as_ref()))
            }
            PresenceState::Dropped { secret, .. } | PresenceState::Gone { secret, .. } => {
                session.proves(secret.as_ref())
            }
        }
    }

    /// The event that this message became when it was sent before. Two tabs of a person may use the same `ref`, so the text
    /// must be the same, too.
    pub fn posted(&self, reference: &str, text: &JsonString) -> Option<u64> {
        let text = hash(text);
        let is_same = |known: &&Posted| known.reference == reference && known.text == text;
        self.posted.iter().find(is_same).map(|posted| posted.id)
    }

    pub fn remember_posted(&mut self, reference: &str, text: &JsonString, id: u64) {
        let (reference, text) = (reference.to_owned(), hash(text));
        self.posted.push_back(Posted { reference, text, id });
        if self.posted.len() > REFERENCES {
            self.posted.pop_front();
        }
    }
}

/// A message with a `ref` that became event `id`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Posted {
    reference: String,
    /// The hash of its text.
    text: u64,
    id: u64,
}

fn hash(text: &JsonString) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.get().hash(&mut hasher);
    hasher.finish()
}
