//! Who is here, who was just here, and under which name.
//!
//! Called by the chat. A member is a person; a connection is one of its tabs. After its last connection has ended a member can
//! come back: first its name is kept for it, then only its session, then it is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::input::{ConnectionId, ServerId};
use super::member::{Kind, Member, PresenceState, SessionConnection};
use super::name::{Name, NameKey};
use super::session_token::{MemberId, SessionToken};
use crate::client_id::ByNumber;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// How long a member who is not here can come back.
pub const SESSION_KEPT: Duration = Duration::from_secs(600);

/// Connections on which one member can be here; if there is one more, the oldest is closed.
pub const MAX_CONNECTIONS: usize = 32;

/// Members that are not here and can come back; if there are more, those who left first are forgotten.
pub const ABSENT_MEMBERS: usize = 4096;

pub(super) const CONTINUED: CloseReason = CloseReason::new(
    close_code::SESSION_CONTINUED,
    "continued: this session was continued on another connection",
);
const TOO_MANY: CloseReason = CloseReason::new(
    close_code::SESSION_CONTINUED,
    "too_many_connections: you are here on too many connections: the oldest ends",
);

/// How a member came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub member: MemberId,
    /// The member was not known before.
    pub is_new: bool,
    /// It was here on another connection: no join is announced.
    pub was_here: bool,
    /// An older connection that is closed for this one.
    pub replaces: Option<(ConnectionId, CloseReason)>,
}

