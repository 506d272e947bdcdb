//! What is said and by whom: names, presence, messages, history. The chat knows nothing of sockets.
//!
//! Owned by the broadcaster and called on its thread alone, so it is plain data without a lock. Each method does one
//! thing that happened and tells the [`Audience`] what is to be heard by whom; the order of the calls is the order in
//! which everybody hears it. Must never wait for anything.

mod command;
mod entrance;
mod event;
mod history;
mod name;
mod notices;
mod presence;
mod session;

#[cfg(test)]
mod tests;

pub use command::{Command, Refusal};
pub use entrance::Entrance;
pub use event::{ErrorCode, Event};
pub use history::KEPT_EVENTS;
pub use name::Name;

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use entrance::Return;
use history::{History, Record, Visibility};
use name::BadName;
use notices::Notices;
use presence::{Departure, MemberId, Presence};

/// Names in a `welcome`; of more people only the count is told.
pub const LISTED_USERS: usize = 100;

/// When more are here, nobody is told that somebody is writing.
pub const TYPING_CROWD: usize = 30;

const CONTINUED: CloseReason =
    CloseReason::new(close::SESSION_CONTINUED, "this session was continued on another connection");

/// Who hears what, as JSON for a text frame. The broadcaster is one; a test may be another.
pub trait Audience {
    /// All who are here.
    fn everyone(&mut self, json: &Bytes);
    /// All who are here, but `one` hears `own` in its place, or nothing.
    fn everyone_but(&mut self, one: ClientId, json: &Bytes, own: Option<&Bytes>);
    /// One alone.
    fn one(&mut self, one: ClientId, json: &Bytes);
    /// One alone: a part of the past, in order.
    fn replay(&mut self, one: ClientId, past: &[&Bytes]);
    /// One is not to be here any more. It still hears what it was told before.
    fn close(&mut self, one: ClientId, reason: CloseReason);
}

/// When something happened.
#[derive(Debug)]
pub struct Moment {
    /// For waiting; never jumps.
    pub now: Instant,
    /// For people: RFC 3339, UTC, milliseconds.
    pub at: String,
}

impl Moment {
    pub fn now() -> Self {
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        Moment { now: Instant::now(), at }
    }
}

/// Everybody who is here, what was said, and the counter that orders it.
#[derive(Debug)]
pub struct Chat {
    presence: Presence,
    history: History,
    /// Events that a newcomer hears of the past: `--history`.
    shown: usize,
    notices: Notices,
    /// This run of the numbering.
    epoch: String,
    last_id: u64,
    messages: u64,
}

impl Chat {
    /// A newcomer is to hear so many events of the past, and so many bytes may wait for one client.
    pub fn new(shown: usize, backlog: usize) -> Self {
        Chat {
            presence: Presence::default(),
            history: History::new(backlog),
            shown,
            notices: Notices::default(),
            epoch: session::new_epoch(),
            last_id: 0,
            messages: 0,
        }
    }

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
        self.welcome(client, member, missed, audience);
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

    /// Does what somebody asked for.
    pub fn command(
        &mut self,
        client: ClientId,
        command: &Command,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let Some(member) = self.presence.by_connection(client) else { return };
        self.presence.spoke(member);
        match command {
            Command::Say { text, to, reference } => {
                let said = Said { from: member, text, reference: reference.as_deref() };
                if !self.confirm_posted(client, &said, audience) {
                    match to {
                        None => self.say(client, &said, moment, audience),
                        Some(to) => self.whisper(client, &said, to, moment, audience),
                    }
                }
            }
            Command::Rename { name } => match self.free_name(Some(member), name) {
                Ok(name) => self.rename(member, name, moment, audience),
                Err(refused) => audience.one(client, &refused.event().json()),
            },
            Command::Typing if self.presence.count() > TYPING_CROWD => {}
            Command::Typing => {
                if let Some(member) = self.presence.get(member) {
                    let typing = Event::Typing { name: member.name.as_str() }.json();
                    audience.everyone_but(client, &typing, None);
                }
            }
        }
    }

