//! What the broadcaster has to do later, by time.
//!
//! At most one closing waits for each client, and one retry that counts; the end of a watcher who signed out waits once more
//! for each other who does so meanwhile. An entry that counts no more, or for a client that is gone, does nothing when its
//! time comes; none waits longer than the deadline of a closing, so the heap is bounded by a few entries for each client that
//! was here within that time.

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
    /// It asked for messages that it would not ask for; this is the number of the next.
    Push(ClientId, u8),
    /// Its admission has ended, but it watches others end.
    SignOut(ClientId),
    /// Watchers may have lost events, and do not know it.
    TellLosses,
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

    /// The earliest that is due, and when it was.
    pub fn take_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        if self.next_due()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }
}
