//! What servers that share a chat must know of each other's sign-ins, in Redis: who is signed in, and how often a password was
//! wrong.
//!
//! Kept beside the chat's stream. Used by the authentication's thread, which waits for it, and never for long. A module of
//! `features`, since it needs two of them: accounts and Redis.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use redis::{Connection, RedisResult, cmd};
use sha2::{Digest, Sha256};

use super::accounts::{ADDRESS_BUDGET, Attempt, Budget, CookieHash, NAME_BUDGET, SharedSignIns};
use super::redis::{Place, Redis};
use crate::chat::NameKey;

/// How long is not asked again when Redis does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// Takes a try out of a bucket: returns for how many milliseconds to wait, if there is none.
const TAKE: &str = "
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full = math.max(tonumber(redis.call('get', KEYS[1]) or now), now) + ARGV[1]
local wait = full - now - ARGV[1] * ARGV[2]
if wait > 0 then return wait end
redis.call('set', KEYS[1], full, 'PX', full - now)
return 0";

/// Puts one back.
const GIVE_BACK: &str = "
if redis.call('exists', KEYS[1]) == 1 then redis.call('decrby', KEYS[1], ARGV[1]) end
return 0";

pub struct RedisSignIns {
    redis: Redis,
    connection: Option<Connection>,
    next_try: Instant,
    /// What has ended while Redis was away: sessions and accounts of this server, as many as there are at most.
    to_end: Vec<ToEnd>,
}

/// A key in Redis: of a session, or of the list of all sessions of an account.
enum ToEnd {
    Session(String),
    AllIn(String),
}

impl RedisSignIns {
    /// # Errors
    /// If the address is none.
    pub fn new(place: Place) -> std::io::Result<RedisSignIns> {
        Ok(RedisSignIns {
            redis: Redis::new(place)?,
            connection: None,
            next_try: Instant::now(),
            to_end: Vec::new(),
        })
    }

    /// Ends in Redis what has ended here: later, if it does not answer now. Until then no one is admitted by it.
    fn end_all(&mut self) {
        while let Some(to_end) = self.to_end.pop() {
            let ended = self.ask(|connection| match &to_end {
                ToEnd::Session(session) => cmd("DEL").arg(session).exec(connection),
                ToEnd::AllIn(all) => {
                    let sessions: Vec<String> = cmd("SMEMBERS").arg(all).query(connection)?;
                    cmd("DEL").arg(all).arg(sessions).exec(connection)
                }
            });
            if ended.is_none() {
                return self.to_end.push(to_end);
            }
        }
    }

    fn put_back(&mut self, key: &str, budget: Budget) {
        let refill = budget.refill.as_millis() as u64;
        self.ask(|connection| cmd("EVAL").arg(GIVE_BACK).arg(1).arg(key).arg(refill).exec(connection));
    }

    fn budgets(&self, attempt: &Attempt) -> Vec<(String, Budget)> {
        let address = match attempt.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => address.to_string(),
        };
        let address = (self.redis.key(&format!("attempts_left-from:{address}")), ADDRESS_BUDGET);
        // A name that is not on the list may be a password that was typed into the wrong field.
        let hash = |name: &NameKey| HEXLOWER.encode(&Sha256::digest(name.text()));
        let name = attempt.name.as_ref().map(hash);
        let name = name.map(|hash| (self.redis.key(&format!("attempts_left-of:{hash}")), NAME_BUDGET));
        [Some(address), name].into_iter().flatten().collect()
    }

    fn session(&self, cookie: CookieHash) -> String {
        self.redis.key(&format!("session:{}", HEXLOWER.encode(&cookie.0)))
    }

    fn sessions_of(&self, account: &NameKey) -> String {
        self.redis.key(&format!("sessions-of:{}", account.text()))
    }

    /// Asks Redis, unless it did not answer a moment ago.
    fn ask<Answer>(&mut self, ask: impl FnOnce(&mut Connection) -> RedisResult<Answer>) -> Option<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None if Instant::now() < self.next_try => return None,
            None => match self.redis.connect() {
                Ok(connection) => connection,
                Err(_) => {
                    self.next_try = Instant::now() + PAUSE;
                    return None;
                }
            },
        };
        match ask(&mut connection) {
            Ok(answer) => {
                self.connection = Some(connection);
                Some(answer)
            }
            Err(_) => {
                self.next_try = Instant::now() + PAUSE;
                None
            }
        }
    }
}

impl SharedSignIns for RedisSignIns {
    fn begin(&mut self, cookie: CookieHash, account: &NameKey, age: Duration) -> bool {
        let (session, all) = (self.session(cookie), self.sessions_of(account));
        let age = age.as_millis() as u64;
        self.ask(|connection| {
            let mut commands = redis::pipe();
            commands.cmd("SET").arg(&session).arg(account.text()).arg("PX").arg(age).ignore();
            commands.cmd("SADD").arg(&all).arg(&session).ignore();
            commands.cmd("PEXPIRE").arg(&all).arg(age).ignore();
            commands.exec(connection)
        })
        .is_some()
    }

    fn whose(&mut self, cookie: CookieHash) -> Option<Option<(NameKey, Duration)>> {
        self.end_all();
        if !self.to_end.is_empty() {
            return None;
        }
        let session = self.session(cookie);
        self.ask(|connection| {
            let mut commands = redis::pipe();
            commands.cmd("GET").arg(&session).cmd("PTTL").arg(&session);
            let (account, age): (Option<String>, i64) = commands.query(connection)?;
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            Ok(account.map(|account| (NameKey::of_text(account), age)))
        })
    }

    fn end(&mut self, cookie: CookieHash) {
        self.to_end.push(ToEnd::Session(self.session(cookie)));
        self.end_all();
    }

    fn end_account(&mut self, account: &NameKey) {
        self.to_end.push(ToEnd::AllIn(self.sessions_of(account)));
        self.end_all();
    }

    fn take(&mut self, attempt: &Attempt) -> Result<(), Duration> {
        let keys = self.budgets(attempt);
        for (taken, (key, budget)) in keys.iter().enumerate() {
            let (refill, attempts) = (budget.refill.as_millis() as u64, budget.attempts);
            let wait: Option<u64> = self.ask(|connection| {
                cmd("EVAL").arg(TAKE).arg(1).arg(key).arg(refill).arg(attempts).query(connection)
            });
            if let Some(wait) = wait.filter(|wait| *wait > 0) {
                keys[..taken].iter().for_each(|(key, budget)| self.put_back(key, *budget));
                return Err(Duration::from_millis(wait));
            }
        }
        Ok(())
    }

    fn give_back(&mut self, attempt: &Attempt) {
        for (key, budget) in self.budgets(attempt) {
            self.put_back(&key, budget);
        }
    }
}
