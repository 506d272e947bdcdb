//! Who is signed in: the cookie sessions, bounded in number and in age.
//!
//! Used by the accounts' thread; no clock of its own, it is told the time.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::admission::{Cookie, CookieKey, Standing};
use crate::chat::NameKey;
use crate::close::{self, CloseReason};

/// How long a session lasts: a day at school.
pub const SESSION_AGE: Duration = Duration::from_secs(12 * 3600);

/// Sessions of one account, and of all; of more, the oldest ends.
const OF_ONE: usize = 16;
const OF_ALL: usize = 20_000;

const TOO_OLD: CloseReason =
    CloseReason::new(close::SIGNED_OUT, "12 hours have passed since you signed in");
const TOO_MANY: CloseReason =
    CloseReason::new(close::SIGNED_OUT, "signed in too often since: the oldest session ends");

#[derive(Debug, Default)]
pub struct Sessions {
    by_cookie: HashMap<CookieKey, Session>,
    /// In the order in which they end.
    by_age: BTreeMap<(Instant, u64), CookieKey>,
    /// Those of each account, the oldest first.
    by_account: HashMap<NameKey, Vec<CookieKey>>,
    begun: u64,
    /// Those that have ended, and nobody has been told of.
    ended: Vec<CookieKey>,
}

#[derive(Debug)]
pub struct Session {
    pub account: NameKey,
    pub standing: Standing,
    /// Other servers know it, too.
    pub is_shared: bool,
    ends: Instant,
    number: u64,
}

impl Sessions {
    /// Begins a session. Others may end for it.
    pub fn begin(&mut self, cookie: &Cookie, account: NameKey, now: Instant) -> Standing {
        self.insert(cookie.key(), account, now + SESSION_AGE)
    }

    /// A session that began at another server, and lasts for this long.
    pub fn adopt(&mut self, cookie: CookieKey, account: NameKey, age: Duration, now: Instant) {
        if !self.by_cookie.contains_key(&cookie) {
            self.insert(cookie, account, now + age);
            self.set_shared(cookie);
        }
    }

    /// Other servers know it from now on.
    pub fn set_shared(&mut self, cookie: CookieKey) {
        if let Some(session) = self.by_cookie.get_mut(&cookie) {
            session.is_shared = true;
        }
    }

    fn insert(&mut self, cookie: CookieKey, account: NameKey, ends: Instant) -> Standing {
        let of_one = self.by_account.get(&account).map_or(&[][..], Vec::as_slice);
        let too_many = if of_one.len() >= OF_ONE { of_one.first().copied() } else { None };
        let oldest = self.by_age.first_key_value().map(|(_, cookie)| *cookie);
        let too_many = too_many.or(oldest.filter(|_| self.by_cookie.len() >= OF_ALL));
        if let Some(too_many) = too_many {
            self.end(too_many, TOO_MANY);
        }
        self.begun += 1;
        let (number, standing) = (self.begun, Standing::default());
        self.by_age.insert((ends, number), cookie);
        self.by_account.entry(account.clone()).or_default().push(cookie);
        self.by_cookie.insert(
            cookie,
            Session { account, standing: standing.clone(), is_shared: false, ends, number },
        );
        standing
    }

    /// The session of a cookie.
    pub fn get(&self, cookie: &Cookie, now: Instant) -> Option<&Session> {
        self.by_cookie.get(&cookie.key()).filter(|session| session.ends > now)
    }

    pub fn end(&mut self, cookie: CookieKey, reason: CloseReason) {
        let Some(session) = self.by_cookie.remove(&cookie) else { return };
        session.standing.end(reason);
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
    pub fn take_ended(&mut self) -> Vec<CookieKey> {
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
mod tests {
    use super::*;
    use crate::chat::Name;

    fn key(name: &str) -> NameKey {
        Name::parse(name).expect("a name").key()
    }

    fn begin(sessions: &mut Sessions, name: &str, now: Instant) -> (Cookie, Standing) {
        let cookie = Cookie::random().expect("random numbers");
        let standing = sessions.begin(&cookie, key(name), now);
        (cookie, standing)
    }

    #[test]
    fn a_session_lasts_for_a_day_at_school() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let (cookie, standing) = begin(&mut sessions, "Ana", start);
        let almost = start + SESSION_AGE - Duration::from_secs(1);
        assert!(sessions.get(&cookie, almost).is_some_and(|session| session.account == key("ana")));
        sessions.end_old(almost);
        assert!(standing.ended().is_none());
        let end = sessions.due().expect("one session");
        assert!(sessions.get(&cookie, end).is_none());
        sessions.end_old(end);
        assert_eq!(standing.ended(), Some(&TOO_OLD));
        assert!(sessions.by_cookie.is_empty() && sessions.by_account.is_empty());
        assert_eq!(sessions.due(), None);
    }

    #[test]
    fn of_too_many_the_oldest_ends() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let (_, luis) = begin(&mut sessions, "Luis", start);
        let all: Vec<_> = (0..=OF_ONE).map(|_| begin(&mut sessions, "Ana", start)).collect();
        assert_eq!(all[0].1.ended(), Some(&TOO_MANY));
        assert!(all[1..].iter().all(|(_, standing)| standing.ended().is_none()));
        assert!(luis.ended().is_none(), "not somebody else's");
        for number in 0..OF_ALL {
            begin(&mut sessions, &format!("name {number}"), start);
        }
        assert_eq!(luis.ended(), Some(&TOO_MANY));
        assert_eq!(sessions.by_cookie.len(), OF_ALL);
        assert_eq!(sessions.by_age.len(), OF_ALL);
    }

    #[test]
    fn an_account_ends_with_all_its_sessions() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let anas: Vec<_> = (0..3).map(|_| begin(&mut sessions, "Ana", start)).collect();
        let (cookie, luis) = begin(&mut sessions, "Luis", start);
        const GONE: CloseReason = CloseReason::new(close::SIGNED_OUT, "gone");
        sessions.end_account(&key("Ana"), &GONE);
        assert!(anas.iter().all(|(_, standing)| standing.ended() == Some(&GONE)));
        assert!(anas.iter().all(|(cookie, _)| sessions.get(cookie, start).is_none()));
        assert!(luis.ended().is_none() && sessions.get(&cookie, start).is_some());
    }
}
