//! Who is signed in: the cookie sessions, bounded in number and in age.
//!
//! Used by the accounts' thread; no clock of its own, it is told the time.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::login::CookieHash;
use crate::admission::Revocation;
use crate::chat::NameKey;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// How long a session lasts: a day at school.
pub const SESSION_AGE: Duration = Duration::from_secs(12 * 3600);

/// Sessions of one account, and of all; of more, the oldest ends.
const OF_ONE: usize = 16;
const OF_ALL: usize = 20_000;

const TOO_OLD: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "12 hours have passed since you signed in");
const TOO_MANY: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "signed in too often since: the oldest session ends");

#[derive(Debug, Default)]
pub struct Sessions {
    by_cookie: HashMap<CookieHash, Session>,
    /// In the order in which they end.
    by_age: BTreeMap<(Instant, u64), CookieHash>,
    /// Those of each account, the oldest first.
    by_account: HashMap<NameKey, Vec<CookieHash>>,
    begun: u64,
    /// Those that have ended and were not taken by [`Sessions::take_ended`] yet.
    ended: Vec<CookieHash>,
}

#[derive(Debug)]
pub struct Session {
    pub account: NameKey,
    pub revocation: Revocation,
    /// Other servers know it, too.
    pub is_shared: bool,
    ends: Instant,
    number: u64,
}

impl Sessions {
    /// Begins a session. Others may end for it.
    pub fn begin(&mut self, cookie: &Token, account: NameKey, now: Instant) -> Revocation {
        self.insert(CookieHash::of(cookie), account, now + SESSION_AGE)
    }

    /// A session that began at another server, and lasts for this long.
    pub fn adopt(&mut self, cookie: CookieHash, account: NameKey, age: Duration, now: Instant) {
        if !self.by_cookie.contains_key(&cookie) {
            self.insert(cookie, account, now + age);
            self.set_shared(cookie);
        }
    }

    /// Other servers know it from now on.
    pub fn set_shared(&mut self, cookie: CookieHash) {
        if let Some(session) = self.by_cookie.get_mut(&cookie) {
            session.is_shared = true;
        }
    }

    fn insert(&mut self, cookie: CookieHash, account: NameKey, ends: Instant) -> Revocation {
        let of_one = self.by_account.get(&account).map_or(&[][..], Vec::as_slice);
        let too_many = if of_one.len() >= OF_ONE { of_one.first().copied() } else { None };
        let oldest = self.by_age.first_key_value().map(|(_, cookie)| *cookie);
        let too_many = too_many.or(oldest.filter(|_| self.by_cookie.len() >= OF_ALL));
        if let Some(too_many) = too_many {
            self.end(too_many, TOO_MANY);
        }
        self.begun += 1;
        let (number, revocation) = (self.begun, Revocation::default());
        self.by_age.insert((ends, number), cookie);
        self.by_account.entry(account.clone()).or_default().push(cookie);
        self.by_cookie.insert(
            cookie,
            Session { account, revocation: revocation.clone(), is_shared: false, ends, number },
        );
        revocation
    }

    /// The session of a cookie.
    pub fn get(&self, cookie: &Token, now: Instant) -> Option<&Session> {
        self.by_cookie.get(&CookieHash::of(cookie)).filter(|session| session.ends > now)
    }

    pub fn end(&mut self, cookie: CookieHash, reason: CloseReason) {
        let Some(session) = self.by_cookie.remove(&cookie) else { return };
        session.revocation.revoke(reason);
        self.ended.push(cookie);
        self.by_age.remove(&(session.ends, session.number));
        if let Some(of_one) = self.by_account.get_mut(&session.account) {
            of_one.retain(|other| *other != cookie);
            if of_one.is_empty() {
                self.by_account.remove(&session.account);
            }
        }
    }

    /// All of one account.
    pub fn end_account(&mut self, account: &NameKey, reason: &CloseReason) {
        for cookie in self.by_account.get(account).cloned().unwrap_or_default() {
            self.end(cookie, reason.clone());
        }
    }

    /// Those that have ended since this was asked last.
    pub fn take_ended(&mut self) -> Vec<CookieHash> {
        std::mem::take(&mut self.ended)
    }

    /// When [`Sessions::end_old`] has something to do.
    pub fn due(&self) -> Option<Instant> {
        self.by_age.first_key_value().map(|((ends, _), _)| *ends)
    }

    /// Ends those whose time is over.
    pub fn end_old(&mut self, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            let Some((_, oldest)) = self.by_age.first_key_value() else { return };
            self.end(*oldest, TOO_OLD);
        }
    }
}

#[cfg(test)]
mod tests;
