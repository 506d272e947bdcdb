use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::chat::Name;

const NAME_ATTEMPTS: u32 = NAME_BUDGET.attempts;
const NAME_REFILL: Duration = NAME_BUDGET.refill;
const ADDRESS_ATTEMPTS: u32 = ADDRESS_BUDGET.attempts;
const ADDRESS_REFILL: Duration = ADDRESS_BUDGET.refill;

fn attempt(name: &str, peer: impl Into<IpAddr>) -> Attempt {
    Attempt::new(Name::parse(name).ok().map(|name| name.key()), peer.into())
}

/// A wrong password.
fn fail(attempts: &mut Attempts, attempt: &Attempt, now: Instant) -> Result<(), NoAttempt> {
    attempts.begin(attempt, now)?;
    attempts.end(attempt, true);
    Ok(())
}

#[test]
fn a_name_is_tried_ten_times_then_every_half_minute() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    for tried in 0..NAME_ATTEMPTS {
        let peer = Ipv4Addr::new(10, 0, 0, tried as u8);
        assert_eq!(fail(&mut attempts, &attempt("Ana", peer), start), Ok(()), "attempt {tried}");
    }
    let next = attempt("ANA", Ipv4Addr::new(10, 0, 0, 99));
    assert_eq!(fail(&mut attempts, &next, start), Err(NoAttempt::Wait(NAME_REFILL)));
    let half = NAME_REFILL / 2;
    assert_eq!(fail(&mut attempts, &next, start + half), Err(NoAttempt::Wait(half)));
    assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Ok(()));
    assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Err(NoAttempt::Wait(NAME_REFILL)));
    let other = attempt("Luis", Ipv4Addr::new(10, 0, 0, 99));
    assert_eq!(fail(&mut attempts, &other, start), Ok(()), "other names are not limited");
}

#[test]
fn an_address_tries_a_hundred_times_whatever_the_names() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    for tried in 0..ADDRESS_ATTEMPTS {
        let name = format!("name {tried}");
        assert_eq!(fail(&mut attempts, &attempt(&name, Ipv4Addr::LOCALHOST), start), Ok(()));
    }
    let next = attempt("another name", Ipv4Addr::LOCALHOST);
    assert_eq!(fail(&mut attempts, &next, start), Err(NoAttempt::Wait(ADDRESS_REFILL)));
    // The same machine, its IPv4 address written as IPv6.
    let mapped = attempt("another name", Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(fail(&mut attempts, &mapped, start), Err(NoAttempt::Wait(ADDRESS_REFILL)));
    let neighbour = attempt("another name", Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(fail(&mut attempts, &neighbour, start), Ok(()));
}

#[test]
fn all_addresses_of_an_ipv6_network_are_one() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    let in_network = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, host, 0, 0, 1);
    for host in 0..ADDRESS_ATTEMPTS as u16 {
        let name = format!("name {host}");
        assert_eq!(fail(&mut attempts, &attempt(&name, in_network(host)), start), Ok(()));
    }
    assert!(fail(&mut attempts, &attempt("x", in_network(1000)), start).is_err());
    let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1);
    assert_eq!(fail(&mut attempts, &attempt("x", elsewhere), start), Ok(()));
}

#[test]
fn right_passwords_are_not_limited() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    let right = attempt("Ana", Ipv4Addr::LOCALHOST);
    for _ in 0..1000 {
        assert_eq!(attempts.begin(&right, start), Ok(()));
        attempts.end(&right, false);
    }
}

#[test]
fn running_attempts_may_all_be_right_so_the_next_is_refused_only_for_now() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    let ana = attempt("Ana", Ipv4Addr::LOCALHOST);
    for _ in 0..NAME_ATTEMPTS {
        assert_eq!(attempts.begin(&ana, start), Ok(()));
    }
    assert_eq!(attempts.begin(&ana, start), Err(NoAttempt::TooManyRunning));
    let others: Vec<Attempt> = (NAME_ATTEMPTS..ADDRESS_AT_ONCE)
        .map(|number| attempt(&format!("name {number}"), Ipv4Addr::LOCALHOST))
        .collect();
    for other in &others {
        assert_eq!(attempts.begin(other, start), Ok(()));
    }
    let one_more = attempt("one more", Ipv4Addr::LOCALHOST);
    assert_eq!(attempts.begin(&one_more, start), Err(NoAttempt::TooManyRunning));
    attempts.end(&ana, false);
    assert_eq!(attempts.begin(&one_more, start), Ok(()));
    assert_eq!(
        attempts.begin(&ana, start),
        Err(NoAttempt::TooManyRunning),
        "the address still has too many running"
    );
    attempts.end(&one_more, true);
    assert_eq!(attempts.begin(&ana, start), Ok(()));
}

#[test]
fn the_number_of_buckets_is_bounded_and_the_emptiest_stays() {
    let (mut attempts, start) = (Attempts::default(), Instant::now());
    let ana = attempt("Ana", Ipv4Addr::LOCALHOST);
    for _ in 0..2 {
        assert_eq!(fail(&mut attempts, &ana, start), Ok(()));
    }
    for number in 0..2 * MAX_BUCKETS as u32 {
        let peer = Ipv4Addr::from_bits(0x0a00_0000 + number);
        assert_eq!(fail(&mut attempts, &attempt(&format!("name {number}"), peer), start), Ok(()));
    }
    assert_eq!(attempts.names.buckets.len(), MAX_BUCKETS);
    assert_eq!(attempts.addresses.buckets.len(), MAX_BUCKETS);
    let key = ana.name.expect("a name");
    assert!(attempts.names.buckets.contains_key(&key), "the name with most failures stays");
}
