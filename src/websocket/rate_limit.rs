//! How fast one client may send (`--rate`): a token bucket, which fills at the rate and holds a burst.
//!
//! Belongs to one connection's thread. The time is an argument, so that a test needs no clock.

use std::time::Instant;

/// Messages that may come at once, in seconds' worth of the rate.
pub const BURST_SECONDS: u32 = 5;

/// Bytes for which a message costs one more token: all members receive every byte of it.
pub const BYTES_PER_TOKEN: usize = 4096;

/// Heartbeats that cost nothing: one in this many seconds, this many at once, each of at most this many bytes. Any other counts as
/// a message, so that a flood of them ends like any flood.
pub const HEARTBEAT_SECONDS: u32 = 5;
const HEARTBEAT_BURST: f64 = 6.0;
const HEARTBEAT_BYTES: usize = 256;

#[derive(Debug)]
pub struct RateLimit {
    /// Tokens a second; `None` is no limit.
    rate: Option<f64>,
    /// Each message costs some, even if it is refused. Below zero messages are refused.
    tokens: f64,
    filled: Instant,
    /// Heartbeats that still cost nothing, and since when they were counted.
    heartbeats: f64,
    last_heartbeat: Instant,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Refuse this message and say so.
    Warned,
    /// A whole further burst came after the first warning.
    Excessive,
}

impl RateLimit {
    /// `rate` in messages a second; 0 is no limit.
    pub fn new(rate: u32, now: Instant) -> Self {
        let rate = (rate > 0).then(|| f64::from(rate));
        let tokens = rate.unwrap_or(0.0) * f64::from(BURST_SECONDS);
        RateLimit { rate, tokens, filled: now, heartbeats: HEARTBEAT_BURST, last_heartbeat: now }
    }

    /// A heartbeat of this many bytes. Those of a client that has nothing to say cost it no message.
    pub fn heartbeat(&mut self, bytes: usize, clock: impl FnOnce() -> Instant) -> Verdict {
        let now = clock();
        let since = now.saturating_duration_since(self.last_heartbeat).as_secs_f64();
        self.last_heartbeat = now;
        let more = since / f64::from(HEARTBEAT_SECONDS);
        self.heartbeats = (self.heartbeats + more).min(HEARTBEAT_BURST);
        if bytes > HEARTBEAT_BYTES || self.heartbeats < 1.0 {
            return self.message(bytes, || now);
        }
        self.heartbeats -= 1.0;
        Verdict::Allowed
    }

    /// One more message of this many bytes. It costs at most a full bucket. The clock is read only if
    /// there is a limit.
    pub fn message(&mut self, bytes: usize, clock: impl FnOnce() -> Instant) -> Verdict {
        let Some(burst) = self.spend(bytes, clock) else { return Verdict::Allowed };
        if self.tokens >= 0.0 {
            Verdict::Allowed
        } else if self.tokens >= -burst {
            Verdict::Warned
        } else {
            Verdict::Excessive
        }
    }

    /// Removes a message's tokens from the bucket; returns the size of the bucket.
    fn spend(&mut self, bytes: usize, clock: impl FnOnce() -> Instant) -> Option<f64> {
        let rate = self.rate?;
        let now = clock();
        let burst = rate * f64::from(BURST_SECONDS);
        let cost = (1 + bytes / BYTES_PER_TOKEN) as f64;
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + since * rate).min(burst) - cost.min(burst);
        Some(burst)
    }
}

#[cfg(test)]
mod tests;
