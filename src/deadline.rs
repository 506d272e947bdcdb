//! A point in time when waiting ends, for several blocking calls together.
//!
//! A time-out starts again at each call: a client that sends one byte now and then would hold a thread for ever. A deadline
//! does not start again. Plain data for every thread.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(duration: Duration) -> Self {
        Deadline(Instant::now() + duration)
    }

    /// The time that is left, or `None` once it has passed. Never zero, which a socket refuses as a time-out.
    pub fn remaining(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
