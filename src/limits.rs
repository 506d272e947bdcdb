//! Limits: how many connections, threads and WebSockets there may be at once. Each is a semaphore; a dropped permit is free again.
//!
//! Acquired by the accept threads for connections and by the connections' threads for WebSockets. Never waits.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Addresses in the table at the first clean-up.
const FIRST_CLEAN_UP: usize = 1024;

/// Bits of an IPv6 address that belong to the network (RFC 4291, 2.5.4).
const NETWORK_BITS: u32 = 64;

/// Memory mappings of a thread: its stack, the stack on which its signals are handled, and a guard page for each.
const MAPPINGS_PER_THREAD: usize = 4;

/// Memory mappings for everything else: the program and its libraries (some 60), the C library's heaps (16 for each core), the stacks
/// that it keeps for threads to come (40 MiB of them: some 160), and threads that have given back their permit, but not yet
/// their mappings.
const OTHER_MAPPINGS: usize = 4096;

/// A semaphore. To acquire a permit never waits.
#[derive(Debug, Clone)]
pub struct Limit {
    acquired: Arc<AtomicUsize>,
    /// The most that were acquired at once.
    most: Arc<AtomicUsize>,
    bound: usize,
}

/// One of its permits; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl Limit {
    pub fn new(bound: usize) -> Self {
        Limit { acquired: Arc::default(), most: Arc::default(), bound }
    }

    /// As many permits as the system allows threads. If the memory mappings are used up, starting a thread aborts the program:
    /// this limit prevents that.
    pub fn of_threads(most_mappings: Option<usize>) -> Self {
        let threads = |mappings: usize| mappings.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_PER_THREAD;
        Limit::new(most_mappings.map_or(usize::MAX, threads))
    }

    /// How many permits there are in all.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// How many permits fewer are acquired than once were.
    pub fn given_back(&self) -> usize {
        self.most.load(Ordering::Relaxed).saturating_sub(self.acquired.load(Ordering::Relaxed))
    }

    /// A permit, unless all are in use.
    pub fn acquire(&self) -> Option<Permit> {
        // Counted first, compared then: two threads at once cannot both get the last permit.
        let before = self.acquired.fetch_add(1, Ordering::Relaxed);
        self.most.fetch_max(before + 1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.acquired));
        (before < self.bound).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same number of permits for each address. One thread acquires them; any thread may drop one.
#[derive(Debug)]
pub struct LimitByAddress {
    bound: usize,
    addresses: HashMap<IpAddr, Limit>,
    /// At this many addresses those without a connection are forgotten: at most twice as many are kept as are in use.
    next_clean_up: usize,
}

impl LimitByAddress {
    pub fn new(bound: usize) -> Self {
        LimitByAddress { bound, addresses: HashMap::new(), next_clean_up: FIRST_CLEAN_UP }
    }

    /// A permit of this address, or of its IPv6 network, unless all of them are in use.
    pub fn acquire(&mut self, peer: IpAddr) -> Option<Permit> {
        if self.addresses.len() >= self.next_clean_up {
            self.addresses.retain(|_, limit| limit.acquired.load(Ordering::Relaxed) > 0);
            self.next_clean_up = (2 * self.addresses.len()).max(FIRST_CLEAN_UP);
        }
        let bound = self.bound;
        self.addresses.entry(counted_as(peer)).or_insert_with(|| Limit::new(bound)).acquire()
    }
}

/// What counts as one machine: an IPv4 address, also when it is mapped to IPv6, or an IPv6 network, since a machine may choose
/// the other 64 bits freely.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> NETWORK_BITS << NETWORK_BITS))
        }
        address => address,
    }
}

/// How many memory mappings Linux allows a process. `None` where there is no such bound.
pub fn most_mappings() -> Option<usize> {
    fs::read_to_string("/proc/sys/vm/max_map_count").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
