//! Names in the chat: which ones are free, how a member changes its own, and who is here.
//!
//! A part of the chat, on the broadcaster's thread.

use super::Chat;
use super::audience::Audience;
use super::clock::Timestamp;
use super::command::{Page, Refusal};
use super::event::{ErrorCode, Event};
use super::input::ConnectionId;
use super::member::Member;
use super::name::{BadName, Name};
use super::session_token::MemberId;

/// Names in a `welcome` or a page of the list, at most; both also have the count of all members.
pub const LISTED_USERS: usize = 100;

impl Chat {
    /// The requested name, if no one else has it.
    pub(super) fn free_name(&mut self, member: Option<MemberId>, requested: &str) -> Result<Name, Refusal> {
        let name = Name::parse(requested).map_err(bad_name)?;
        self.presence.release_unconfirmed_name(&name.key());
        match self.presence.by_name(&name.key()) {
            None if self.rules.is_reserved(&name.key()) => {
                let text = "the member of this name may not return yet";
                Err(Refusal::new(ErrorCode::NameTaken, text))
            }
            Some(owner) if Some(owner) != member => {
                let text = "another member has this name, or one that looks like it";
                Err(Refusal::new(ErrorCode::NameTaken, text))
            }
            _ => Ok(name),
        }
    }

    /// A page of the list of members, to the one who asked: [`LISTED_USERS`] names at most, after `after`.
    pub fn list_members(&self, client: ConnectionId, page: &Page, audience: &mut impl Audience) {
        let reference = page.reference.as_deref();
        let after = match page.after.as_deref().map(Name::parse).transpose() {
            Ok(name) => name.map(|name| name.key()),
            Err(bad) => {
                let refusal = Refusal { reference: page.reference.clone(), ..bad_name(bad) };
                return self.refuse(client, &refusal, audience);
            }
        };
        let mut names = self.presence.here_after(after.as_ref()).map(|member| member.name.as_str());
        let users: Vec<&str> = names.by_ref().take(LISTED_USERS).collect();
        let next = names.next().and(users.last().copied());
        let (count, last) = (self.presence.count(), self.last_id);
        audience.one(client, &Event::Members { users, count, next, last, reference }.json());
    }

    /// A member asks for another name.
    pub(super) fn rename(
        &mut self,
        client: ConnectionId,
        member: MemberId,
        requested: &str,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        if self.presence.is_account(member) {
            let fixed = Refusal::new(ErrorCode::NameFixed, "your name is that of your account");
            return self.refuse(client, &fixed, audience);
        }
        let name = match self.free_name(Some(member), requested) {
            Ok(name) => name,
            Err(refusal) => return self.refuse(client, &refusal, audience),
        };
        let Some(before) = self.presence.rename(member, name.clone()) else { return };
        if before == name {
            return;
        }
        let id = self.next_id();
        let (at, from, name) = (&timestamp.at, before.as_str(), name.as_str());
        self.announce(id, Event::Renamed { id, at, from, name }.json(), audience);
        for connection in self.presence.get(member).into_iter().flat_map(Member::connections) {
            audience.named(connection, name);
        }
        self.moved(member, audience);
    }
}

fn bad_name(bad: BadName) -> Refusal {
    Refusal::new(ErrorCode::BadName, bad.explanation()).because(bad.why(), bad.limit())
}
