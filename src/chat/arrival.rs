//! Coming in, coming back and going: who is told of it, and what a newcomer hears first.
//!
//! A part of the chat, on the broadcaster's thread.

use bytes::Bytes;

use super::entrance::{Entrance, Return};
use super::event::Event;
use super::history::Visibility;
use super::name::Name;
use super::presence::{Departure, MemberId};
use super::{Audience, Chat, Moment, NameRefused};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use crate::wire::WireKey;

/// Names in a `welcome`; of more people only the count is told.
pub const LISTED_USERS: usize = 100;

pub(super) const CONTINUED: CloseReason =
    CloseReason::new(close::SESSION_CONTINUED, "this session was continued on another connection");

/// Somebody who came back.
struct Returned {
    member: MemberId,
    /// The last event it heard.
    after: u64,
    /// On another connection, which had not ended yet: nobody noticed that it was away.
    was_here: bool,
}

impl Chat {
    /// Somebody comes in, or comes back. Returns the name, which need not be the one that was wished for.
    pub fn enter(
        &mut self,
        client: ClientId,
        entrance: &Entrance,
        moment: &Moment,
        audience: &mut impl Audience,
    ) -> Name {
        let returned =
            entrance.back.as_ref().and_then(|back| self.come_back(client, back, audience));
        let (member, missed, announced, refused) = match returned {
            Some(Returned { member, after, was_here }) => (member, Some(after), !was_here, None),
            None => {
                let (member, refused) = self.come_in(client, entrance.name.as_deref());
                (member, None, true, refused)
            }
        };
        let Some(name) = self.presence.get(member).map(|member| member.name.clone()) else {
            return Name::guest(0);
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
        name
    }

    /// A connection is over; `how` is told to the others, unless its member is here on another one.
    pub fn leave(
        &mut self,
        client: ClientId,
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

    /// The member whose session it is, if it is anybody's; an old connection of it is closed.
    fn come_back(
        &mut self,
        client: ClientId,
        back: &Return,
        audience: &mut impl Audience,
    ) -> Option<Returned> {
        let claim = back.claim.as_ref().filter(|_| back.epoch == self.epoch)?;
        let member = self.presence.by_claim(claim)?;
        let old = self.presence.bring_back(member, client);
        if let Some(old) = old {
            audience.close(old, CONTINUED);
        }
        Some(Returned { member, after: back.after, was_here: old.is_some() })
    }

    /// A new member under the name it wishes for, or as a guest.
    fn come_in(&mut self, client: ClientId, wish: Option<&str>) -> (MemberId, Option<NameRefused>) {
        match wish.map(|wish| self.free_name(None, wish)) {
            Some(Ok(name)) => (self.presence.add(client, name), None),
            refused => {
                let guest = self.presence.next_guest();
                (self.presence.add(client, guest), refused.and_then(Result::err))
            }
        }
    }

    /// The first thing a client hears, and what was said before: what it missed behind an event, or the last of it.
    fn welcome(
        &self,
        client: ClientId,
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
            session: who.secret.as_ref().map(|secret| secret.token(member)),
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
