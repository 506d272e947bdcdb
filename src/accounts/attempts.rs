//! How often somebody may try a password: counted for each address that tries and for each name that is tried.
//!
//! A budget is a bucket of tries that fills again by itself. A try is taken out before the password is looked at and put
//! back if it was right, so that many at once are counted, too. Names that nobody has are counted like those of the list:
//! else it would show who is on it. Used by the accounts' thread; no clock of its own, it is told the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::chat::NameKey;

/// Wrong passwords for one name, then one more each…
const NAME_TRIES: u32 = 10;
const NAME_REFILL: Duration = Duration::from_secs(30);

/// …and from one address, which may be a whole school's.
const ADDRESS_TRIES: u32 = 100;
const ADDRESS_REFILL: Duration = Duration::from_secs(1);

/// Names, and addresses, that are counted at once; of more, the one with the fewest failures is forgotten.
const COUNTED: usize = 4096;

/// Bits of an IPv6 address that one machine cannot choose at will: the network's (RFC 4291, 2.5.4).
const NETWORK: u32 = 64;

#[derive(Debug)]
pub struct Attempts {
    names: Budgets<NameKey>,
    addresses: Budgets<IpAddr>,
}

/// A try that was taken out of both budgets; `None` for a name that cannot be anybody's.
#[derive(Debug, Clone)]
pub struct Try {
    name: Option<NameKey>,
    address: IpAddr,
}

impl Try {
    pub fn new(name: Option<NameKey>, peer: IpAddr) -> Try {
        let address = match peer.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> NETWORK << NETWORK))
            }
            address => address,
        };
        Try { name, address }
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            names: Budgets::new(NAME_TRIES, NAME_REFILL),
            addresses: Budgets::new(ADDRESS_TRIES, ADDRESS_REFILL),
        }
    }
}

impl Attempts {
    /// Takes a try out of both budgets.
    ///
    /// # Errors
    /// How long to wait for the next, if one of them is empty; then nothing is taken out.
    pub fn take(&mut self, attempt: &Try, now: Instant) -> Result<(), Duration> {
        let Try { name, address } = attempt;
        self.addresses.take(address, now)?;
        if let Some(name) = name {
            self.names.take(name, now).inspect_err(|_| self.addresses.give_back(address))?;
        }
        Ok(())
    }

    /// It was no failure.
    pub fn give_back(&mut self, attempt: &Try) {
        self.addresses.give_back(&attempt.address);
        if let Some(name) = &attempt.name {
            self.names.give_back(name);
        }
    }
}

/// One bucket for each key that is not full.
#[derive(Debug)]
struct Budgets<Key> {
    tries: u32,
    refill: Duration,
    /// When each bucket will be full again: that is all one has to know of it.
    full_at: HashMap<Key, Instant>,
}

impl<Key: Clone + Eq + Hash> Budgets<Key> {
    fn new(tries: u32, refill: Duration) -> Self {
        Budgets { tries, refill, full_at: HashMap::new() }
    }

    fn take(&mut self, key: &Key, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.get(key).map_or(now, |full_at| (*full_at).max(now));
        let after = full_at + self.refill;
        let all = self.refill * self.tries;
        if let Some(wait) = after.checked_duration_since(now + all).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        if self.full_at.len() == COUNTED && !self.full_at.contains_key(key) {
            self.forget_least(now);
        }
        self.full_at.insert(key.clone(), after);
        Ok(())
    }

    fn give_back(&mut self, key: &Key) {
        let Some(full_at) = self.full_at.get_mut(key) else { return };
        // Never before the beginning of time, wherever the system's clock has it.
        *full_at = full_at.checked_sub(self.refill).unwrap_or(*full_at);
    }

    fn forget_least(&mut self, now: Instant) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() == COUNTED {
            let least = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
            if let Some(key) = least.map(|(key, _)| key.clone()) {
                self.full_at.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::chat::Name;

    fn attempt(name: &str, peer: impl Into<IpAddr>) -> Try {
        Try::new(Name::parse(name).ok().map(|name| name.key()), peer.into())
    }

    #[test]
    fn a_name_is_tried_ten_times_then_every_half_minute() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for tried in 0..NAME_TRIES {
            let peer = Ipv4Addr::new(10, 0, 0, tried as u8);
            assert_eq!(attempts.take(&attempt("Ana", peer), start), Ok(()), "try {tried}");
        }
        let next = attempt("ANA", Ipv4Addr::new(10, 0, 0, 99));
        assert_eq!(attempts.take(&next, start), Err(NAME_REFILL));
        let half = NAME_REFILL / 2;
        assert_eq!(attempts.take(&next, start + half), Err(half));
        assert_eq!(attempts.take(&next, start + NAME_REFILL), Ok(()));
        assert_eq!(attempts.take(&next, start + NAME_REFILL), Err(NAME_REFILL));
        let other = attempt("Luis", Ipv4Addr::new(10, 0, 0, 99));
        assert_eq!(attempts.take(&other, start), Ok(()), "others are not held up");
    }

    #[test]
    fn an_address_tries_a_hundred_times_whatever_the_names() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for tried in 0..ADDRESS_TRIES {
            let wish = format!("name {tried}");
            assert_eq!(attempts.take(&attempt(&wish, Ipv4Addr::LOCALHOST), start), Ok(()));
        }
        let next = attempt("somebody else", Ipv4Addr::LOCALHOST);
        assert_eq!(attempts.take(&next, start), Err(ADDRESS_REFILL));
        // The same machine by IPv6 in IPv4's clothes.
        let mapped = attempt("somebody else", Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        assert_eq!(attempts.take(&mapped, start), Err(ADDRESS_REFILL));
        let neighbour = attempt("somebody else", Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(attempts.take(&neighbour, start), Ok(()));
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let in_network = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, host, 0, 0, 1);
        for host in 0..ADDRESS_TRIES as u16 {
            let wish = format!("name {host}");
            assert_eq!(attempts.take(&attempt(&wish, in_network(host)), start), Ok(()));
        }
        assert!(attempts.take(&attempt("x", in_network(1000)), start).is_err());
        let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
        assert_eq!(attempts.take(&attempt("x", elsewhere), start), Ok(()));
    }

    #[test]
    fn what_was_right_costs_nothing() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let right = attempt("Ana", Ipv4Addr::LOCALHOST);
        for _ in 0..1000 {
            assert_eq!(attempts.take(&right, start), Ok(()));
            attempts.give_back(&right);
        }
    }

    #[test]
    fn no_more_than_a_bounded_number_is_counted() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let ana = attempt("Ana", Ipv4Addr::LOCALHOST);
        for _ in 0..2 {
            assert_eq!(attempts.take(&ana, start), Ok(()));
        }
        for number in 0..2 * COUNTED as u32 {
            let peer = Ipv4Addr::from_bits(0x0a00_0000 + number);
            assert_eq!(attempts.take(&attempt(&format!("name {number}"), peer), start), Ok(()));
        }
        assert_eq!(attempts.names.full_at.len(), COUNTED);
        assert_eq!(attempts.addresses.full_at.len(), COUNTED);
        let key = ana.name.expect("a name");
        assert!(attempts.names.full_at.contains_key(&key), "who failed most is remembered");
    }
}