/// All members, with indexes to find one. All of it may be a copy from another server, out of Redis: so what an index names and is
/// not there is no panic, but ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Presence {
    members: BTreeMap<MemberId, Member>,
    /// The member of each connection.
    #[serde(with = "pairs")]
    connections: HashMap<ConnectionId, MemberId, ByNumber>,
    /// Those who are here, in order of arrival.
    here: BTreeMap<u64, MemberId>,
    /// The owner of each name: a member who is here, or was cut off a short time ago, or is an account. Sorted, so that a list in pages
    /// has an order in which no coming and going moves another name.
    names: BTreeMap<NameKey, MemberId>,
    /// Those who may come back and whose name is kept, by when that ends.
    dropped: BTreeSet<(Time, MemberId)>,
    /// Those who are not here, by when they left.
    absent: BTreeSet<(Time, MemberId)>,
    last_member: u64,
    last_arrival: u64,
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

    /// The member of this connection.
    pub fn by_connection(&self, connection: ConnectionId) -> Option<MemberId> {
        self.connections.get(&connection).copied()
    }

    /// All connections of one server, in order.
    pub fn connections_of(&self, server: ServerId) -> Vec<ConnectionId> {
        let mut found: Vec<ConnectionId> =
            self.connections.keys().copied().filter(|one| one.server == server).collect();
        found.sort_unstable();
        found
    }

    /// The owner of this name: a member who is here, or was cut off a short time ago, or is an account.
    pub fn by_name(&self, key: &NameKey) -> Option<MemberId> {
        self.names.get(key).copied()
    }

    /// Those who are here, by the keys of their names, from the first key after this one.
    pub fn here_after(&self, after: Option<&NameKey>) -> impl Iterator<Item = &Member> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members = self.names.range((begin, Bound::Unbounded)).filter_map(|(_, id)| self.members.get(id));
        members.filter(|member| matches!(member.state, PresenceState::Here { .. }))
    }

    /// A member asked for something.
    pub fn spoke(&mut self, member: MemberId) {
        if let Some(member) = self.members.get_mut(&member) {
            member.spoke = true;
        }
    }

    /// Frees the name of a member who was cut off and never sent anything. Perhaps it never received its session, and is
    /// now the one who asks for the name again.
    pub fn release_unconfirmed_name(&mut self, key: &NameKey) {
        let Some(id) = self.by_name(key) else { return };
        let Some(member) = self.members.get(&id).filter(|member| !member.spoke) else { return };
        if let PresenceState::Dropped { .. } = member.state {
            self.free_name(id);
        }
    }

    /// The member of this session.
    pub fn by_session(&self, session: &SessionToken) -> Option<MemberId> {
        self.members.get(&session.member)?.owns(session).then_some(session.member)
    }

    /// The member is an account.
    pub fn is_account(&self, member: MemberId) -> bool {
        self.members.get(&member).is_some_and(|member| member.kind == Kind::Account)
    }

    /// A new member, under a name that is free.
    pub fn add_guest(&mut self, connection: ConnectionId, name: Name, secret: Option<Token>) -> MemberId {
        self.add(connection, name, Kind::Guest, secret)
    }

    /// The member of an account, who may be here already. With the session of a connection it continues that one.
    pub fn bring_account(
        &mut self,
        connection: ConnectionId,
        name: &Name,
        session: Option<&SessionToken>,
        secret: Option<Token>,
    ) -> Option<Arrival> {
        let known = self.by_name(&name.key()).filter(|member| self.is_account(*member));
        let Some(known) = known else {
            let member = self.add(connection, name.clone(), Kind::Account, secret);
            return Some(Arrival { member, is_new: true, was_here: false, replaces: None });
        };
        let arrival = self.bring_back(known, connection, session, secret)?;
        // Its spelling may have changed.
        if let Some(member) = self.members.get_mut(&known).filter(|_| !arrival.was_here) {
            member.name = name.clone();
        }
        Some(arrival)
    }

    fn add(&mut self, connection: ConnectionId, name: Name, kind: Kind, secret: Option<Token>) -> MemberId {
        self.last_member += 1;
        let id = MemberId(self.last_member);
        self.names.insert(name.key(), id);
        self.connections.insert(connection, id);
        self.last_arrival += 1;
        let arrival = self.last_arrival;
        self.here.insert(arrival, id);
        let connections = vec![SessionConnection { connection, secret }];
        let state = PresenceState::Here { arrival, connections };
        let member = Member { name, kind, state, spoke: false, posted: VecDeque::new() };
        self.members.insert(id, member);
        id
    }

    /// A member is back, or here on one more connection. `None` if there is no such member.
    ///
    /// Another member may have a guest's name by now: then the guest gets a new one.
    pub fn bring_back(
        &mut self,
        id: MemberId,
        connection: ConnectionId,
        session: Option<&SessionToken>,
        new_secret: Option<Token>,
    ) -> Option<Arrival> {
        let member = self.members.get_mut(&id)?;
        member.spoke = true;
        self.connections.insert(connection, id);
        let is_claimed =
            |secret: &Option<Token>| session.is_some_and(|session| session.proves(secret.as_ref()));
        let (since, name_until, secret) = match &mut member.state {
            PresenceState::Here { connections, .. } => {
                let claimed = connections.iter_mut().find(|one| is_claimed(&one.secret));
                let replaces = match claimed {
                    Some(one) => Some((std::mem::replace(&mut one.connection, connection), CONTINUED)),
                    None => {
                        connections.push(SessionConnection { connection, secret: new_secret });
                        let oldest =
                            (connections.len() > MAX_CONNECTIONS).then(|| connections.remove(0).connection);
                        oldest.map(|oldest| (oldest, TOO_MANY))
                    }
                };
                if let Some((old, _)) = &replaces {
                    self.connections.remove(old);
                }
                return Some(Arrival { member: id, is_new: false, was_here: true, replaces });
            }
            PresenceState::Dropped { since, name_until, secret } => {
                (*since, Some(*name_until), secret.take())
            }
            PresenceState::Gone { since, secret } => (*since, None, secret.take()),
        };
        // A session keeps its secret, since the welcome that would carry a new one may get lost.
        let secret = if is_claimed(&secret) { secret } else { new_secret };
        let connections = vec![SessionConnection { connection, secret }];
        self.last_arrival += 1;
        let arrival = self.last_arrival;
        member.state = PresenceState::Here { arrival, connections };
        let key = member.name.key();
        self.here.insert(arrival, id);
        name_until.map(|until| self.dropped.remove(&(until, id)));
        self.absent.remove(&(since, id));
        if *self.names.entry(key).or_insert(id) != id {
            let guest = self.next_guest();
            self.rename(id, guest);
        }
        Some(Arrival { member: id, is_new: false, was_here: false, replaces: None })
    }

    /// A connection is over. Returns its member if that is no longer here: if this was its last connection, and was not continued
    /// on another. Its name is kept for it for this time.
    pub fn leave(&mut self, connection: ConnectionId, name_kept: Duration, now: Time) -> Option<MemberId> {
        let id = self.connections.remove(&connection)?;
        let member = self.members.get_mut(&id)?;
        let PresenceState::Here { arrival, connections } = &mut member.state else { return None };
        let place = connections.iter().position(|one| one.connection == connection)?;
        let secret = connections.remove(place).secret;
        if !connections.is_empty() {
            return None;
        }
        self.here.remove(arrival);
        self.absent.insert((now, id));
        if name_kept.is_zero() {
            member.state = PresenceState::Gone { since: now, secret };
            self.release_name(id);
        } else {
            let name_until = now + name_kept;
            member.state = PresenceState::Dropped { since: now, name_until, secret };
            self.dropped.insert((name_until, id));
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

    /// When the next name or member expires.
    pub fn due(&self) -> Option<Time> {
        let name = self.dropped.first().map(|(until, _)| *until);
        let session = self.absent.first().map(|(since, _)| *since + SESSION_KEPT);
        [name, session].into_iter().flatten().min()
    }

    /// Frees names and forgets members whose time is over.
    pub fn expire(&mut self, now: Time) {
        while let Some((until, id)) = self.dropped.first().copied().filter(|(until, _)| *until <= now) {
            self.dropped.remove(&(until, id));
            self.free_name(id);
        }
        while let Some(oldest) =
            self.absent.first().copied().filter(|(since, _)| *since + SESSION_KEPT <= now)
        {
            self.forget(oldest);
        }
    }

    /// The name of a member who was cut off is free again, unless it is an account's.
    fn free_name(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let PresenceState::Dropped { since, name_until, secret } = &mut member.state {
            let (since, secret) = (*since, secret.take());
            self.dropped.remove(&(*name_until, id));
            member.state = PresenceState::Gone { since, secret };
        }
        self.release_name(id);
    }

    /// The name of a member who is gone is free again, unless it is an account's.
    fn release_name(&mut self, id: MemberId) {
        let Some(member) = self.members.get(&id).filter(|member| member.kind == Kind::Guest) else {
            return;
        };
        let key = member.name.key();
        if self.by_name(&key) == Some(id) {
            self.names.remove(&key);
        }
    }

    /// Forgets a member that was away for too long. An account stays known, so that its private messages stay its own.
    fn forget(&mut self, (since, id): (Time, MemberId)) {
        if self.members.get(&id).is_some_and(|member| matches!(member.state, PresenceState::Dropped { .. })) {
            self.free_name(id);
        }
        self.absent.remove(&(since, id));
        match self.members.get_mut(&id) {
            Some(member) if member.kind == Kind::Account => {
                member.state = PresenceState::Gone { since, secret: None };
                member.posted = VecDeque::new();
            }
            _ => drop(self.members.remove(&id)),
        }
    }

    /// The account of this name no longer exists: who has the name later is another member.
    pub fn forget_account(&mut self, key: &NameKey) {
        let Some(id) = self.by_name(key) else { return };
        let Some(member) = self.members.get_mut(&id) else { return };
        // If it is still here, it leaves like a guest.
        member.kind = Kind::Guest;
        match member.state {
            PresenceState::Here { .. } => {}
            PresenceState::Dropped { since, .. } | PresenceState::Gone { since, .. } => {
                self.names.remove(key);
                self.forget((since, id));
            }
        }
    }
}

/// A map as a list of pairs: keys of a JSON object can only be texts.
pub(super) mod pairs {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, Hash};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, H, S: Serializer>(
        map: &HashMap<K, V, H>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, H, D>(deserializer: D) -> Result<HashMap<K, V, H>, D::Error>
    where
        K: Deserialize<'de> + Eq + Hash,
        V: Deserialize<'de>,
        H: BuildHasher + Default,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
