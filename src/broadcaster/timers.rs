//! What the broadcaster has to do later, by time.
//!
//! At most one retry and one closing wait for each client, so the heap is bounded by twice the number of clients that
//! were here within the longest delay. An entry for a client that is gone does nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::client_id::ClientId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Its kernel buffer was full.
    Retry(ClientId),
    /// It has had its time to close.
    EndClosing(ClientId),
}

#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<(Instant, Timer)>>);

impl Timers {
    pub fn set(&mut self, due: Instant, timer: Timer) {
        self.0.push(Reverse((due, timer)));
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The earliest that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next_due()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }
}
