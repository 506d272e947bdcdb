//! A moment after which waiting ends, carried across several blocking calls.
//!
//! A time-out restarted at each call lets a peer that sends one byte now and then hold a thread for ever; a deadline
//! does not. Used by connection threads.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(duration: Duration) -> Self {
        Deadline(Instant::now() + duration)
    }

    /// What is left, or `None` once it has passed. Never zero, which a socket would take for "no time-out".
    pub fn remaining(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}
