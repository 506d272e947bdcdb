//! What a member asks for: messages to everyone, private messages, a new name.
//!
//! A part of the chat, on the broadcaster's thread: `Chat::apply` calls `command`.

use bytes::Bytes;

use super::Chat;
use super::audience::Audience;
use super::clock::Timestamp;
use super::command::{Command, Refusal};
use super::event::{ErrorCode, Event};
use super::history::Visibility;
use super::input::ConnectionId;
use super::json::JsonString;
use super::member::Member;
use super::name::Name;
use super::session_token::MemberId;

/// When more members are here, `typing` is not passed on.
pub const TYPING_CROWD: usize = 30;

/// A message of a member.
struct Message<'a> {
    from: MemberId,
    text: &'a JsonString,
    /// The `ref` by which the sender recognises its own message.
    reference: Option<&'a str>,
}

impl Chat {
    /// Does what a member asked for.
    pub(super) fn command(
        &mut self,
        client: ConnectionId,
        command: &Command,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let Some(member) = self.sender(client, command, audience) else { return };
        match command {
            Command::Say { text, to, reference } => {
                let message = Message { from: member, text, reference: reference.as_deref() };
                if !self.confirm_if_repeated(client, &message, audience) {
                    match to {
                        None => self.say(client, &message, timestamp, audience),
                        Some(to) => self.say_in_private(client, &message, to, timestamp, audience),
                    }
                }
            }
            Command::Rename { name } => self.rename(client, member, name, timestamp, audience),
            Command::Members(page) => self.list_members(client, page, audience),
            Command::Typing if self.presence.count() > TYPING_CROWD => {}
            Command::Typing => {
                if let Some(member) = self.presence.get(member) {
                    let typing = Event::Typing { name: member.name.as_str() }.json();
                    audience.everyone_but(client, &typing, None);
                }
            }
        }
    }

    /// A message that was sent again under the same `ref` is not posted again: the sender gets the id of the first one.
    fn confirm_if_repeated(
        &self,
        client: ConnectionId,
        message: &Message<'_>,
        audience: &mut impl Audience,
    ) -> bool {
        let Some(reference) = message.reference else { return false };
        let from = self.presence.get(message.from);
        let Some(id) = from.and_then(|from| from.posted(reference, message.text)) else {
            return false;
        };
        audience.one(client, &Event::Posted { reference, id }.json());
        true
    }

    /// To everyone. The sender gets it, too, with its `ref`.
    fn say(
        &mut self,
        client: ConnectionId,
        message: &Message<'_>,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let Some((id, json, own)) = self.post(message, None, timestamp) else { return };
        match &own {
            None => audience.everyone(&json),
            Some(own) => audience.everyone_but(client, &json, Some(own)),
        }
        self.keep(id, json, Visibility::Everyone, own.map(|own| (message.from, own)));
    }

    /// To one member alone, on all connections of the two. A member who was cut off a moment ago gets it when it comes back.
    fn say_in_private(
        &mut self,
        client: ConnectionId,
        message: &Message<'_>,
        to: &str,
        timestamp: &Timestamp,
        audience: &mut impl Audience,
    ) {
        let recipient = Name::parse(to).ok().and_then(|name| self.presence.by_name(&name.key()));
        let can_get_it =
            |member: &MemberId| self.presence.get(*member).is_some_and(Member::can_be_written_to);
        let Some(recipient) = recipient.filter(can_get_it) else {
            let reference = message.reference.map(str::to_owned);
            let refusal = Refusal::new(ErrorCode::NoSuchUser, "no member has this name");
            return self.refuse(client, &Refusal { reference, ..refusal }, audience);
        };
        let Some((id, json, own)) = self.post(message, Some(recipient), timestamp) else { return };
        audience.private(&[client], own.as_ref().unwrap_or(&json));
        let both = [Some(message.from), Some(recipient).filter(|other| *other != message.from)];
        let both = both.into_iter().flatten().filter_map(|member| self.presence.get(member));
        let others: Vec<ConnectionId> =
            both.flat_map(Member::connections).filter(|other| *other != client).collect();
        audience.private(&others, &json);
        let visibility = Visibility::Two(message.from, recipient);
        self.keep(id, json, visibility, own.map(|own| (message.from, own)));
    }

    /// A message becomes an event: its id, its JSON, and the sender's own if it has a `ref`.
    fn post(
        &mut self,
        message: &Message<'_>,
        to: Option<MemberId>,
        timestamp: &Timestamp,
    ) -> Option<(u64, Bytes, Option<Bytes>)> {
        let id = self.next_id();
        self.messages += 1;
        let Message { from: sender, text, reference } = *message;
        let from = self.presence.get(sender)?.name.as_str();
        let to = to.and_then(|to| self.presence.get(to)).map(|to| to.name.as_str());
        let (at, teacher) = (&timestamp.at, self.rules.is_teacher(sender));
        let event = |reference| Event::Message { id, at, from, to, text, reference, teacher };
        let json = event(None).json();
        let own = reference.map(|reference| event(Some(reference)).json());
        if let (Some(reference), Some(from)) = (reference, self.presence.get_mut(sender)) {
            from.remember_posted(reference, text, id);
        }
        Some((id, json, own))
    }
}
