//! The time of the chat's events, and of what expires in it.
//!
//! The chat gets it with every input and has no clock of its own: the same inputs with the same times make the same chat on
//! every server. Made on the broadcaster's thread.

use std::ops::Add;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, by a clock that never jumps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(pub u64);

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration.as_millis() as u64))
    }
}

impl Time {
    /// How long ago `earlier` was.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// When something happened.
#[derive(Debug, Clone, Default)]
pub struct Timestamp {
    /// To measure waiting.
    pub now: Time,
    /// To be shown: RFC 3339, UTC, milliseconds.
    pub at: String,
}

impl Timestamp {
    pub fn new(now: Time, wall_clock: SystemTime) -> Timestamp {
        Timestamp { now, at: humantime::format_rfc3339_millis(wall_clock).to_string() }
    }
}

/// This process's clock: the system's time at the start, plus what [`Instant`] has measured since.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    started_at: Time,
}

impl Default for Clock {
    fn default() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let started_at = Time::default() + since_1970.unwrap_or_default();
        Clock { start: Instant::now(), started_at }
    }
}

impl Clock {
    pub fn time(&self, instant: Instant) -> Time {
        self.started_at + instant.saturating_duration_since(self.start)
    }

    /// The instant at which this clock will show `time`, or a little later.
    pub fn instant(&self, time: Time) -> Instant {
        self.start + time.since(self.started_at) + Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests;
