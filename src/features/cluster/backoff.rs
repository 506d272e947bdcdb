//! Exponential backoff: how long to wait before the next attempt to reach Redis.
//!
//! Used by the reader's and the writer's threads, each with its own.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
pub const LONGEST: Duration = Duration::from_secs(1);

/// The next wait. It doubles after each failure, up to [`LONGEST`].
pub struct Backoff(Duration);

impl Backoff {
    pub fn new() -> Backoff {
        Backoff(SHORTEST)
    }

    /// After a success: the next wait is short again.
    pub fn reset(&mut self) {
        self.0 = SHORTEST;
    }

    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        wait
    }
}
