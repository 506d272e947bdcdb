//! A client whose kernel buffer is full: when the next try is, by exponential backoff, and for how long it has accepted nothing.
//!
//! Used by the broadcaster alone; no clock of its own.

use std::time::{Duration, Instant};

/// Wait before the kernel is offered bytes again; doubled each time that it accepts none.
const SHORTEST_RETRY: Duration = Duration::from_millis(2);
const LONGEST_RETRY: Duration = Duration::from_millis(128);

#[derive(Debug, Clone, Copy)]
pub struct Blocked {
    /// The last time that the kernel accepted a byte.
    progress: Instant,
    /// The wait before the next try, and when it is over.
    wait: Duration,
    pub retry: Instant,
}

impl Blocked {
    /// It is blocked now. `before` is set if it was blocked already and no byte was accepted since.
    pub fn after(before: Option<Blocked>, now: Instant) -> Blocked {
        let (progress, wait) = match before {
            Some(before) => (before.progress, (before.wait * 2).min(LONGEST_RETRY)),
            None => (now, SHORTEST_RETRY),
        };
        Blocked { progress, wait, retry: now + wait }
    }

    /// For how long the kernel has accepted nothing.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.progress)
    }
}
