//! An audience that keeps what it hears: a mailbox for each connection.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::chat::{Audience, Link};
use crate::close::CloseReason;

#[derive(Default)]
pub struct Mailboxes {
    pub open: BTreeMap<Link, Vec<Bytes>>,
    /// They are not to be here any more, and hear nothing but what they were told before.
    pub closing: Vec<Link>,
}

impl Mailboxes {
    fn put(&mut self, one: Link, json: &Bytes) {
        assert!(!self.closing.contains(&one), "told after its end");
        self.open.get_mut(&one).expect("told only to those who are here").push(json.clone());
    }

    fn all(&self) -> Vec<Link> {
        self.open.keys().copied().filter(|link| !self.closing.contains(link)).collect()
    }
}

impl Audience for Mailboxes {
    fn everyone(&mut self, json: &Bytes) {
        self.all().into_iter().for_each(|one| self.put(one, json));
    }

    fn everyone_but(&mut self, one: Link, json: &Bytes, own: Option<&Bytes>) {
        for other in self.all().into_iter().filter(|other| *other != one) {
            self.put(other, json);
        }
        if let Some(own) = own {
            self.put(one, own);
        }
    }

    fn one(&mut self, one: Link, json: &Bytes) {
        self.put(one, json);
    }

    fn some(&mut self, them: &[Link], json: &Bytes) {
        them.iter().for_each(|one| self.put(*one, json));
    }

    fn replay(&mut self, one: Link, past: &[&Bytes]) {
        past.iter().for_each(|json| self.put(one, json));
    }

    fn close(&mut self, one: Link, _reason: CloseReason) {
        self.closing.push(one);
    }
}
