//! A bounded number of places, each given back when its owner is done, however that came about.
//!
//! Taken by the accept threads for connections and by connection threads for WebSockets. Never waits.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::network;

/// Addresses that are remembered, though nobody of them may be here any more, before the first look.
const FIRST_LOOK: usize = 1024;

/// Memory mappings of a thread: its stack, the stack on which its signals are handled, and a guard page for each.
const MAPPINGS_OF_A_THREAD: usize = 4;

/// Memory mappings for all else: the program and its libraries (some 60), the C library's heaps (16 for each core), the stacks
/// that it keeps for threads to come (40 MiB of them: some 820), and threads that have given back their place, but not yet
/// their mappings.
const OTHER_MAPPINGS: usize = 4096;

/// How many memory mappings Linux allows a process. Where that is not said there is no such bound.
pub fn most_mappings() -> Option<usize> {
    fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

#[derive(Debug, Clone)]
pub struct Seats {
    taken: Arc<AtomicUsize>,
    bound: usize,
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seats {
    pub fn new(bound: usize) -> Self {
        Seats { taken: Arc::default(), bound }
    }

    /// As many as there can be threads for. Rust's own start of a thread ends the program when one of the last mappings is
    /// missing, so it must not come to that.
    pub fn for_threads(most_mappings: Option<usize>) -> Self {
        let threads =
            |mappings: usize| mappings.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_OF_A_THREAD;
        Seats::new(most_mappings.map_or(usize::MAX, threads))
    }

    /// How many there are in all.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// A place, unless all are taken.
    pub fn take(&self) -> Option<Seat> {
        // Taken first and judged then, so that two at once cannot both get the last one.
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(&self.taken));
        (before < self.bound).then_some(seat)
    }
}

/// As many places for each address. Belongs to one thread; the places need not.
#[derive(Debug)]
pub struct SeatsByAddress {
    bound: usize,
    addresses: HashMap<IpAddr, Seats>,
    /// So many addresses, and those of which nobody is here are forgotten: at most twice as many as are in use.
    next_look: usize,
}

impl SeatsByAddress {
    pub fn new(bound: usize) -> Self {
        SeatsByAddress { bound, addresses: HashMap::new(), next_look: FIRST_LOOK }
    }

    /// A place for somebody of this address, or IPv6 network, unless all of its places are taken.
    pub fn take(&mut self, peer: IpAddr) -> Option<Seat> {
        if self.addresses.len() >= self.next_look {
            self.addresses.retain(|_, seats| seats.taken.load(Ordering::Relaxed) > 0);
            self.next_look = (2 * self.addresses.len()).max(FIRST_LOOK);
        }
        let bound = self.bound;
        let seats = self.addresses.entry(network::counted_as(peer));
        seats.or_insert_with(|| Seats::new(bound)).take()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_threads_as_mappings_last_for() {
        assert_eq!(Seats::for_threads(Some(65_530)).bound(), 15_358);
        assert_eq!(Seats::for_threads(Some(OTHER_MAPPINGS - 1)).bound(), 0);
        assert_eq!(Seats::for_threads(None).bound(), usize::MAX);
    }

    #[test]
    fn a_seat_is_free_again_when_it_is_given_back() {
        let seats = Seats::new(2);
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_some() && second.is_some() && seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }
    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn each_address_has_its_own_seats() {
        let mut seats = SeatsByAddress::new(1);
        let ana = seats.take(address(1));
        assert!(ana.is_some() && seats.take(address(1)).is_none());
        assert!(seats.take(address(2)).is_some());
        let first: IpAddr = "2001:db8::1".parse().expect("an address");
        let neighbour: IpAddr = "2001:db8::2".parse().expect("an address");
        let stranger: IpAddr = "2001:db8:0:1::1".parse().expect("an address");
        let seat = seats.take(first);
        assert!(seat.is_some() && seats.take(neighbour).is_none());
        assert!(seats.take(stranger).is_some());
    }

    #[test]
    fn addresses_of_which_nobody_is_here_are_forgotten_and_no_others() {
        let mut seats = SeatsByAddress::new(1);
        let stays = seats.take(address(0));
        for number in 1..100_000 {
            assert!(seats.take(address(number)).is_some());
            assert!(seats.addresses.len() <= FIRST_LOOK);
        }
        assert!(stays.is_some() && seats.take(address(0)).is_none());
    }
}
