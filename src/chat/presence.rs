//! Who is here, who was just here, and under which name.
//!
//! Called by the chat. A member is a person; a connection is how it is here just now. A member outlives its connection,
//! so that it can come back: first with its name kept for it, then without, then it is forgotten.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::name::{Name, NameKey};
use super::session::{Claim, Secret};
use crate::client_id::ClientId;

/// How long a name is kept for somebody whose connection was cut.
pub const NAME_KEPT: Duration = Duration::from_secs(30);

/// How long somebody who is not here can come back.
pub const SESSION_KEPT: Duration = Duration::from_secs(600);

/// Members that are not here and can come back; of more, those gone longest are forgotten.
pub const ABSENT_MEMBERS: usize = 4096;

/// Messages of one member whose `ref` is remembered, so that none is posted twice.
pub const REFERENCES: usize = 128;

/// Numbers rise and are never used twice within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

#[derive(Debug)]
pub struct Member {
    pub name: Name,
    pub secret: Option<Secret>,
    whereabouts: Whereabouts,
    /// It has asked for something or come back, so the welcome with its session had reached it.
    spoke: bool,
    /// What it called its latest messages, and which events they became.
    posted: VecDeque<(String, u64)>,
}

#[derive(Debug, Clone, Copy)]
enum Whereabouts {
    Here(ClientId),
    /// Its connection was cut; the name is kept for it.
    Dropped {
        since: Instant,
    },
    /// The name is free.
    Gone {
        since: Instant,
    },
}

impl Member {
    /// Its connection, if it is here.
    pub fn connection(&self) -> Option<ClientId> {
        match self.whereabouts {
            Whereabouts::Here(connection) => Some(connection),
            Whereabouts::Dropped { .. } | Whereabouts::Gone { .. } => None,
        }
    }

    /// The event that a message of this `ref` became.
    pub fn posted(&self, reference: &str) -> Option<u64> {
        self.posted.iter().find(|(known, _)| known == reference).map(|(_, id)| *id)
    }

    pub fn remember_posted(&mut self, reference: String, id: u64) {
        self.posted.push_back((reference, id));
        if self.posted.len() > REFERENCES {
            self.posted.pop_front();
        }
    }
}

/// How somebody went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// On purpose, or thrown out.
    Goodbye,
    /// It did not mean to, and may be back in a moment.
    Cut,
}

/// All members, and the ways to find one.
#[derive(Debug, Default)]
pub struct Presence {
    members: BTreeMap<MemberId, Member>,
    /// Those who are here, in order of arrival, since client numbers rise.
    here: BTreeMap<ClientId, MemberId>,
    /// Those whose name is theirs: here, or dropped a short while ago.
    names: HashMap<NameKey, MemberId>,
    /// Those who dropped, by when.
    dropped: BTreeSet<(Instant, MemberId)>,
    /// Those who are not here, dropped or gone, by when.
    absent: BTreeSet<(Instant, MemberId)>,
    last_member: u64,
    last_guest: u64,
}

impl Presence {
    pub fn count(&self) -> usize {
        self.here.len()
    }

    /// Those who are here, the earliest first.
    pub fn here(&self) -> impl Iterator<Item = &Member> {
        self.here.values().filter_map(|member| self.members.get(member))
    }

    pub fn get(&self, member: MemberId) -> Option<&Member> {
        self.members.get(&member)
    }

    pub fn get_mut(&mut self, member: MemberId) -> Option<&mut Member> {
        self.members.get_mut(&member)
    }

    /// Whose connection this is.
    pub fn by_connection(&self, connection: ClientId) -> Option<MemberId> {
        self.here.get(&connection).copied()
    }

    /// Who has this name: here, or dropped a short while ago.
    pub fn by_name(&self, key: &NameKey) -> Option<MemberId> {
        self.names.get(key).copied()
    }

