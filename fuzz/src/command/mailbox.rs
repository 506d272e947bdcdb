//! An audience that keeps what it gets: a mailbox for each connection.

use std::collections::BTreeMap;

use bytes::Bytes;
use websocket_classroom::chat::{Audience, ConnectionId, NameKey, ServerId};
use websocket_classroom::close_code::{self, CloseReason};
use websocket_classroom::tap::Privacy;

/// The way by which an event was delivered: a method of [`Audience`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Everyone,
    EveryoneBut,
    One,
    Private,
    Welcome,
    Replay(Privacy),
}

impl Delivery {
    /// What comes this way is for its two members alone.
    pub fn is_private(self) -> bool {
        matches!(self, Delivery::Private | Delivery::Replay(Privacy::Private))
    }
}

#[derive(Default)]
pub struct Mailbox {
    pub mail: Vec<(Delivery, Bytes)>,
    /// The account that signed in.
    pub account: Option<NameKey>,
    /// As the audience was told.
    pub name: Option<String>,
}

#[derive(Default)]
pub struct Mailboxes {
    pub open: BTreeMap<ConnectionId, Mailbox>,
    /// They are to be closed, and get nothing but what was sent to them before.
    pub closing: Vec<(ConnectionId, CloseReason)>,
}

impl Mailboxes {
    pub fn is_closing(&self, one: ConnectionId) -> bool {
        self.closing.iter().any(|(closing, _)| *closing == one)
    }

    fn put(&mut self, one: ConnectionId, delivery: Delivery, json: &Bytes) {
        assert!(!self.is_closing(one), "sent after the end");
        let mailbox = self.open.get_mut(&one).expect("sent only to those who are here");
        mailbox.mail.push((delivery, json.clone()));
    }

    fn all(&self) -> Vec<ConnectionId> {
        self.open.keys().copied().filter(|one| !self.is_closing(*one)).collect()
    }
}

impl Audience for Mailboxes {
    fn everyone(&mut self, json: &Bytes) {
        self.all().into_iter().for_each(|one| self.put(one, Delivery::Everyone, json));
    }

    fn everyone_but(&mut self, one: ConnectionId, json: &Bytes, own: Option<&Bytes>) {
        for other in self.all().into_iter().filter(|other| *other != one) {
            self.put(other, Delivery::EveryoneBut, json);
        }
        if let Some(own) = own {
            self.put(one, Delivery::EveryoneBut, own);
        }
    }

    fn one(&mut self, one: ConnectionId, json: &Bytes) {
        self.put(one, Delivery::One, json);
    }

    fn private(&mut self, them: &[ConnectionId], json: &Bytes) {
        them.iter().for_each(|one| self.put(*one, Delivery::Private, json));
    }

    fn welcome(&mut self, one: ConnectionId, json: &Bytes) {
        self.put(one, Delivery::Welcome, json);
    }

    fn replay(&mut self, one: ConnectionId, past: &[(Privacy, &Bytes)]) {
        past.iter().for_each(|(privacy, json)| self.put(one, Delivery::Replay(*privacy), json));
    }

    fn named(&mut self, one: ConnectionId, name: &str) {
        self.open.get_mut(&one).expect("a member is here").name = Some(name.to_owned());
    }

    fn close(&mut self, one: ConnectionId, reason: CloseReason) {
        self.closing.push((one, reason));
    }

    fn close_account(&mut self, account: &NameKey, origin: ServerId) {
        for one in self.all() {
            if one.server != origin && self.open[&one].account.as_ref() == Some(account) {
                self.close(one, CloseReason::new(close_code::SIGNED_OUT, ""));
            }
        }
    }
}
