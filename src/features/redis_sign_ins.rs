//! What servers that share a chat must know of each other's sign-ins, in Redis: who is signed in, and how often a password was
//! wrong.
//!
//! Called on the authentication's thread, which waits for Redis, at most `ANSWER_TIMEOUT` for each answer. Must never let a client
//! in whose session has ended. It is a module of `features`, since it uses two of them: accounts and Redis.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use redis::{Connection, RedisResult, cmd};
use sha2::{Digest, Sha256};

use super::accounts::{ADDRESS_BUDGET, Attempt, Budget, CookieHash, NAME_BUDGET, SharedSignIns};
use super::redis::{Redis, RedisConfig};
use crate::chat::NameKey;

/// After an error, Redis is not asked again for this time: sign-ins must not wait for it again and again.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(2);

/// Takes a token from a bucket. Returns how many milliseconds to wait if it is empty, else 0. The key stores when the bucket will
/// be full again.
const TAKE_TOKEN: &str = "
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full = math.max(tonumber(redis.call('get', KEYS[1]) or now), now) + ARGV[1]
local wait = full - now - ARGV[1] * ARGV[2]
if wait > 0 then return wait end
redis.call('set', KEYS[1], full, 'PX', full - now)
return 0";

const RETURN_TOKEN: &str = "
if redis.call('exists', KEYS[1]) == 1 then redis.call('decrby', KEYS[1], ARGV[1]) end
return 0";

pub struct RedisSignIns {
    redis: Redis,
    connection: Option<Connection>,
    next_connect: Instant,
    /// What ended while Redis was lost. Bounded by the sessions and accounts of this server.
    to_delete: Vec<ToDelete>,
}

/// A key in Redis.
enum ToDelete {
    Session(String),
    /// The set of an account's sessions, and all of these sessions.
    AllSessions(String),
}

impl RedisSignIns {
    /// # Errors
    /// If the address is not valid.
    pub fn new(config: RedisConfig) -> std::io::Result<RedisSignIns> {
        Ok(RedisSignIns {
            redis: Redis::new(config)?,
            connection: None,
            next_connect: Instant::now(),
            to_delete: Vec::new(),
        })
    }

    /// Deletes in Redis what has ended here. What is left when Redis does not answer is tried again later.
    fn delete_ended(&mut self) {
        while let Some(to_delete) = self.to_delete.pop() {
            let deleted = self.execute(|connection| match &to_delete {
                ToDelete::Session(session) => cmd("DEL").arg(session).exec(connection),
                ToDelete::AllSessions(all) => {
                    let sessions: Vec<String> = cmd("SMEMBERS").arg(all).query(connection)?;
                    cmd("DEL").arg(all).arg(sessions).exec(connection)
                }
            });
            if deleted.is_none() {
                return self.to_delete.push(to_delete);
            }
        }
    }

    fn return_token(&mut self, key: &str, budget: Budget) {
        let refill = budget.refill.as_millis() as u64;
        self.execute(|connection| cmd("EVAL").arg(RETURN_TOKEN).arg(1).arg(key).arg(refill).exec(connection));
    }

    /// The keys of the attempt's buckets, with their sizes.
    fn buckets(&self, attempt: &Attempt) -> Vec<(String, Budget)> {
        let address = match attempt.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => address.to_string(),
        };
        let address = (self.redis.key(&format!("attempts_left-from:{address}")), ADDRESS_BUDGET);
        // Hashed: an unknown name may be a password that was typed into the wrong field.
        let hash = |name: &NameKey| HEXLOWER.encode(&Sha256::digest(name.text()));
        let name = attempt.name.as_ref().map(hash);
        let name = name.map(|hash| (self.redis.key(&format!("attempts_left-of:{hash}")), NAME_BUDGET));
        [Some(address), name].into_iter().flatten().collect()
    }

    fn session_key(&self, cookie: CookieHash) -> String {
        self.redis.key(&format!("session:{}", HEXLOWER.encode(&cookie.0)))
    }

    fn all_sessions_key(&self, account: &NameKey) -> String {
        self.redis.key(&format!("sessions-of:{}", account.text()))
    }

    /// Runs commands on the connection. Connects first if there is none. `None` after an error, and during the pause after it.
    fn execute<Answer>(
        &mut self,
        commands: impl FnOnce(&mut Connection) -> RedisResult<Answer>,
    ) -> Option<Answer> {
        if self.connection.is_none() && Instant::now() < self.next_connect {
            return None;
        }
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.redis.connect(),
        };
        let answer = connection.and_then(|mut connection| {
            let answer = commands(&mut connection)?;
            self.connection = Some(connection);
            Ok(answer)
        });
        if answer.is_err() {
            self.next_connect = Instant::now() + PAUSE_AFTER_ERROR;
        }
        answer.ok()
    }
}

impl SharedSignIns for RedisSignIns {
    fn begin(&mut self, cookie: CookieHash, account: &NameKey, age: Duration) -> bool {
        let (session, all) = (self.session_key(cookie), self.all_sessions_key(account));
        let age = age.as_millis() as u64;
        self.execute(|connection| {
            let mut commands = redis::pipe();
            commands.cmd("SET").arg(&session).arg(account.text()).arg("PX").arg(age).ignore();
            commands.cmd("SADD").arg(&all).arg(&session).ignore();
            commands.cmd("PEXPIRE").arg(&all).arg(age).ignore();
            commands.exec(connection)
        })
        .is_some()
    }

    fn find_session(&mut self, cookie: CookieHash) -> Option<Option<(NameKey, Duration)>> {
        self.delete_ended();
        // What Redis still has may be a session that ended here.
        if !self.to_delete.is_empty() {
            return None;
        }
        let session = self.session_key(cookie);
        self.execute(|connection| {
            let mut commands = redis::pipe();
            commands.cmd("GET").arg(&session).cmd("PTTL").arg(&session);
            let (account, age): (Option<String>, i64) = commands.query(connection)?;
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            Ok(account.map(|account| (NameKey::of_text(account), age)))
        })
    }

    fn end(&mut self, cookie: CookieHash) {
        self.to_delete.push(ToDelete::Session(self.session_key(cookie)));
        self.delete_ended();
    }

    fn end_account(&mut self, account: &NameKey) {
        self.to_delete.push(ToDelete::AllSessions(self.all_sessions_key(account)));
        self.delete_ended();
    }

    fn take_tokens(&mut self, attempt: &Attempt) -> Result<(), Duration> {
        let buckets = self.buckets(attempt);
        for (taken, (key, budget)) in buckets.iter().enumerate() {
            let (refill, attempts) = (budget.refill.as_millis() as u64, budget.attempts);
            let wait: Option<u64> = self.execute(|connection| {
                cmd("EVAL").arg(TAKE_TOKEN).arg(1).arg(key).arg(refill).arg(attempts).query(connection)
            });
            if let Some(wait) = wait.filter(|wait| *wait > 0) {
                buckets[..taken].iter().for_each(|(key, budget)| self.return_token(key, *budget));
                return Err(Duration::from_millis(wait));
            }
        }
        Ok(())
    }

    fn return_tokens(&mut self, attempt: &Attempt) {
        for (key, budget) in self.buckets(attempt) {
            self.return_token(&key, budget);
        }
    }
}
