//! What teachers have decided in the chat: who may not write, who may not come in, and whose hands are raised.
//!
//! A part of the chat, plain data: all servers that share the chat have the same. It knows no key: a feature decides who becomes a
//! teacher.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::input::ConnectionId;
use super::join_request::JoinRequest;
use super::name::{Name, NameKey};
use super::presence::pairs;
use super::session_token::MemberId;
use crate::close_code::{self, CloseReason};

/// Teachers of one chat, at most.
pub const MAX_TEACHERS: usize = 64;

/// Names that are muted, and members that may not return, at most.
pub const MAX_RESTRICTED: usize = 1000;

/// Raised hands, at most.
pub const MAX_HANDS: usize = 100;

/// How long a member may be kept out, in minutes.
pub const EXPELLED_MINUTES: RangeInclusive<u32> = 1..=240;

const LOCKED: CloseReason =
    CloseReason::new(close_code::TRY_AGAIN_LATER, "locked: at the moment the teacher admits no one new");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rules {
    teachers: Vec<Teacher>,
    /// By the keys of their names: the names as they are shown, and the members, who may come back under another name.
    pub(super) muted: BTreeMap<NameKey, (Name, MemberId)>,
    /// Only teachers may write.
    pub(super) listen: bool,
    /// Only those who were here may come in.
    pub(super) locked: bool,
    pub(super) expelled: Vec<Expelled>,
    /// In the order in which they were raised.
    pub(super) hands: Vec<MemberId>,
    /// Where the members' connections come from.
    #[serde(with = "pairs")]
    addresses: HashMap<ConnectionId, IpAddr>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Teacher {
    member: MemberId,
    /// It has shown the key. Otherwise it is one by the list of users, until that says something else.
    has_key: bool,
}

/// A member that may not return for a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Expelled {
    pub name: Name,
    member: MemberId,
    /// Its addresses, if nothing from there may come in.
    addresses: Vec<IpAddr>,
    until: Time,
}

impl Rules {
    pub fn is_teacher(&self, member: MemberId) -> bool {
        self.teachers.iter().any(|teacher| teacher.member == member)
    }

    pub(super) fn teachers(&self) -> impl Iterator<Item = MemberId> {
        self.teachers.iter().map(|teacher| teacher.member)
    }

    /// Returns whether there was room for one more; `is_known` tells which members the chat still knows.
    pub(super) fn add_teacher(
        &mut self,
        member: MemberId,
        has_key: bool,
        is_known: impl Fn(MemberId) -> bool,
    ) -> bool {
        if let Some(teacher) = self.teachers.iter_mut().find(|teacher| teacher.member == member) {
            teacher.has_key |= has_key;
            return true;
        }
        self.teachers.retain(|teacher| is_known(teacher.member));
        if self.teachers.len() == MAX_TEACHERS {
            return false;
        }
        self.teachers.push(Teacher { member, has_key });
        true
    }

    /// The list of users no longer has its mark.
    pub(super) fn remove_mark(&mut self, member: MemberId) {
        self.teachers.retain(|teacher| teacher.member != member || teacher.has_key);
    }

    /// Whether it matters to the others that this member comes, goes or has another name.
    pub(super) fn concerns(&self, member: MemberId) -> bool {
        self.is_teacher(member) || self.hands.contains(&member)
    }

    /// Why this member may not write at the moment: the reason's key, and its words.
    pub(super) fn silence(&self, member: MemberId, name: &Name) -> Option<(&'static str, &'static str)> {
        if self.muted.is_empty() && !self.listen || self.is_teacher(member) {
            None
        } else if self.muted.contains_key(&name.key())
            || self.muted.values().any(|(_, other)| *other == member)
        {
            Some(("muted", "the teacher has muted you: this was not sent"))
        } else {
            self.listen.then_some(("listen", "only the teacher may write at the moment: this was not sent"))
        }
    }

    /// A connection has joined from this address, or is over.
    pub(super) fn comes_from(&mut self, connection: ConnectionId, address: Option<IpAddr>) {
        match address {
            Some(address) => drop(self.addresses.insert(connection, address)),
            None => drop(self.addresses.remove(&connection)),
        }
    }

    pub(super) fn address(&self, connection: ConnectionId) -> Option<IpAddr> {
        self.addresses.get(&connection).copied()
    }

    /// No return until then. Returns whether there was room for one more.
    pub(super) fn expel(
        &mut self,
        name: Name,
        member: MemberId,
        addresses: Vec<IpAddr>,
        until: Time,
    ) -> bool {
        self.expelled.retain(|expelled| expelled.member != member && expelled.name.key() != name.key());
        let has_room = self.expelled.len() < MAX_RESTRICTED;
        if has_room {
            self.expelled.push(Expelled { name, member, addresses, until });
        }
        has_room
    }

    pub(super) fn readmit(&mut self, key: &NameKey) -> bool {
        let before = self.expelled.len();
        self.expelled.retain(|expelled| expelled.name.key() != *key);
        self.expelled.len() < before
    }

    /// The name is that of a member who may not return.
    pub(super) fn is_reserved(&self, key: &NameKey) -> bool {
        self.expelled.iter().any(|expelled| expelled.name.key() == *key)
    }

    /// When the next time without a return is over.
    pub(super) fn due(&self) -> Option<Time> {
        self.expelled.iter().map(|expelled| expelled.until).min()
    }

    /// Returns whether a time was over.
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let before = self.expelled.len();
        self.expelled.retain(|expelled| expelled.until > now);
        self.expelled.len() < before
    }

    /// Why this client may not come in; `member` is the one that it was, if the chat knows it.
    pub(super) fn turned_away(
        &self,
        request: &JoinRequest,
        member: Option<MemberId>,
        now: Time,
    ) -> Option<CloseReason> {
        if request.is_teacher || member.is_some_and(|member| self.is_teacher(member)) {
            return None;
        }
        let session = request.resume.as_ref().and_then(|resume| resume.session.as_ref());
        // Its number is enough: only the owner of a session has a reason to send it.
        let claimed = session.map(|session| session.member);
        let name = request.account.clone().or_else(|| Name::parse(request.name.as_deref()?).ok());
        let key = name.map(|name| name.key());
        let is_meant = |expelled: &&Expelled| {
            Some(expelled.member) == claimed.or(member)
                || key.as_ref() == Some(&expelled.name.key())
                || request.address.is_some_and(|address| expelled.addresses.contains(&address))
        };
        match self.expelled.iter().find(is_meant) {
            Some(expelled) => Some(expelled_reason(expelled.until.since(now))),
            None => (self.locked && member.is_none()).then_some(LOCKED),
        }
    }

    /// Addresses from which nothing may come in.
    pub(super) fn expelled_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.expelled.iter().flat_map(|expelled| expelled.addresses.iter().copied())
    }
}

/// What the close frame says: when a return is possible.
pub(super) fn expelled_reason(left: Duration) -> CloseReason {
    let minutes = left.as_secs().div_ceil(60).max(1);
    let reason = format!("expelled: the teacher closed your connection; you may come back in {minutes} min");
    CloseReason::composed(close_code::EXPELLED, reason)
}

#[cfg(test)]
mod tests;
