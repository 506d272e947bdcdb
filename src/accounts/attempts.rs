//! How often somebody may try a password: counted for each address that tries and for each name that is tried.
//!
//! A budget is a bucket of tries that fills again by itself. A try is taken out before the password is looked at and put
//! back if it was right, so that many at once are counted, too. Names that nobody has are counted like those of the list:
//! else it would show who is on it. Used by the gatekeeper; no clock of its own, it is told the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::chat::NameKey;
use crate::network;

/// So many tries, then one more each time that `refill` has passed.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub tries: u32,
    pub refill: Duration,
}

/// Wrong passwords for one name…
pub const NAME_BUDGET: Budget = Budget { tries: 10, refill: Duration::from_secs(30) };

/// …and from one address, which may be a whole school's.
pub const ADDRESS_BUDGET: Budget = Budget { tries: 100, refill: Duration::from_secs(1) };

/// Tries of one address that may be under way: half of what can wait, so that others still come in.
const ADDRESS_AT_ONCE: u32 = super::verifier::QUEUE as u32 / 2;

/// Names, and addresses, that are counted at once; of more, the one with the fewest failures is forgotten.
const COUNTED: usize = 4096;

#[derive(Debug)]
pub struct Attempts {
    names: Budgets<NameKey>,
    addresses: Budgets<IpAddr>,
}

/// A try that was taken out of both budgets; `None` for a name that cannot be anybody's.
#[derive(Debug, Clone)]
pub struct Try {
    pub(super) name: Option<NameKey>,
    pub(super) address: IpAddr,
}

impl Try {
    pub fn new(name: Option<NameKey>, peer: IpAddr) -> Try {
        Try { name, address: network::counted_as(peer) }
    }
}

/// Why nothing can be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTry {
    /// Too many failed: one may be tried after this time.
    Wait(Duration),
    /// Too many are under way, which may all be right.
    UnderWay,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            names: Budgets::new(NAME_BUDGET, NAME_BUDGET.tries),
            addresses: Budgets::new(ADDRESS_BUDGET, ADDRESS_AT_ONCE),
        }
    }
}

impl Attempts {
    /// Takes a try out of both budgets; [`Attempts::end`] must follow.
    ///
    /// # Errors
    /// If there is none; then nothing is taken out.
    pub fn begin(&mut self, attempt: &Try, now: Instant) -> Result<(), NoTry> {
        let Try { name, address } = attempt;
        self.addresses.begin(address, now)?;
        if let Some(name) = name {
            let no_try = |_: &NoTry| self.addresses.end(address, false);
            self.names.begin(name, now).inspect_err(no_try)?;
        }
        Ok(())
    }

    /// The try has been made, and failed or not.
    pub fn end(&mut self, attempt: &Try, failed: bool) {
        self.addresses.end(&attempt.address, failed);
        if let Some(name) = &attempt.name {
            self.names.end(name, failed);
        }
    }
}