    /// Somebody asked for something.
    pub fn spoke(&mut self, member: MemberId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.spoke = true;
        }
    }

    /// Lets the name of somebody go who dropped without a word. Its session may never have reached it, and then it is
    /// perhaps the very person who asks for the name again.
    pub fn let_silent_name_go(&mut self, key: &NameKey) {
        let Some(id) = self.by_name(key) else { return };
        let Some(member) = self.members.get(&id).filter(|member| !member.spoke) else { return };
        if let Whereabouts::Dropped { since } = member.whereabouts {
            self.free_name(since, id);
        }
    }

    /// Whose session this is.
    pub fn by_claim(&self, claim: &Claim) -> Option<MemberId> {
        let member = self.members.get(&claim.member)?;
        member.secret.as_ref().is_some_and(|secret| secret.fits(claim)).then_some(claim.member)
    }

    /// Somebody new, under a name that is free.
    pub fn add(&mut self, connection: ClientId, name: Name) -> MemberId {
        self.last_member += 1;
        let id = MemberId(self.last_member);
        self.names.insert(name.key(), id);
        self.here.insert(connection, id);
        let whereabouts = Whereabouts::Here(connection);
        let secret = Secret::random();
        let member = Member { name, secret, whereabouts, spoke: false, posted: VecDeque::new() };
        self.members.insert(id, member);
        id
    }

    /// Somebody is back, on a new connection; returns the old one if that was still there. The name may have gone to
    /// somebody else in the meantime: then it is a guest's.
    pub fn bring_back(&mut self, id: MemberId, connection: ClientId) -> Option<ClientId> {
        let member = self.members.get_mut(&id)?;
        let before = std::mem::replace(&mut member.whereabouts, Whereabouts::Here(connection));
        member.spoke = true;
        let key = member.name.key();
        self.here.insert(connection, id);
        match before {
            Whereabouts::Here(old) => {
                self.here.remove(&old);
                Some(old)
            }
            Whereabouts::Dropped { since } => {
                self.dropped.remove(&(since, id));
                self.absent.remove(&(since, id));
                None
            }
            Whereabouts::Gone { since } => {
                self.absent.remove(&(since, id));
                match self.names.entry(key) {
                    Entry::Vacant(free) => {
                        free.insert(id);
                    }
                    Entry::Occupied(_) => {
                        let guest = self.next_guest();
                        self.rename(id, guest);
                    }
                }
                None
            }
        }
    }

    /// A connection is over. Returns whose it was, unless that one had come back on another already.
    pub fn leave(
        &mut self,
        connection: ClientId,
        departure: Departure,
        now: Instant,
    ) -> Option<MemberId> {
        let id = self.here.remove(&connection)?;
        let member = self.members.get_mut(&id)?;
        self.absent.insert((now, id));
        match departure {
            Departure::Cut => {
                member.whereabouts = Whereabouts::Dropped { since: now };
                self.dropped.insert((now, id));
            }
            Departure::Goodbye => {
                member.whereabouts = Whereabouts::Gone { since: now };
                self.names.remove(&member.name.key());
            }
        }
        while self.absent.len() > ABSENT_MEMBERS {
            let Some(oldest) = self.absent.first().copied() else { break };
            self.forget(oldest);
        }
        Some(id)
    }

    /// Gives a member a name that is free; returns the one before.
    pub fn rename(&mut self, id: MemberId, name: Name) -> Option<Name> {
        let member = self.members.get_mut(&id)?;
        let before = std::mem::replace(&mut member.name, name.clone());
        let key = before.key();
        if self.names.get(&key) == Some(&id) {
            self.names.remove(&key);
        }
        self.names.insert(name.key(), id);
        Some(before)
    }

    /// The next guest's name that is free.
    pub fn next_guest(&mut self) -> Name {
        loop {
            self.last_guest += 1;
            let name = Name::guest(self.last_guest);
            if !self.names.contains_key(&name.key()) {
                return name;
            }
        }
    }

    /// When somebody's name, or somebody, is to be let go.
    pub fn due(&self) -> Option<Instant> {
        let name = self.dropped.first().map(|(since, _)| *since + NAME_KEPT);
        let session = self.absent.first().map(|(since, _)| *since + SESSION_KEPT);
        [name, session].into_iter().flatten().min()
    }

    /// Lets go whom it is time for.
    pub fn let_go(&mut self, now: Instant) {
        while let Some((since, id)) =
            self.dropped.first().copied().filter(|(since, _)| *since + NAME_KEPT <= now)
        {
            self.free_name(since, id);
        }
        while let Some(oldest) =
            self.absent.first().copied().filter(|(since, _)| *since + SESSION_KEPT <= now)
        {
            self.forget(oldest);
        }
    }

    /// The name of somebody who dropped is free again.
    fn free_name(&mut self, since: Instant, id: MemberId) {
        self.dropped.remove(&(since, id));
        if let Some(member) = self.members.get_mut(&id) {
            member.whereabouts = Whereabouts::Gone { since };
            self.names.remove(&member.name.key());
        }
    }

    fn forget(&mut self, (since, id): (Instant, MemberId)) {
        if self.dropped.contains(&(since, id)) {
            self.free_name(since, id);
        }
        self.absent.remove(&(since, id));
        self.members.remove(&id);
    }
}
