//! How often a password may be tried: counted for each address that tries and for each name that is tried.
//!
//! A budget is a token bucket that fills again by itself. An attempt is taken out before the password is checked and put back if it
//! was right, so that many at once are counted, too. Names that no account has are counted like those of the list: else it would
//! show who is on it. Used by the authentication's thread; no clock of its own, it is told the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::chat::NameKey;
use crate::limits;

/// This many attempts, then one more each time that `refill` has passed.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub attempts: u32,
    pub refill: Duration,
}

/// Wrong passwords for one name…
pub const NAME_BUDGET: Budget = Budget { attempts: 10, refill: Duration::from_secs(30) };

/// …and from one address, which may be a whole school's.
pub const ADDRESS_BUDGET: Budget = Budget { attempts: 100, refill: Duration::from_secs(1) };

/// Passwords that may wait to be checked: two classes that sign in at the same moment. More are answered 503.
pub const CHECKS: usize = 64;

/// Attempts of one address that may be under way: half of what can wait, so that others still come in.
const ADDRESS_AT_ONCE: u32 = CHECKS as u32 / 2;

/// Names, and addresses, that are counted at once; of more, the one with the fewest failures is forgotten.
const COUNTED: usize = 4096;

#[derive(Debug)]
pub struct Attempts {
    names: Budgets<NameKey>,
    addresses: Budgets<IpAddr>,
}

/// A try that was taken out of both budgets; `None` for a name that cannot be anybody's.
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

/// Why nothing can be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAttempt {
    /// Too many failed: one may be tried after this time.
    Wait(Duration),
    /// Too many are under way, which may all be right.
    UnderWay,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            names: Budgets::new(NAME_BUDGET, NAME_BUDGET.attempts),
            addresses: Budgets::new(ADDRESS_BUDGET, ADDRESS_AT_ONCE),
        }
    }
}

impl Attempts {
    /// Takes a try out of both budgets; [`Attempts::end`] must follow.
    ///
    /// # Errors
    /// If there is none; then nothing is taken out.
    pub fn begin(&mut self, attempt: &Attempt, now: Instant) -> Result<(), NoAttempt> {
        let Attempt { name, address } = attempt;
        self.addresses.begin(address, now)?;
        if let Some(name) = name {
            let no_try = |_: &NoAttempt| self.addresses.end(address, false);
            self.names.begin(name, now).inspect_err(no_try)?;
        }
        Ok(())
    }

    /// The try has been made, and failed or not.
    pub fn end(&mut self, attempt: &Attempt, failed: bool) {
        self.addresses.end(&attempt.address, failed);
        if let Some(name) = &attempt.name {
            self.names.end(name, failed);
        }
    }
}

/// A bucket for each key of which attempts_left are under way, or were made lately.
#[derive(Debug)]
struct Budgets<Key> {
    budget: Budget,
    at_once: u32,
    buckets: HashMap<Key, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it will be full again: that is all one has to know of what is in it.
    full_at: Instant,
    under_way: u32,
}

impl<Key: Clone + Eq + Hash> Budgets<Key> {
    fn new(budget: Budget, at_once: u32) -> Self {
        Budgets { budget, at_once, buckets: HashMap::new() }
    }

    fn begin(&mut self, key: &Key, now: Instant) -> Result<(), NoAttempt> {
        let Budget { attempts, refill } = self.budget;
        let known = self.buckets.get(key);
        let Bucket { full_at, under_way } = known.copied().unwrap_or(Bucket { full_at: now, under_way: 0 });
        let full_at = full_at.max(now) + refill;
        let too_late = full_at.saturating_duration_since(now + refill * attempts);
        // Those under way may all be right, and cost nothing then.
        if too_late > refill * under_way {
            return Err(NoAttempt::Wait(too_late));
        }
        if !too_late.is_zero() || under_way >= self.at_once {
            return Err(NoAttempt::UnderWay);
        }
        if known.is_none() && self.buckets.len() >= COUNTED {
            self.forget_least(now);
        }
        self.buckets.insert(key.clone(), Bucket { full_at, under_way: under_way + 1 });
        Ok(())
    }

    fn end(&mut self, key: &Key, failed: bool) {
        let Some(bucket) = self.buckets.get_mut(key) else { return };
        bucket.under_way = bucket.under_way.saturating_sub(1);
        if !failed {
            // Where the system's clock began a moment ago there is no time before: then it stays.
            bucket.full_at = bucket.full_at.checked_sub(self.budget.refill).unwrap_or(bucket.full_at);
        }
    }

    fn forget_least(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.full_at > now || bucket.under_way > 0);
        if self.buckets.len() >= COUNTED {
            let least = self.buckets.iter().filter(|(_, bucket)| bucket.under_way == 0);
            let least = least.min_by_key(|(_, bucket)| bucket.full_at);
            if let Some(key) = least.map(|(key, _)| key.clone()) {
                self.buckets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
