const NAME_TRIES: u32 = NAME_BUDGET.attempts;
const NAME_REFILL: Duration = NAME_BUDGET.refill;
const ADDRESS_TRIES: u32 = ADDRESS_BUDGET.attempts;
const ADDRESS_REFILL: Duration = ADDRESS_BUDGET.refill;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::chat::Name;

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
    for tried in 0..NAME_TRIES {
        let peer = Ipv4Addr::new(10, 0, 0, tried as u8);
        assert_eq!(fail(&mut attempts, &attempt("Ana", peer), start), Ok(()), "try {tried}");
    }
    let next = attempt("ANA", Ipv4Addr::new(10, 0, 0, 99));
    assert_eq!(fail(&mut attempts, &next, start), Err(NoAttempt::Wait(NAME_REFILL)));
    let half = NAME_REFILL / 2;
    assert_eq!(fail(&mut attempts, &next, start + half), Err(NoAttempt::Wait(half)));
    assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Ok(()));
    assert_eq!(fail(&mut attempts, &next, start + NAME_REFILL), Err(NoAttempt::Wait(NAME_REFILL)));
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
    assert_eq!(fail(&mut attempts, &next, start), Err(NoAttempt::Wait(ADDRESS_REFILL)));
    // The same machine by IPv6 in IPv4's clothes.
    let mapped = attempt("somebody else", Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(fail(&mut attempts, &mapped, start), Err(NoAttempt::Wait(ADDRESS_REFILL)));
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
    assert_eq!(attempts.begin(&ana, start), Err(NoAttempt::UnderWay));
    let others: Vec<Attempt> = (NAME_TRIES..ADDRESS_AT_ONCE)
        .map(|number| attempt(&format!("name {number}"), Ipv4Addr::LOCALHOST))
        .collect();
    for other in &others {
        assert_eq!(attempts.begin(other, start), Ok(()));
    }
    let one_more = attempt("one more", Ipv4Addr::LOCALHOST);
    assert_eq!(attempts.begin(&one_more, start), Err(NoAttempt::UnderWay));
    attempts.end(&ana, false);
    assert_eq!(attempts.begin(&one_more, start), Ok(()));
    assert_eq!(attempts.begin(&ana, start), Err(NoAttempt::UnderWay), "the address still is busy");
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
        assert_eq!(fail(&mut attempts, &attempt(&format!("name {number}"), peer), start), Ok(()));
    }
    assert_eq!(attempts.names.buckets.len(), COUNTED);
    assert_eq!(attempts.addresses.buckets.len(), COUNTED);
    let key = ana.name.expect("a name");
    assert!(attempts.names.buckets.contains_key(&key), "who failed most is remembered");
}
