//! What is said and by whom: names, presence, messages, history. The chat knows nothing of sockets.
//!
//! Owned by the broadcaster and called on its thread alone, so it is plain data without a lock. Each method does one
//! thing that happened and tells the [`Audience`] what is to be heard by whom; the order of the calls is the order in
//! which everybody hears it. Must never wait for anything.

mod arrival;
mod clock;
mod command;
mod entrance;
mod event;
mod history;
mod input;
mod json;
mod member;
mod name;
mod notices;
mod presence;
mod session;
mod talk;

#[cfg(test)]
mod tests;

pub use clock::{Clock, Moment, Time};
pub use command::{Command, Demonstration, Refusal};
pub use entrance::Entrance;
pub use event::{ErrorCode, Event};
pub use history::KEPT_EVENTS;
pub use input::{Input, Link, ServerId};
pub use name::{Name, NameKey};
pub use session::Secret;
#[cfg(feature = "redis")]
pub use session::new_epoch;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::close::CloseReason;
use history::{History, Record, Visibility};
use member::MemberId;
use name::BadName;
use notices::Notices;
use presence::Presence;
use talk::Said;

/// When more are here, nobody is told that somebody is writing.
pub const TYPING_CROWD: usize = 30;

/// Who hears what, as JSON for a text frame. The broadcaster is one; a test may be another.
pub trait Audience {
    /// All who are here.
    fn everyone(&mut self, json: &Bytes);
    /// All who are here, but `one` hears `own` in its place, or nothing.
    fn everyone_but(&mut self, one: Link, json: &Bytes, own: Option<&Bytes>);
    /// One alone.
    fn one(&mut self, one: Link, json: &Bytes);
    /// Some, but nobody else.
    fn some(&mut self, them: &[Link], json: &Bytes);
    /// One alone: a part of the past, in order.
    fn replay(&mut self, one: Link, past: &[&Bytes]);
    /// One is not to be here any more. It still hears what it was told before.
    fn close(&mut self, one: Link, reason: CloseReason);
}

/// Everybody who is here, what was said, and the counter that orders it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chat {
    presence: Presence,
    history: History,
    /// Events that a newcomer hears of the past: `--history`, each server's own.
    #[serde(skip)]
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
        Chat::of_epoch(session::new_epoch(), shown, backlog)
    }

    /// The same where the epoch is known.
    pub fn of_epoch(epoch: String, shown: usize, backlog: usize) -> Self {
        Chat {
            presence: Presence::default(),
            history: History::new(backlog),
            shown,
            notices: Notices::default(),
            epoch,
            last_id: 0,
            messages: 0,
        }
    }

    /// One that was handed over from another server, as this one shows it.
    #[cfg(feature = "redis")]
    pub fn handed_over(self, shown: usize, backlog: usize) -> Self {
        Chat { shown, history: self.history.handed_over(backlog), ..self }
    }

    /// Takes the next thing that happened. What was due before it is done first.
    pub fn take(&mut self, input: Input, moment: &Moment, audience: &mut impl Audience) {
        self.tick(moment, audience);
        match input {
            Input::Entered { link, entrance, secret } => {
                self.enter(link, &entrance, secret, moment, audience);
            }
            Input::Asked { link, command } => self.command(link, &command, moment, audience),
            Input::Left { link, how } => self.leave(link, &how, moment, audience),
            Input::AccountsGone(gone) => self.forget_accounts(&gone),
            Input::ServerGone { server, how } => {
                for link in self.presence.links_of(server) {
                    self.leave(link, &how, moment, audience);
                }
            }
            Input::SignedOut(_) | Input::Tick => {}
        }
    }

    /// Does what somebody asked for.
    fn command(
        &mut self,
        client: Link,
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
            Command::Rename { .. } if self.presence.is_account(member) => {
                audience.one(client, &NameRefused::Fixed.event().json());
            }
            Command::Rename { name } => match self.free_name(Some(member), name) {
                Ok(name) => self.rename(member, name, moment, audience),
                Err(refused) => audience.one(client, &refused.event().json()),
            },
            // Not said to anybody.
            Command::Show(_) => {}
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
    pub fn refuse(&self, client: Link, refusal: &Refusal, audience: &mut impl Audience) {
        let Refusal { code, text, reference } = refusal;
        let error = Event::Error { code: *code, text, reference: reference.as_deref() };
        audience.one(client, &error.json());
    }

    /// When there is something to do though nothing happens: then [`Input::Tick`] is to be taken.
    pub fn due(&self) -> Option<Time> {
        [self.notices.due(), self.presence.due()].into_iter().flatten().min()
    }

    /// Does what is due.
    fn tick(&mut self, moment: &Moment, audience: &mut impl Audience) {
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

    /// Under which name a connection is here.
    pub fn name_of(&self, client: Link) -> Option<&str> {
        let member = self.presence.by_connection(client)?;
        self.presence.get(member).map(|member| member.name.as_str())
    }

    /// Names the run of the numbering of events.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.presence.count()
    }

    /// How many messages were said since the start.
    pub fn messages(&self) -> u64 {
        self.messages
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

/// Why somebody does not get the name they wished for; the old one stays.
enum NameRefused {
    Bad(BadName),
    Taken,
    /// It is an account's.
    Fixed,
}

impl NameRefused {
    fn event(&self) -> Event<'static> {
        let (code, text) = match self {
            NameRefused::Bad(bad) => (ErrorCode::BadName, bad.explanation()),
            NameRefused::Fixed => (ErrorCode::NameFixed, "your name is that of your account"),
            NameRefused::Taken => {
                (ErrorCode::NameTaken, "somebody else has this name, or one that looks like it")
            }
        };
        Event::Error { code, text, reference: None }
    }
}
