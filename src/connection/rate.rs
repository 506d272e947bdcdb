//! How fast one client may speak (`--rate`): a bucket of tokens that fills at the rate and holds a burst.
//!
//! Belongs to one connection's thread. It is told the time, so a test needs none.

use std::time::Instant;

/// Messages that may come at once, in seconds' worth of the rate.
const BURST_SECONDS: f64 = 5.0;

#[derive(Debug)]
pub struct RateLimit {
    /// Tokens a second; `None` is no limit.
    rate: Option<f64>,
    /// One is taken by each message, refused or not; below zero messages are refused.
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

    /// One more message.
    pub fn message(&mut self, now: Instant) -> Verdict {
        let Some(rate) = self.rate else {
            return Verdict::Allowed;
        };
        let burst = rate * BURST_SECONDS;
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + since * rate).min(burst) - 1.0;
        if self.tokens >= 0.0 {
            Verdict::Allowed
        } else if self.tokens >= -burst {
            Verdict::Warned
        } else {
            Verdict::Excessive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_warnings_then_the_end() {
        let start = Instant::now();
        let mut limit = RateLimit::new(2, start);
        let verdicts: Vec<Verdict> = (0..21).map(|_| limit.message(start)).collect();
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
                limit.message(start + Duration::from_millis(50) * message),
                Verdict::Allowed
            );
        }
    }
}
