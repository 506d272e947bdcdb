//! When each message must be sent, and how long after that it arrived.
//!
//! The schedule is fixed before, and the latency counts from the scheduled time. So a server that delays the sender cannot hide
//! the wait ("coordinated omission"), and a late load generator cannot either.

use std::ops::Range;
use std::time::{Duration, Instant};

/// Message `k` is due `k` intervals after the start; the senders take turns.
#[derive(Clone, Copy)]
pub struct Schedule {
    pub start: Instant,
    pub interval: Duration,
    pub senders: u64,
    /// The last of each this many messages is private; none if 0.
    pub private_every: u64,
}

impl Schedule {
    pub fn due(&self, message: u64) -> Duration {
        Duration::from_nanos(self.interval.as_nanos() as u64 * message)
    }

    pub fn is_private(&self, message: u64) -> bool {
        self.private_every > 0 && (message + 1) % self.private_every == 0
    }

    /// How many of the first `count` messages are private.
    pub fn private_among(&self, messages: u64) -> u64 {
        messages.checked_div(self.private_every).unwrap_or(0)
    }
}

/// How steady: deliveries are counted apart for each stretch of this length.
const STRETCH: Duration = Duration::from_millis(250);

/// What arrived when.
pub struct Timing {
    pub schedule: Schedule,
    /// The messages that count.
    counted: Range<u64>,
    pub latencies: Histogram,
    /// Sum of the latencies in nanoseconds, and their number, for each sender.
    by_sender: Vec<(f64, u64)>,
    /// All deliveries by the time they came, for each stretch from the first counted message's time on.
    stretches: Vec<u64>,
}

impl Timing {
    pub fn new(schedule: Schedule, counted: Range<u64>) -> Self {
        let measured = schedule.due(counted.end) - schedule.due(counted.start);
        let stretches = vec![0; (measured.as_nanos() / STRETCH.as_nanos()) as usize];
        let by_sender = vec![(0.0, 0); schedule.senders as usize];
        Self { schedule, counted, latencies: Histogram::default(), by_sender, stretches }
    }

    /// Time since the start: asked once for all that one read brings.
    pub fn now(&self) -> Duration {
        self.schedule.start.elapsed()
    }

    pub fn arrived(&mut self, sender: u16, number: u32, now: Duration) {
        let message = u64::from(number) * self.schedule.senders + u64::from(sender);
        if self.schedule.is_private(message) {
            return;
        }
        if let Some(since) = now.checked_sub(self.schedule.due(self.counted.start)) {
            let stretch = since.as_nanos() as u64 / STRETCH.as_nanos() as u64;
            if let Some(deliveries) = self.stretches.get_mut(stretch as usize) {
                *deliveries += 1;
            }
        }
        if self.counted.contains(&message) {
            let latency = now.saturating_sub(self.schedule.due(message));
            self.latencies.add(latency);
            if let Some((sum, count)) = self.by_sender.get_mut(usize::from(sender)) {
                *sum += latency.as_nanos() as f64;
                *count += 1;
            }
        }
    }

    /// Deliveries of the poorest stretch by those of the average one: 1 is perfectly steady.
    pub fn steadiness(&self) -> f64 {
        let lowest = self.stretches.iter().copied().min().unwrap_or(0) as f64;
        let average = self.stretches.iter().sum::<u64>() as f64 / self.stretches.len() as f64;
        if average > 0.0 { lowest / average } else { 0.0 }
    }

    /// Mean latency of the sender who waits longest by that of all: 1 is perfectly fair.
    pub fn unfairness(&self) -> f64 {
        let means = || self.by_sender.iter().map(|(sum, count)| sum / (*count).max(1) as f64);
        means().fold(0.0, f64::max) / (means().sum::<f64>() / self.by_sender.len() as f64)
    }
}

/// Buckets per power of two: a figure is right to 1.6 %.
const BUCKETS: u64 = 64;

/// How often which time was seen, in nanoseconds.
#[derive(Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Histogram {
    pub fn add(&mut self, time: Duration) {
        let bucket = bucket(time.as_nanos() as u64);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.longest = self.longest.max(time);
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// A percentile, in milliseconds.
    pub fn of_100(&self, percent: u64) -> f64 {
        let wanted = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        place.map_or(f64::NAN, |bucket| upper_end(bucket as u64) as f64 / 1e6)
    }

    pub fn longest(&self) -> f64 {
        self.longest.as_secs_f64() * 1e3
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let shift = (u64::BITS - nanoseconds.leading_zeros()).saturating_sub(BUCKETS.ilog2() + 1);
    (u64::from(shift) * BUCKETS + (nanoseconds >> shift)) as usize
}

fn upper_end(bucket: u64) -> u64 {
    let shift = (bucket / BUCKETS).saturating_sub(1);
    ((bucket - shift * BUCKETS + 1) << shift) - 1
}
