//! Limits wrong passwords: a token bucket for each name, and one for each client address.
//!
//! A login attempt takes a token before the check, so that many attempts at once are counted, too. A right password returns it.
//! Names without an account are counted as well: otherwise a client could find out which names are on the list. Owned by the
//! authentication's thread, which passes the time in. Must never wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::chat::NameKey;
use crate::limits;

/// The size of a token bucket: this many attempts at once, then one more after each `refill`.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub attempts: u32,
    pub refill: Duration,
}

/// For one name.
pub const NAME_BUDGET: Budget = Budget { attempts: 10, refill: Duration::from_secs(30) };

/// For one address, which may be that of a whole school.
pub const ADDRESS_BUDGET: Budget = Budget { attempts: 100, refill: Duration::from_secs(1) };

/// Passwords that may wait for their check: two classes that sign in at the same time. More get 503.
pub const MAX_WAITING_CHECKS: usize = 64;

/// Attempts of one address at the same time: half of the queue, so that other addresses can sign in, too.
const ADDRESS_AT_ONCE: u32 = MAX_WAITING_CHECKS as u32 / 2;

/// The most buckets for names, and for addresses. When there are more, the fullest is removed.
const MAX_BUCKETS: usize = 4096;

#[derive(Debug)]
pub struct Attempts {
    names: Buckets<NameKey>,
    addresses: Buckets<IpAddr>,
}

/// Whose buckets a login attempt takes its tokens from; `None` for a name that no account can have.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub name: Option<NameKey>,
    pub address: IpAddr,
}

impl Attempt {
    pub fn new(name: Option<NameKey>, peer: IpAddr) -> Attempt {
        Attempt { name, address: limits::counted_as(peer) }
    }
}

/// Why no attempt is possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAttempt {
    /// Too many failed; the next is possible after this time.
    Wait(Duration),
    /// Too many run already. They may all succeed, so this time is not known.
    TooManyRunning,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            names: Buckets::new(NAME_BUDGET, NAME_BUDGET.attempts),
            addresses: Buckets::new(ADDRESS_BUDGET, ADDRESS_AT_ONCE),
        }
    }
}

impl Attempts {
    /// Takes a token from both buckets. [`Attempts::end`] must follow.
    ///
    /// # Errors
    /// If a bucket is empty. Then both keep their tokens.
    pub fn begin(&mut self, attempt: &Attempt, now: Instant) -> Result<(), NoAttempt> {
        let Attempt { name, address } = attempt;
        self.addresses.begin(address, now)?;
        if let Some(name) = name {
            let undo = |_: &NoAttempt| self.addresses.end(address, false);
            self.names.begin(name, now).inspect_err(undo)?;
        }
        Ok(())
    }

    /// The password was checked. Returns the tokens, unless it was wrong.
    pub fn end(&mut self, attempt: &Attempt, failed: bool) {
        self.addresses.end(&attempt.address, failed);
        if let Some(name) = &attempt.name {
            self.names.end(name, failed);
        }
    }
}

/// The buckets that are not full.
#[derive(Debug)]
struct Buckets<Key> {
    budget: Budget,
    at_once: u32,
    buckets: HashMap<Key, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it will be full again. The number of its tokens follows from this.
    full_at: Instant,
    /// Attempts that have begun and not ended.
    running: u32,
}

impl<Key: Clone + Eq + Hash> Buckets<Key> {
    fn new(budget: Budget, at_once: u32) -> Self {
        Buckets { budget, at_once, buckets: HashMap::new() }
    }

    fn begin(&mut self, key: &Key, now: Instant) -> Result<(), NoAttempt> {
        let Budget { attempts, refill } = self.budget;
        let known = self.buckets.get(key);
        let Bucket { full_at, running } = known.copied().unwrap_or(Bucket { full_at: now, running: 0 });
        let full_at = full_at.max(now) + refill;
        let wait = full_at.saturating_duration_since(now + refill * attempts);
        // The running attempts may all succeed and return their tokens.
        if wait > refill * running {
            return Err(NoAttempt::Wait(wait));
        }
        if !wait.is_zero() || running >= self.at_once {
            return Err(NoAttempt::TooManyRunning);
        }
        if known.is_none() && self.buckets.len() >= MAX_BUCKETS {
            self.remove_fullest(now);
        }
        self.buckets.insert(key.clone(), Bucket { full_at, running: running + 1 });
        Ok(())
    }

    fn end(&mut self, key: &Key, failed: bool) {
        let bucket = self.buckets.get_mut(key);
        let bucket = bucket.expect("invariant: a bucket stays while an attempt of its key runs");
        bucket.running -= 1;
        if !failed {
            // No earlier time can be computed if the clock has just started. Then the token is not returned.
            bucket.full_at = bucket.full_at.checked_sub(self.budget.refill).unwrap_or(bucket.full_at);
        }
    }

    fn remove_fullest(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.full_at > now || bucket.running > 0);
        if self.buckets.len() >= MAX_BUCKETS {
            let fullest = self.buckets.iter().filter(|(_, bucket)| bucket.running == 0);
            let fullest = fullest.min_by_key(|(_, bucket)| bucket.full_at);
            if let Some(key) = fullest.map(|(key, _)| key.clone()) {
                self.buckets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
