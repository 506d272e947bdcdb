//! What the broadcaster has to do later, by time.
//!
//! At most one closing waits for each client, one retry that counts, and what features asked for. An entry that no longer
//! counts, or whose client is gone, does nothing when it is due. None of the core's waits longer than the deadline of a closing or
//! of a first message, so the heap is bounded by a few entries for each client that was here within that time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::job::Job;
use crate::client_id::ClientId;

pub enum Timer {
    /// Its kernel buffer was full.
    Retry(ClientId),
    /// Its first message should have come by now.
    FirstMessage(ClientId),
    /// The deadline of its closing has passed.
    EndClosing(ClientId),
    /// A feature asked for this.
    Run(Job),
}

/// The earliest is at the top of the heap.
#[derive(Default)]
pub struct Timers(BinaryHeap<Entry>);

struct Entry {
    due: Instant,
    timer: Timer,
}

impl Timers {
    pub fn set(&mut self, due: Instant, timer: Timer) {
        self.0.push(Entry { due, timer });
    }

    pub fn next_due(&self) -> Option<Instant> {
        self.0.peek().map(|entry| entry.due)
    }

    /// The earliest that is due, and when it was.
    pub fn take_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.next_due()? > now {
            return None;
        }
        self.0.pop().map(|Entry { due, timer }| (due, timer))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}
