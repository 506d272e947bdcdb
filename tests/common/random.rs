//! Random numbers from a seed, so that a test run can be repeated.

use std::time::Duration;

/// SplitMix64, a pseudo-random number generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From `least` to `most`, in seconds.
    pub fn seconds(&mut self, least: f64, most: f64) -> Duration {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        Duration::from_secs_f64(least + (most - least) * share)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// One of them; how often each comes is the number beside it.
    pub fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut place = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in from {
            match place.checked_sub(*weight) {
                Some(rest) => place = rest,
                None => return *choice,
            }
        }
        unreachable!("the place is below the sum of all weights")
    }
}
