//! What is said and by whom: names, presence, messages. The chat knows nothing of sockets.
//!
//! Owned by the broadcaster and called on its thread alone, so it is plain data without a lock. Each method does one
//! thing that happened and tells the [`Audience`] what is to be heard by whom; the order of the calls is the order in
//! which everybody hears it.

mod command;
mod entrance;
mod event;
mod name;
mod notices;

pub use command::{Command, Refusal};
pub use entrance::Entrance;
pub use event::{ErrorCode, Event};
pub use name::Name;

use std::collections::{BTreeMap, HashMap};
use std::time::{Instant, SystemTime};

use crate::client_id::ClientId;
use crate::close::CloseReason;
use name::{BadName, NameKey};
use notices::Notices;

/// Names in a `welcome`; of more people only the count is told.
pub const LISTED_USERS: usize = 100;

/// Who hears an event. The broadcaster is one; a test may be another.
pub trait Audience {
    /// All members.
    fn everyone(&mut self, event: &Event<'_>);
    /// All members, but `one` hears `own` in its place, or nothing.
    fn everyone_but(&mut self, one: ClientId, event: &Event<'_>, own: Option<&Event<'_>>);
    /// One member alone.
    fn one(&mut self, one: ClientId, event: &Event<'_>);
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

/// Everybody who is here, and the counter that orders what happens.
#[derive(Debug, Default)]
pub struct Chat {
    /// In order of arrival, since client numbers rise.
    members: BTreeMap<ClientId, Name>,
    /// The same people by the key their names are compared by.
    taken: HashMap<NameKey, ClientId>,
    last_guest: u64,
    last_id: u64,
    messages: u64,
    notices: Notices,
}

impl Chat {
    /// Somebody comes in, perhaps wishing for a name; a taken or bad one makes a guest. Returns the name.
    pub fn enter(
        &mut self,
        client: ClientId,
        entrance: &Entrance,
        moment: &Moment,
        audience: &mut impl Audience,
    ) -> Name {
        let wish = entrance.name.as_deref().map(|wish| self.free_name(client, wish));
        let (name, refused) = match wish {
            Some(Ok(name)) => (name, None),
            Some(Err(refused)) => (self.next_guest(), Some(refused)),
            None => (self.next_guest(), None),
        };
        self.taken.insert(name.key(), client);
        self.members.insert(client, name.clone());
        let count = self.members.len();
        if self.notices.joined(moment.now) {
            let joined =
                Event::Joined { id: self.next_id(), at: &moment.at, name: name.as_str(), count };
            audience.everyone_but(client, &joined, None);
        }
        let users = self.members.values().take(LISTED_USERS).map(Name::as_str).collect();
        audience
            .one(client, &Event::Welcome { you: name.as_str(), users, count, last: self.last_id });
        if let Some(refused) = refused {
            audience.one(client, &refused.event());
        }
        name
    }

    /// Does what a member asked for.
    pub fn command(
        &mut self,
        client: ClientId,
        command: &Command,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        match command {
            Command::Say { text, reference } => {
                let Some(from) = self.members.get(&client).map(Name::as_str) else {
                    return;
                };
                self.last_id += 1;
                self.messages += 1;
                let id = self.last_id;
                let message =
                    |reference| Event::Message { id, at: &moment.at, from, text, reference };
                match reference.as_deref() {
                    None => audience.everyone(&message(None)),
                    reference => {
                        audience.everyone_but(client, &message(None), Some(&message(reference)));
                    }
                }
            }
            Command::Rename { name } => match self.free_name(client, name) {
                Ok(name) => self.rename(client, name, moment, audience),
                Err(refused) => audience.one(client, &refused.event()),
            },
        }
    }

    /// Tells a member, and nobody else, why what it said was not done.
    pub fn refuse(&mut self, client: ClientId, refusal: &Refusal, audience: &mut impl Audience) {
        let Refusal { code, text, reference } = refusal;
        audience.one(client, &Event::Error { code: *code, text, reference: reference.as_deref() });
    }

    /// Somebody is gone; `how` is told to the others.
    pub fn leave(
        &mut self,
        client: ClientId,
        how: &CloseReason,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let Some(name) = self.members.remove(&client) else {
            return;
        };
        self.taken.remove(&name.key());
        if self.notices.left(moment.now) {
            let left = Event::Left {
                id: self.next_id(),
                at: &moment.at,
                name: name.as_str(),
                count: self.members.len(),
                code: how.code(),
                reason: how.reason(),
            };
            audience.everyone(&left);
        }
    }

    /// When [`Chat::tick`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.notices.due()
    }

    /// Does what is due.
    pub fn tick(&mut self, moment: &Moment, audience: &mut impl Audience) {
        if let Some(crowd) = self.notices.crowd(moment.now) {
            audience.everyone(&Event::Crowd {
                id: self.next_id(),
                at: &moment.at,
                joined: crowd.joined,
                left: crowd.left,
                count: self.members.len(),
            });
        }
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// How many messages were said since the start.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    fn rename(
        &mut self,
        client: ClientId,
        name: Name,
        moment: &Moment,
        audience: &mut impl Audience,
    ) {
        let id = self.next_id();
        let Some(member) = self.members.get_mut(&client) else {
            return;
        };
        let before = std::mem::replace(member, name.clone());
        self.taken.remove(&before.key());
        self.taken.insert(name.key(), client);
        audience.everyone(&Event::Renamed {
            id,
            at: &moment.at,
            from: before.as_str(),
            name: name.as_str(),
        });
    }

    /// The wish as a name that nobody else has.
    fn free_name(&self, client: ClientId, wish: &str) -> Result<Name, NameRefused> {
        let name = Name::parse(wish).map_err(NameRefused::Bad)?;
        match self.taken.get(&name.key()) {
            Some(owner) if *owner != client => Err(NameRefused::Taken),
            _ => Ok(name),
        }
    }

    fn next_guest(&mut self) -> Name {
        loop {
            self.last_guest += 1;
            let name = Name::guest(self.last_guest);
            if !self.taken.contains_key(&name.key()) {
                return name;
            }
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
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
            NameRefused::Taken => (ErrorCode::NameTaken, "somebody else has this name"),
        };
        Event::Error { code, text, reference: None }
    }
}
