//! Coming in, coming back and going: who is told of it, and what a newcomer hears first.
//!
//! A part of the chat, on the broadcaster's thread.

use bytes::Bytes;

use super::entrance::{Entrance, Return};
use super::event::Event;
use super::history::Visibility;
use super::input::Link;
use super::member::MemberId;
use super::name::{Name, NameKey};
use super::presence::{Arrival, Departure};
use super::session::Secret;
use super::{Audience, Chat, Moment, NameRefused};
use crate::close::{self, CloseReason};
use crate::wire::WireKey;

/// Names in a `welcome`; of more people only the count is told.
pub const LISTED_USERS: usize = 100;

/// Somebody who came in.
struct Arrived {
    member: MemberId,
    /// The last event it had heard, if it came back.
    after: Option<u64>,
    /// The others have not had it here until now.
    announced: bool,
    /// It does not get the name it wished for.
    refused: Option<NameRefused>,
}

impl Chat {
    /// Somebody comes in, or comes back.
    pub(super) fn enter(
        &mut self,
        client: Link,
        entrance: &Entrance,
        secret: Option<Secret>,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let back = entrance.back.as_ref().filter(|back| back.epoch == self.epoch);
        let arrived = match &entrance.account {
            Some(name) => self.come_in_as(client, name, back, secret, audience),
            None => match back.and_then(|back| self.whose_return(back)) {
                Some((member, back)) => self.come_back(client, member, back, secret, audience),
                None => Some(self.come_in(client, entrance.name.as_deref(), secret)),
            },
        };
        let Some(arrived) = arrived else { return };
        let Arrived { member, after: missed, announced, refused } = arrived;
        let Some(name) = self.presence.get(member).map(|member| member.name.clone()) else {
            return;
        };
        self.welcome(client, member, missed, entrance.wire.as_ref(), audience);
        if announced && self.notices.joined(moment.now) {
            let back = missed.is_some();
            let (at, count) = (moment.at.as_str(), self.presence.count());
            let id = self.next_id();
            let joined = Event::Joined { id, at, name: name.as_str(), count, back }.json();
            audience.everyone_but(client, &joined, None);
            // Not told to whom it is about, now or later.
            self.keep(id, joined, Visibility::Everyone, Some((member, Bytes::new())));
        }
        if let Some(refused) = refused {
            audience.one(client, &refused.event().json());
        }
    }

    /// A connection is over; `how` is told to the others, unless its member is here on another one.
    pub(super) fn leave(
        &mut self,
        client: Link,
        how: &CloseReason,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        // Whoever said goodbye, or was thrown out for a fault, gives the name free.
        let departure = match how.code() {
            close::ABNORMAL | close::INTERNAL_ERROR | 4000..=4499 => Departure::Cut,
            _ => Departure::Goodbye,
        };
        let Some(member) = self.presence.leave(client, departure, moment.now) else { return };
        let Some(name) = self.presence.get(member).map(|member| member.name.clone()) else {
            return;
        };
        if self.notices.left(moment.now) {
            let id = self.next_id();
            let left = Event::Left {
                id,
                at: &moment.at,
                name: name.as_str(),
                count: self.presence.count(),
                code: how.code(),
                reason: how.reason(),
            };
            self.tell_everyone(id, left.json(), audience);
        }
    }

    /// The member whose session it is, if it is anybody's.
    fn whose_return<'a>(&self, back: &'a Return) -> Option<(MemberId, &'a Return)> {
        let member = self.presence.by_claim(back.claim.as_ref()?)?;
        Some((member, back))
    }

    /// Somebody is back; an old connection of the same session is closed.
    fn come_back(
        &mut self,
        client: Link,
        member: MemberId,
        back: &Return,
        secret: Option<Secret>,
        audience: &mut impl Audience,
    ) -> Option<Arrived> {
        let arrival = self.presence.bring_back(member, client, back.claim.as_ref(), secret)?;
        Some(arrived(arrival, Some(back.after), audience))
    }

    /// Whoever signed in as this account. It needs no session to be itself, only to say which of its connections it
    /// continues.
    fn come_in_as(
        &mut self,
        client: Link,
        name: &Name,
        back: Option<&Return>,
        secret: Option<Secret>,
        audience: &mut impl Audience,
    ) -> Option<Arrived> {
        let claim = back.and_then(|back| back.claim.as_ref());
        let arrival = self.presence.bring_account(client, name, claim, secret)?;
        let back = back.filter(|_| !arrival.is_new);
        Some(arrived(arrival, back.map(|back| back.after), audience))
    }

    /// A new member under the name it wishes for, or as a guest.
    fn come_in(&mut self, client: Link, wish: Option<&str>, secret: Option<Secret>) -> Arrived {
        let (name, refused) = match wish.map(|wish| self.free_name(None, wish)) {
            Some(Ok(name)) => (name, None),
            refused => (self.presence.next_guest(), refused.and_then(Result::err)),
        };
        let member = self.presence.add_guest(client, name, secret);
        Arrived { member, after: None, announced: true, refused }
    }

    /// These accounts are no more. Their connections have been closed before.
    pub(super) fn forget_accounts(&mut self, gone: &[NameKey]) {
        for key in gone {
            self.presence.forget_account(key);
        }
    }

    /// The first thing a client hears, and what was said before: what it missed behind an event, or the last of it.
    fn welcome(
        &self,
        client: Link,
        member: MemberId,
        missed: Option<u64>,
        wire: Option<&WireKey>,
        audience: &mut impl Audience,
    ) {
        let Some(who) = self.presence.get(member) else { return };
        let missed = missed
            .filter(|after| *after <= self.last_id)
            .and_then(|after| self.history.since(after, member));
        let welcome = Event::Welcome {
            you: who.name.as_str(),
            users: self
                .presence
                .here()
                .take(LISTED_USERS)
                .map(|member| member.name.as_str())
                .collect(),
            count: self.presence.count(),
            session: who.token(member, client),
            epoch: &self.epoch,
            last: self.last_id,
            recovered: missed.is_some(),
            wire,
        };
        audience.one(client, &welcome.json());
        let past = missed.unwrap_or_else(|| self.history.last(self.shown, member));
        audience.replay(client, &past);
    }
}

/// An arrival, and the end of the connection that it replaces.
fn arrived(arrival: Arrival, after: Option<u64>, audience: &mut impl Audience) -> Arrived {
    let Arrival { member, was_here, replaces, .. } = arrival;
    if let Some((old, reason)) = replaces {
        audience.close(old, reason);
    }
    Arrived { member, after, announced: !was_here, refused: None }
}
