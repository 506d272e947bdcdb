//! The chat: names, presence, messages, history. The chat knows nothing of sockets.
//!
//! Owned by the broadcaster and called on its thread alone, so it is plain data without a lock. It applies one [`Input`] after
//! the other and calls the [`Audience`] with who gets what; the order of the calls is the order in which all members get it. Must
//! never wait for anything.

mod action;
mod audience;
mod clock;
mod command;
mod door;
mod event;
mod history;
mod input;
mod invisible;
mod join_request;
mod joining;
mod json;
mod member;
mod messages;
mod moderation;
mod name;
mod naming;
mod notices;
mod presence;
mod rules;
mod session_token;
mod settings;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use audience::Audience;
pub use clock::{Clock, Time, Timestamp};
pub use command::{Command, Fields, Page, Parsed, Refusal};
pub use door::Door;
pub use event::ErrorCode;
pub use history::KEPT_EVENTS;
pub use input::{ConnectionId, Input, ServerId};
pub use join_request::JoinRequest;
pub use json::escape_controls;
pub use name::{Name, NameKey};
pub use rules::EXPELLED_MINUTES;
pub use settings::{Limits, Settings};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use event::Event;
use history::{History, Record, Visibility};
use notices::Notices;
use presence::Presence;
use rules::Rules;
use session_token::MemberId;

/// Random bytes of an epoch, which need not be secret, only new.
const EPOCH: usize = 6;

/// All members, the history, and the counter of events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chat {
    presence: Presence,
    history: History,
    rules: Rules,
    /// Each server's own.
    #[serde(skip)]
    settings: Settings,
    notices: Notices,
    /// Names this numbering of events: ids of another epoch mean other events.
    epoch: String,
    last_id: u64,
    messages: u64,
}

impl Chat {
    pub fn new(settings: Settings) -> Self {
        Chat::of_epoch(new_epoch(), settings)
    }

    /// The same where the epoch is known.
    pub fn of_epoch(epoch: String, settings: Settings) -> Self {
        Chat {
            presence: Presence::default(),
            history: History::new(settings.send_queue),
            rules: Rules::default(),
            settings,
            notices: Notices::default(),
            epoch,
            last_id: 0,
            messages: 0,
        }
    }

    /// One that was copied from another server, with this server's settings.
    pub fn with_settings(self, settings: Settings) -> Self {
        let history = self.history.with_send_queue(settings.send_queue);
        let chat = Chat { settings, history, ..self };
        chat.set_door();
        chat
    }

    /// Applies the next input. What is due is done first.
    pub fn apply(&mut self, input: Input, timestamp: &Timestamp, audience: &mut impl Audience) {
        self.tick(timestamp, audience);
        match input {
            Input::Joined { connection, request, secret } => {
                self.join(connection, &request, secret, timestamp, audience);
            }
            Input::Command { connection, command } => {
                self.command(connection, &command, timestamp, audience);
            }
            Input::Moderated { connection, action, reference } => {
                self.moderate(connection, &action, reference, timestamp, audience);
            }
            Input::Left { connection, how } => self.leave(connection, &how, timestamp, audience),
            Input::SignedOut { account, origin } => audience.close_account(&account, origin),
            Input::AccountsGone { accounts, origin } => {
                for account in &accounts {
                    audience.close_account(account, origin);
                    self.presence.forget_account(account);
                }
            }
            Input::ServerGone { server, how } => {
                for connection in self.presence.connections_of(server) {
                    self.leave(connection, &how, timestamp, audience);
                }
            }
            Input::Tick => {}
        }
    }

    /// Sends an `error` to the sender alone: why its command was refused.
    pub fn refuse(&self, client: ConnectionId, refusal: &Refusal, audience: &mut impl Audience) {
        let Refusal { code, why, number, text, reference } = refusal;
        let (code, why, number) = (*code, *why, *number);
        let error = Event::Error { code, why, number, text, reference: reference.as_deref() };
        audience.one(client, &error.json());
    }

    /// When something is due even without an input: apply [`Input::Tick`] then.
    pub fn due(&self) -> Option<Time> {
        [self.notices.due(), self.presence.due(), self.rules.due()].into_iter().flatten().min()
    }

    /// Does what is due.
    fn tick(&mut self, timestamp: &Timestamp, audience: &mut impl Audience) {
        self.presence.expire(timestamp.now);
        if self.rules.expire(timestamp.now) {
            self.set_door();
            self.send_restricted(audience);
        }
        if let Some(crowd) = self.notices.crowd(timestamp.now) {
            let id = self.next_id();
            let (joined, left) = (crowd.joined, crowd.left);
            let (at, count) = (timestamp.at.as_str(), self.presence.count());
            self.announce(id, Event::Crowd { id, at, joined, left, count }.json(), audience);
        }
    }

    /// The name of the member on this connection.
    pub fn name_of(&self, client: ConnectionId) -> Option<&str> {
        let member = self.presence.by_connection(client)?;
        self.presence.get(member).map(|member| member.name.as_str())
    }

    /// Names this numbering of events.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// How many members are here.
    pub fn count(&self) -> usize {
        self.presence.count()
    }

    /// How many messages there were since the start.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// A notice for all members, now and in the history.
    fn announce(&mut self, id: u64, json: Bytes, audience: &mut impl Audience) {
        audience.everyone(&json);
        self.keep_notice(id, json, None);
    }

    fn keep(&mut self, id: u64, json: Bytes, visibility: Visibility, own: Option<(MemberId, Bytes)>) {
        self.history.push(Record { id, json, visibility, own });
    }

    fn keep_notice(&mut self, id: u64, json: Bytes, own: Option<(MemberId, Bytes)>) {
        self.history.push_notice(Record { id, json, visibility: Visibility::Everyone, own });
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// A name for a numbering of events: a new one each time that the ids begin again.
pub fn new_epoch() -> String {
    let mut bytes = [0; EPOCH];
    match getrandom::fill(&mut bytes) {
        Ok(()) => BASE64URL_NOPAD.encode(&bytes),
        // Without random numbers the time is new at every start.
        Err(_) => humantime::format_rfc3339_nanos(std::time::SystemTime::now()).to_string(),
    }
}
