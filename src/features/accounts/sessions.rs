//! Who is signed in: the cookie sessions, limited in number and in age.
//!
//! Owned by the authentication's thread, which passes the time in. Must never wait.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::login::CookieHash;
use crate::admission::Revocation;
use crate::chat::NameKey;
use crate::close_code::{self, CloseReason};
use crate::token::Token;

/// How long a session lasts: a day at school.
pub const SESSION_AGE: Duration = Duration::from_secs(12 * 3600);

/// The most sessions of one account, and of all. When a session more begins, the oldest ends.
const MAX_PER_ACCOUNT: usize = 16;
const MAX_SESSIONS: usize = 20_000;

const TOO_OLD: CloseReason =
    CloseReason::new(close_code::SIGNED_OUT, "sign_in_expired: 12 hours have passed since you signed in");
const TOO_MANY: CloseReason = CloseReason::new(
    close_code::SIGNED_OUT,
    "too_many_sign_ins: signed in too often since: the oldest session ends",
);

#[derive(Debug, Default)]
pub struct Sessions {
    by_cookie: HashMap<CookieHash, Session>,
    /// In the order in which they end.
    by_age: BTreeMap<(Instant, u64), CookieHash>,
    /// Those of each account, the oldest first.
    by_account: HashMap<NameKey, Vec<CookieHash>>,
    /// How many sessions have begun.
    begun: u64,
    /// Ended since the last [`Sessions::take_ended`].
    ended: Vec<CookieHash>,
}

#[derive(Debug)]
pub struct Session {
    pub account: NameKey,
    pub revocation: Revocation,
    /// The other servers know it, too.
    pub is_shared: bool,
    ends: Instant,
    number: u64,
}

impl Sessions {
    /// Begins a session. If there are too many, the oldest ends.
    pub fn begin(&mut self, cookie: &Token, account: NameKey, now: Instant) -> Revocation {
        self.insert(CookieHash::of(cookie), account, now + SESSION_AGE)
    }

    /// Adds a session that began on another server and lasts `left` more.
    pub fn adopt(&mut self, cookie: CookieHash, account: NameKey, left: Duration, now: Instant) {
        if !self.by_cookie.contains_key(&cookie) {
            self.insert(cookie, account, now + left);
            self.set_shared(cookie);
        }
    }

    /// The other servers know this session from now on.
    pub fn set_shared(&mut self, cookie: CookieHash) {
        let session = self.by_cookie.get_mut(&cookie);
        session.expect("invariant: only a session that exists is shared").is_shared = true;
    }

    fn insert(&mut self, cookie: CookieHash, account: NameKey, ends: Instant) -> Revocation {
        let of_account = self.by_account.get(&account).map_or(&[][..], Vec::as_slice);
        let oldest = if of_account.len() >= MAX_PER_ACCOUNT {
            of_account.first().copied()
        } else if self.by_cookie.len() >= MAX_SESSIONS {
            self.by_age.first_key_value().map(|(_, cookie)| *cookie)
        } else {
            None
        };
        if let Some(oldest) = oldest {
            self.end(oldest, TOO_MANY);
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

    /// Ends a session.
    pub fn end(&mut self, cookie: CookieHash, reason: CloseReason) {
        let session = self.by_cookie.remove(&cookie).expect("invariant: only a session that exists ends");
        session.revocation.revoke(reason);
        self.ended.push(cookie);
        self.by_age.remove(&(session.ends, session.number));
        let of_account = self.by_account.get_mut(&session.account);
        let of_account = of_account.expect("invariant: an account with a session is in this map");
        of_account.retain(|other| *other != cookie);
        if of_account.is_empty() {
            self.by_account.remove(&session.account);
        }
    }

    /// Ends all sessions of one account.
    pub fn end_account(&mut self, account: &NameKey, reason: &CloseReason) {
        for cookie in self.by_account.get(account).cloned().unwrap_or_default() {
            self.end(cookie, reason.clone());
        }
    }

    /// The sessions that have ended since the last call.
    pub fn take_ended(&mut self) -> Vec<CookieHash> {
        std::mem::take(&mut self.ended)
    }

    /// When the next session becomes too old.
    pub fn due(&self) -> Option<Instant> {
        self.by_age.first_key_value().map(|((ends, _), _)| *ends)
    }

    /// Ends the sessions that are too old.
    pub fn end_old(&mut self, now: Instant) {
        let is_over = |(ends, _): &(Instant, _)| *ends <= now;
        while let Some((_, oldest)) = self.by_age.first_key_value().filter(|(age, _)| is_over(age)) {
            self.end(*oldest, TOO_OLD);
        }
    }
}

#[cfg(test)]
mod tests;
