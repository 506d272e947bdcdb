//! One person in the chat: who that is, and where just now.
//!
//! Used by the chat alone. A member is a person; a connection is how it is here. Plain data; `presence` finds members and
//! moves them.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::input::Link;
use super::json::JsonString;
use super::name::Name;
use super::session::{Claim, Secret};

/// Messages of one member whose `ref` is remembered, so that none is posted twice.
pub const REFERENCES: usize = 128;

/// Numbers rise and are never used twice within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberId(pub u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub name: Name,
    pub(super) kind: Kind,
    pub(super) whereabouts: Whereabouts,
    /// It has asked for something or come back, so the welcome with its session had reached it.
    pub(super) spoke: bool,
    /// What it called its latest messages, and which events they became.
    pub(super) posted: VecDeque<Posted>,
}

/// What makes a member the person it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Whoever has its session. It is here on one connection at most, and its name is free when it goes.
    Guest,
    /// Whoever signed in as this account. It may be here on several connections, and its name is nobody else's as long as
    /// the account exists.
    Account,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Whereabouts {
    /// On these connections, the earliest first; never none.
    Here {
        /// The how manyeth it was to come.
        arrival: u64,
        lines: Vec<Line>,
    },
    /// Its last connection was cut; the name is kept for it.
    Dropped { since: Time, secret: Option<Secret> },
    /// The name is free, unless it is an account's.
    Gone { since: Time, secret: Option<Secret> },
}

/// A connection on which somebody is here, and the secret with which it can be continued on another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub connection: Link,
    pub secret: Option<Secret>,
}

impl Member {
    /// Its connections: none if it is not here.
    pub fn connections(&self) -> impl Iterator<Item = Link> {
        let lines = match &self.whereabouts {
            Whereabouts::Here { lines, .. } => &lines[..],
            Whereabouts::Dropped { .. } | Whereabouts::Gone { .. } => &[],
        };
        lines.iter().map(|line| line.connection)
    }

    /// What to bring along to continue this connection; absent if the system had no random numbers.
    pub fn token(&self, member: MemberId, connection: Link) -> Option<String> {
        let Whereabouts::Here { lines, .. } = &self.whereabouts else { return None };
        let line = lines.iter().find(|line| line.connection == connection)?;
        line.secret.as_ref().map(|secret| secret.token(member))
    }

    /// What is written to it now is heard: it is here, or will be back in a moment.
    pub fn can_be_written_to(&self) -> bool {
        !matches!(self.whereabouts, Whereabouts::Gone { .. })
    }

    /// One of its secrets is the claim's.
    pub(super) fn fits(&self, claim: &Claim) -> bool {
        match &self.whereabouts {
            Whereabouts::Here { lines, .. } => {
                lines.iter().any(|line| is_of(line.secret.as_ref(), claim))
            }
            Whereabouts::Dropped { secret, .. } | Whereabouts::Gone { secret, .. } => {
                is_of(secret.as_ref(), claim)
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
    /// Its text's hash.
    text: u64,
    id: u64,
}

fn hash(text: &JsonString) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.get().hash(&mut hasher);
    hasher.finish()
}

/// There is a secret, and the claim has it.
pub(super) fn is_of(secret: Option<&Secret>, claim: &Claim) -> bool {
    secret.is_some_and(|secret| secret.fits(claim))
}
