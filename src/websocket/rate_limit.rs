//! How fast one client may send (`--rate`): a token bucket, which fills at the rate and holds a burst.
//!
//! Belongs to one connection's thread. The time is an argument, so that a test needs no clock.

use std::time::Instant;

/// Messages that may come at once, in seconds' worth of the rate.
const BURST_SECONDS: f64 = 5.0;

/// Bytes for which a message costs one more token: all members receive every byte of it.
const BYTES_PER_TOKEN: usize = 4096;

#[derive(Debug)]
pub struct RateLimit {
    /// Tokens a second; `None` is no limit.
    rate: Option<f64>,
    /// Each message costs some, even if it is refused. Below zero messages are refused.
    tokens: f64,
    filled: Instant,
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
        RateLimit { rate, tokens: rate.unwrap_or(0.0) * BURST_SECONDS, filled: now }
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
        let burst = rate * BURST_SECONDS;
        let cost = (1 + bytes / BYTES_PER_TOKEN) as f64;
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + since * rate).min(burst) - cost.min(burst);
        Some(burst)
    }
}

#[cfg(test)]
mod tests;