    /// Tells somebody, and nobody else, why what it said was not done.
    pub fn refuse(&mut self, client: ClientId, refusal: &Refusal, audience: &mut impl Audience) {
        let Refusal { code, text, reference } = refusal;
        let error = Event::Error { code: *code, text, reference: reference.as_deref() };
        audience.one(client, &error.json());
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

    /// When [`Chat::tick`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        [self.notices.due(), self.presence.due()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, moment: &Moment, audience: &mut impl Audience) {
        self.presence.let_go(moment.now);
        if let Some(crowd) = self.notices.crowd(moment.now) {
            let id = self.next_id();
            let crowd = Event::Crowd {
                id,
                at: &moment.at,
                joined: crowd.joined,
                left: crowd.left,
                count: self.presence.count(),
            };
            self.tell_everyone(id, crowd.json(), audience);
        }
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.presence.count()
    }

    /// How many messages were said since the start.
    pub fn messages(&self) -> u64 {
        self.messages
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
        };
        audience.one(client, &welcome.json());
        let past = missed.unwrap_or_else(|| self.history.last(self.shown, member));
        audience.replay(client, &past);
    }

    /// A message that was sent again under the same `ref`: says what became of it the first time.
    fn confirm_posted(
        &self,
        client: ClientId,
        said: &Said<'_>,
        audience: &mut impl Audience,
    ) -> bool {
        let from = self.presence.get(said.from);
        let Some((reference, id)) =
            said.reference.and_then(|reference| Some((reference, from?.posted(reference)?)))
        else {
            return false;
        };
        audience.one(client, &Event::Posted { reference, id }.json());
        true
    }

    fn say(
        &mut self,
        client: ClientId,
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

    /// To one person alone: here, or just dropped, when it is kept for the return.
    fn whisper(
        &mut self,
        client: ClientId,
        said: &Said<'_>,
        to: &str,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let recipient = Name::parse(to).ok().and_then(|name| self.presence.by_name(&name.key()));
        let Some(recipient) = recipient else {
            let (code, text) = (ErrorCode::NoSuchUser, "nobody of that name is here");
            return audience
                .one(client, &Event::Error { code, text, reference: said.reference }.json());
        };
        let Some((id, json, own)) = self.post(said, Some(recipient), moment) else { return };
        audience.one(client, own.as_ref().unwrap_or(&json));
        let connection = self.presence.get(recipient).and_then(presence::Member::connection);
        if let Some(connection) = connection.filter(|connection| *connection != client) {
            audience.one(connection, &json);
        }
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
            from.remember_posted(reference.to_owned(), id);
        }
        Some((id, json, own))
    }

    fn rename(
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

    fn tell_everyone(&mut self, id: u64, json: Bytes, audience: &mut impl Audience) {
        audience.everyone(&json);
        self.keep(id, json, Visibility::Everyone, None);
    }

    fn keep(
        &mut self,
        id: u64,
        json: Bytes,
        visibility: Visibility,
        own: Option<(MemberId, Bytes)>,
    ) {
        self.history.push(Record { id, json, visibility, own });
    }

    /// The wish as a name that nobody else has.
    fn free_name(&mut self, member: Option<MemberId>, wish: &str) -> Result<Name, NameRefused> {
        let name = Name::parse(wish).map_err(NameRefused::Bad)?;
        self.presence.let_silent_name_go(&name.key());
        match self.presence.by_name(&name.key()) {
            Some(owner) if Some(owner) != member => Err(NameRefused::Taken),
            _ => Ok(name),
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// Somebody who came back.
struct Returned {
    member: MemberId,
    /// The last event it heard.
    after: u64,
    /// On another connection, which had not ended yet: nobody noticed that it was away.
    was_here: bool,
}

/// A message of somebody who is here.
struct Said<'a> {
    from: MemberId,
    /// A JSON string.
    text: &'a RawValue,
    reference: Option<&'a str>,
}

/// Why somebody does not get the name they wished for; the old one stays.
enum NameRefused {
    Bad(BadName),
    Taken,
}

impl NameRefused {
    fn event(&self) -> Event<'static> {
        let (code, text) = match self {
            NameRefused::Bad(bad) => (ErrorCode::BadName, bad.explanation()),
            NameRefused::Taken => {
                (ErrorCode::NameTaken, "somebody else has this name, or one that looks like it")
            }
        };
        Event::Error { code, text, reference: None }
    }
}
