//! How long to wait before the next try to reach Redis.
//!
//! Used by the reader and the writer, each for itself.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
pub const LONGEST: Duration = Duration::from_secs(1);

/// A wait that is doubled each time that it was in vain.
pub struct Retry(Duration);

impl Retry {
    pub fn new() -> Retry {
        Retry(SHORTEST)
    }

    /// It went well: the next wait is short.
    pub fn reset(&mut self) {
        self.0 = SHORTEST;
    }

    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        wait
    }
}
