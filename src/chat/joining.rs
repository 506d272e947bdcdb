//! Joining, coming back and leaving: who gets a notice of it, and what a new member gets first.
//!
//! A part of the chat, on the broadcaster's thread.

use std::time::Duration;

use bytes::Bytes;

use super::Chat;
use super::audience::Audience;
use super::clock::Timestamp;
use super::command::Refusal;
use super::event::Event;
use super::input::ConnectionId;
use super::join_request::{JoinRequest, ResumeRequest};
use super::name::Name;
use super::naming::LISTED_USERS;
use super::presence::Arrival;
use super::session_token::MemberId;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// The result of a request to join.
struct Joined {
    member: MemberId,
    /// The last event that it has, if it came back.
    after: Option<u64>,
    /// It was not here until now, so the others get a notice.
    is_announced: bool,
    /// It does not get the name that it asked for.
    refusal: Option<Refusal>,
}

impl Chat {
    /// A client joins, or comes back.
    pub(super) fn join(
        &mut self,
        client: ConnectionId,
        request: &JoinRequest,
        secret: Option<Token>,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let resume = request.resume.as_ref().filter(|resume| resume.epoch == self.epoch);
        let session = resume.and_then(|resume| resume.session.as_ref());
        let known = match &request.account {
            Some(name) => {
                self.presence.by_name(&name.key()).filter(|member| self.presence.is_account(*member))
            }
            None => session.and_then(|session| self.presence.by_session(session)),
        };
        if let Some(reason) = self.rules.turned_away(request, known, timestamp.now) {
            return audience.close(client, reason);
        }
        let joined = match &request.account {
            Some(name) => self.join_account(client, name, resume, secret, audience),
            None => match session.and_then(|session| self.presence.by_session(session)) {
                Some(member) => self.resume(client, member, resume, secret, audience),
                None => Some(self.join_guest(client, request.name.as_deref(), secret)),
            },
        };
        let Some(Joined { member, after, is_announced, refusal }) = joined else { return };
        let Some(name) = self.presence.get(member).map(|member| member.name.clone()) else {
            return;
        };
        audience.named(client, name.as_str());
        self.rules.comes_from(client, request.address);
        self.welcome(client, member, after, audience);
        self.is_teaching(client, member, request, audience);
        if is_announced && self.notices.joined(timestamp.now) {
            let back = after.is_some();
            let (at, count) = (timestamp.at.as_str(), self.presence.count());
            let id = self.next_id();
            let joined = Event::Joined { id, at, name: name.as_str(), count, back }.json();
            audience.everyone_but(client, &joined, None);
            // The member itself does not get it, now or later.
            self.keep_notice(id, joined, Some((member, Bytes::new())));
        }
        if let Some(refusal) = refusal {
            self.refuse(client, &refusal, audience);
        }
        if is_announced {
            self.moved(member, audience);
        }
    }

    /// What a new member must know of the rules, and whether it is a teacher itself.
    fn is_teaching(
        &mut self,
        client: ConnectionId,
        member: MemberId,
        request: &JoinRequest,
        audience: &mut impl Audience,
    ) {
        if request.account.is_some() && !request.is_teacher {
            self.rules.remove_mark(member);
        }
        self.send_room(client, audience);
        if request.is_teacher || self.rules.is_teacher(member) {
            // If there are too many, it is none: it may show the key.
            let _ = self.make_teacher(client, member, false, audience);
        }
    }

    /// A connection is over. The other members get a notice with `how`, unless its member is here on another connection.
    pub(super) fn leave(
        &mut self,
        client: ConnectionId,
        how: &CloseReason,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let name_kept = close_code::find(how.code()).map_or(Duration::ZERO, |code| code.name_kept);
        let is_going_away = how.code() == close_code::GOING_AWAY;
        if let Some(member) = self.presence.by_connection(client).filter(|_| is_going_away) {
            // It ended in order, so it had received its session.
            self.presence.spoke(member);
        }
        self.rules.comes_from(client, None);
        let Some(member) = self.presence.leave(client, name_kept, timestamp.now) else { return };
        let Some(name) = self.presence.get(member).map(|member| member.name.clone()) else {
            return;
        };
        if self.notices.left(timestamp.now) {
            let id = self.next_id();
            let left = Event::Left {
                id,
                at: &timestamp.at,
                name: name.as_str(),
                count: self.presence.count(),
                code: how.code(),
                reason: how.reason(),
            };
            self.announce(id, left.json(), audience);
        }
        self.moved(member, audience);
    }

    /// A member is back; an old connection of the same session is closed.
    fn resume(
        &mut self,
        client: ConnectionId,
        member: MemberId,
        resume: Option<&ResumeRequest>,
        secret: Option<Token>,
        audience: &mut impl Audience,
    ) -> Option<Joined> {
        let session = resume.and_then(|resume| resume.session.as_ref());
        let arrival = self.presence.bring_back(member, client, session, secret)?;
        Some(joined(arrival, resume, audience))
    }

    /// A client that signed in to this account: that makes it this member. A session only says which of its connections it
    /// continues.
    fn join_account(
        &mut self,
        client: ConnectionId,
        name: &Name,
        resume: Option<&ResumeRequest>,
        secret: Option<Token>,
        audience: &mut impl Audience,
    ) -> Option<Joined> {
        let session = resume.and_then(|resume| resume.session.as_ref());
        let arrival = self.presence.bring_account(client, name, session, secret)?;
        let resume = resume.filter(|_| !arrival.is_new);
        Some(joined(arrival, resume, audience))
    }

    /// A new member under the name that it asks for, or as a guest.
    fn join_guest(&mut self, client: ConnectionId, requested: Option<&str>, secret: Option<Token>) -> Joined {
        let (name, refusal) = match requested.map(|name| self.free_name(None, name)) {
            Some(Ok(name)) => (name, None),
            refused => (self.presence.next_guest(), refused.and_then(Result::err)),
        };
        let member = self.presence.add_guest(client, name, secret);
        Joined { member, after: None, is_announced: true, refusal }
    }

    /// The first event that a client gets, then the past: everything after event `after`, or the last events.
    fn welcome(
        &self,
        client: ConnectionId,
        member: MemberId,
        after: Option<u64>,
        audience: &mut impl Audience,
    ) {
        let Some(who) = self.presence.get(member) else { return };
        let missed =
            after.filter(|after| *after <= self.last_id).and_then(|after| self.history.since(after, member));
        let welcome = Event::Welcome {
            you: who.name.as_str(),
            users: self.presence.here().take(LISTED_USERS).map(|member| member.name.as_str()).collect(),
            count: self.presence.count(),
            session: who.session_text(member, client),
            epoch: &self.epoch,
            last: self.last_id,
            recovered: missed.is_some(),
            limits: self.settings.limits,
        };
        audience.welcome(client, &welcome.json());
        let past = missed.unwrap_or_else(|| self.history.last(self.settings.history, member));
        audience.replay(client, &past);
    }
}

/// A member that was known before. The connection that it replaces is closed.
fn joined(arrival: Arrival, resume: Option<&ResumeRequest>, audience: &mut impl Audience) -> Joined {
    let Arrival { member, was_here, replaces, .. } = arrival;
    if let Some((old, reason)) = replaces {
        audience.close(old, reason);
    }
    let after = resume.map(|resume| resume.after);
    Joined { member, after, is_announced: !was_here, refusal: None }
}