/// A bucket for each key of which tries are under way, or were made lately.
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

    fn begin(&mut self, key: &Key, now: Instant) -> Result<(), NoTry> {
        let Budget { tries, refill } = self.budget;
        let known = self.buckets.get(key);
        let Bucket { full_at, under_way } =
            known.copied().unwrap_or(Bucket { full_at: now, under_way: 0 });
        let full_at = full_at.max(now) + refill;
        let too_late = full_at.saturating_duration_since(now + refill * tries);
        // Those under way may all be right, and cost nothing then.
        if too_late > refill * under_way {
            return Err(NoTry::Wait(too_late));
        }
        if !too_late.is_zero() || under_way >= self.at_once {
            return Err(NoTry::UnderWay);
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
            bucket.full_at =
                bucket.full_at.checked_sub(self.budget.refill).unwrap_or(bucket.full_at);
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
mod tests {
    const NAME_TRIES: u32 = NAME_BUDGET.tries;
    const NAME_REFILL: Duration = NAME_BUDGET.refill;
    const ADDRESS_TRIES: u32 = ADDRESS_BUDGET.tries;
    const ADDRESS_REFILL: Duration = ADDRESS_BUDGET.refill;

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::chat::Name;

    fn attempt(name: &str, peer: impl Into<IpAddr>) -> Try {
        Try::new(Name::parse(name).ok().map(|name| name.key()), peer.into())
    }

    /// A wrong password.
    fn fail(attempts: &mut Attempts, attempt: &Try, now: Instant) -> Result<(), NoTry> {
        attempts.begin(attempt, now)?;
        attempts.end(attempt, true);
        Ok(())
    }

    #[test]
    fn a_name_is_tried_ten_times_then_every_half_minute() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for tried in 0..NAME_TRIES {
            let peer = Ipv4Addr::new(10, 0, 0, tried as u8);
            assert_eq!(fail(&mut attempts, &attempt("Ana", peer), start), Ok(()), "try {tried}");
        }
        let next = attempt("ANA", Ipv4Addr::new(10, 0, 0, 99));
        assert_eq!(fail(&mut attempts, &next, start), Err(NoTry::Wait(NAME_REFILL)));
        let half = NAME_REFILL / 2;
        assert_eq!(fail(&mut attempts, &next, start + half), Err(NoTry::Wait(half)));
        assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Ok(()));
        assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Err(NoTry::Wait(NAME_REFILL)));
        let other = attempt("Luis", Ipv4Addr::new(10, 0, 0, 99));
        assert_eq!(fail(&mut attempts, &other, start), Ok(()), "others are not held up");
    }

    #[test]
    fn an_address_tries_a_hundred_times_whatever_the_names() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for tried in 0..ADDRESS_TRIES {
            let wish = format!("name {tried}");
            assert_eq!(fail(&mut attempts, &attempt(&wish, Ipv4Addr::LOCALHOST), start), Ok(()));
        }
        let next = attempt("somebody else", Ipv4Addr::LOCALHOST);
        assert_eq!(fail(&mut attempts, &next, start), Err(NoTry::Wait(ADDRESS_REFILL)));
        // The same machine by IPv6 in IPv4's clothes.
        let mapped = attempt("somebody else", Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        assert_eq!(fail(&mut attempts, &mapped, start), Err(NoTry::Wait(ADDRESS_REFILL)));
        let neighbour = attempt("somebody else", Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(fail(&mut attempts, &neighbour, start), Ok(()));
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let in_network = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, host, 0, 0, 1);
        for host in 0..ADDRESS_TRIES as u16 {
            let wish = format!("name {host}");
            assert_eq!(fail(&mut attempts, &attempt(&wish, in_network(host)), start), Ok(()));
        }
        assert!(fail(&mut attempts, &attempt("x", in_network(1000)), start).is_err());
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
        assert_eq!(fail(&mut attempts, &attempt("x", elsewhere), start), Ok(()));
    }

    #[test]
    fn what_was_right_costs_nothing() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let right = attempt("Ana", Ipv4Addr::LOCALHOST);
        for _ in 0..1000 {
            assert_eq!(attempts.begin(&right, start), Ok(()));
            attempts.end(&right, false);
        }
    }

    #[test]
    fn what_is_under_way_may_be_right_and_is_no_reason_to_wait_long() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let ana = attempt("Ana", Ipv4Addr::LOCALHOST);
        for _ in 0..NAME_TRIES {
            assert_eq!(attempts.begin(&ana, start), Ok(()));
        }
        assert_eq!(attempts.begin(&ana, start), Err(NoTry::UnderWay));
        let others: Vec<Try> = (NAME_TRIES..ADDRESS_AT_ONCE)
            .map(|number| attempt(&format!("name {number}"), Ipv4Addr::LOCALHOST))
            .collect();
        for other in &others {
            assert_eq!(attempts.begin(other, start), Ok(()));
        }
        let one_more = attempt("one more", Ipv4Addr::LOCALHOST);
        assert_eq!(attempts.begin(&one_more, start), Err(NoTry::UnderWay));
        attempts.end(&ana, false);
        assert_eq!(attempts.begin(&one_more, start), Ok(()));
        assert_eq!(attempts.begin(&ana, start), Err(NoTry::UnderWay), "the address still is busy");
        attempts.end(&one_more, true);
        assert_eq!(attempts.begin(&ana, start), Ok(()));
    }

    #[test]
    fn no_more_than_a_bounded_number_is_counted() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let ana = attempt("Ana", Ipv4Addr::LOCALHOST);
        for _ in 0..2 {
            assert_eq!(fail(&mut attempts, &ana, start), Ok(()));
        }
        for number in 0..2 * COUNTED as u32 {
            let peer = Ipv4Addr::from_bits(0x0a00_0000 + number);
            assert_eq!(
                fail(&mut attempts, &attempt(&format!("name {number}"), peer), start),
                Ok(())
            );
        }
        assert_eq!(attempts.names.buckets.len(), COUNTED);
        assert_eq!(attempts.addresses.buckets.len(), COUNTED);
        let key = ana.name.expect("a name");
        assert!(attempts.names.buckets.contains_key(&key), "who failed most is remembered");
    }
}
