//! Messages, public and private, and changes of name: what becomes of what somebody says.
//!
//! A part of the chat, on the broadcaster's thread.

use bytes::Bytes;

use super::event::{ErrorCode, Event};
use super::history::Visibility;
use super::input::Link;
use super::json::JsonString;
use super::member::{Member, MemberId};
use super::name::Name;
use super::{Audience, Chat, Moment};

/// A message of somebody who is here.
pub(super) struct Said<'a> {
    pub from: MemberId,
    /// A JSON string.
    pub text: &'a JsonString,
    pub reference: Option<&'a str>,
}

impl Chat {
    /// A message that was sent again under the same `ref`: says what became of it the first time.
    pub(super) fn confirm_posted(
        &self,
        client: Link,
        said: &Said<'_>,
        audience: &mut impl Audience,
    ) -> bool {
        let Some(reference) = said.reference else { return false };
        let from = self.presence.get(said.from);
        let Some(id) = from.and_then(|from| from.posted(reference, said.text)) else {
            return false;
        };
        audience.one(client, &Event::Posted { reference, id }.json());
        true
    }

    pub(super) fn say(
        &mut self,
        client: Link,
        said: &Said<'_>,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let Some((id, json, own)) = self.post(said, None, moment) else { return };
        match &own {
            None => audience.everyone(&json),
            own => audience.everyone_but(client, &json, own.as_ref()),
        }
        self.keep(id, json, Visibility::Everyone, own.map(|own| (said.from, own)));
    }

    /// To one person alone, on all connections of the two: here, or just dropped, when it is kept for the return.
    pub(super) fn whisper(
        &mut self,
        client: Link,
        said: &Said<'_>,
        to: &str,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let recipient = Name::parse(to).ok().and_then(|name| self.presence.by_name(&name.key()));
        let reachable =
            |member: &MemberId| self.presence.get(*member).is_some_and(Member::can_be_written_to);
        let Some(recipient) = recipient.filter(reachable) else {
            let (code, text) = (ErrorCode::NoSuchUser, "nobody of that name is here");
            return audience
                .one(client, &Event::Error { code, text, reference: said.reference }.json());
        };
        let Some((id, json, own)) = self.post(said, Some(recipient), moment) else { return };
        audience.one(client, own.as_ref().unwrap_or(&json));
        let two = [Some(said.from), Some(recipient).filter(|recipient| *recipient != said.from)];
        let two = two.into_iter().flatten().filter_map(|member| self.presence.get(member));
        let others: Vec<Link> =
            two.flat_map(Member::connections).filter(|other| *other != client).collect();
        audience.some(&others, &json);
        self.keep(id, json, Visibility::Two(said.from, recipient), own.map(|own| (said.from, own)));
    }

    /// A message becomes an event: its id, its JSON, and the sender's own if it has a `ref`.
    fn post(
        &mut self,
        said: &Said<'_>,
        to: Option<MemberId>,
        moment: &Moment,
    ) -> Option<(u64, Bytes, Option<Bytes>)> {
        let id = self.next_id();
        self.messages += 1;
        let from = self.presence.get(said.from)?.name.as_str();
        let to = to.and_then(|to| self.presence.get(to)).map(|to| to.name.as_str());
        let message =
            |reference| Event::Message { id, at: &moment.at, from, to, text: said.text, reference };
        let json = message(None).json();
        let own = said.reference.map(|reference| message(Some(reference)).json());
        if let (Some(reference), Some(from)) = (said.reference, self.presence.get_mut(said.from)) {
            from.remember_posted(reference, said.text, id);
        }
        Some((id, json, own))
    }

    pub(super) fn rename(
        &mut self,
        member: MemberId,
        name: Name,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        if self.presence.get(member).is_none_or(|member| member.name == name) {
            return;
        }
        let Some(before) = self.presence.rename(member, name.clone()) else { return };
        let id = self.next_id();
        let (from, name) = (before.as_str(), name.as_str());
        let renamed = Event::Renamed { id, at: &moment.at, from, name };
        self.tell_everyone(id, renamed.json(), audience);
    }
}
