//! How fast one client may speak (`--rate`): a bucket of tokens that fills at the rate and holds a burst.
//!
//! Belongs to one connection's thread. It is told the time, so a test needs none.

use std::time::Instant;

/// Messages that may come at once, in seconds' worth of the rate.
const BURST_SECONDS: f64 = 5.0;

/// Bytes for which a message costs one more token: what everybody has to read counts, not only how often.
const BYTES_PER_TOKEN: usize = 4096;

#[derive(Debug)]
pub struct RateLimit {
    /// Tokens a second; `None` is no limit.
    rate: Option<f64>,
    /// Each message takes some, refused or not; below zero messages are refused.
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

    /// One more message, so many bytes long. However long, it takes no more than a full bucket. The clock is asked only
    /// where there is a limit.
    pub fn message(&mut self, bytes: usize, clock: impl FnOnce() -> Instant) -> Verdict {
        let Some(burst) = self.take(bytes, clock) else { return Verdict::Allowed };
        if self.tokens >= 0.0 {
            Verdict::Allowed
        } else if self.tokens >= -burst {
            Verdict::Warned
        } else {
            Verdict::Excessive
        }
    }

    /// Takes a message's tokens out of the bucket, and returns how many it holds when full.
    fn take(&mut self, bytes: usize, clock: impl FnOnce() -> Instant) -> Option<f64> {
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
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_warnings_then_the_end() {
        let start = Instant::now();
        let mut limit = RateLimit::new(2, start);
        let verdicts: Vec<Verdict> = (0..21).map(|_| limit.message(0, || start)).collect();
        assert!(verdicts[..10].iter().all(|verdict| *verdict == Verdict::Allowed));
        assert!(verdicts[10..20].iter().all(|verdict| *verdict == Verdict::Warned));
        assert_eq!(verdicts[20], Verdict::Excessive);
    }

    #[test]
    fn the_rate_itself_passes_for_ever() {
        let start = Instant::now();
        let mut limit = RateLimit::new(20, start);
        for message in 0..10_000 {
            assert_eq!(
                limit.message(0, || start + Duration::from_millis(50) * message),
                Verdict::Allowed
            );
        }
    }

    #[test]
    fn long_messages_cost_more_but_one_is_always_possible() {
        let start = Instant::now();
        let mut limit = RateLimit::new(20, start);
        let allowed =
            (0..100).take_while(|_| limit.message(65_536, || start) == Verdict::Allowed).count();
        assert_eq!(allowed, 5, "17 tokens each of 100");
        assert_eq!(RateLimit::new(1, start).message(1 << 30, || start), Verdict::Allowed);
    }
}
