use super::*;

#[test]
fn the_systems_memory_mappings_limit_the_threads() {
    assert_eq!(Limit::of_threads(Some(65_530)).bound(), 15_358);
    assert_eq!(Limit::of_threads(Some(OTHER_MAPPINGS - 1)).bound(), 0);
    assert_eq!(Limit::of_threads(None).bound(), usize::MAX);
}

#[test]
fn a_dropped_permit_is_free_again() {
    let limit = Limit::new(2);
    let first = limit.acquire();
    let second = limit.acquire();
    assert!(first.is_some() && second.is_some() && limit.acquire().is_none());
    drop(first);
    assert!(limit.acquire().is_some());
}

fn address(number: u32) -> IpAddr {
    std::net::Ipv4Addr::from_bits(number).into()
}

#[test]
fn each_address_has_its_own_limit() {
    let mut limit = LimitByAddress::new(1);
    let ana = limit.acquire(address(1));
    assert!(ana.is_some() && limit.acquire(address(1)).is_none());
    assert!(limit.acquire(address(2)).is_some());
    let first: IpAddr = "2001:db8::1".parse().expect("an address");
    let neighbour: IpAddr = "2001:db8::2".parse().expect("an address");
    let stranger: IpAddr = "2001:db8:0:1::1".parse().expect("an address");
    let permit = limit.acquire(first);
    assert!(permit.is_some() && limit.acquire(neighbour).is_none());
    assert!(limit.acquire(stranger).is_some());
}

#[test]
fn only_addresses_without_a_connection_are_forgotten() {
    let mut limit = LimitByAddress::new(1);
    let stays = limit.acquire(address(0));
    for number in 1..100_000 {
        assert!(limit.acquire(address(number)).is_some());
        assert!(limit.addresses.len() <= FIRST_CLEAN_UP);
    }
    assert!(stays.is_some() && limit.acquire(address(0)).is_none());
}
