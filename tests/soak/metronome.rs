//! Measures how late the machine is: a thread that wakes up every 50 ms, and later on an overloaded machine.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(50);

/// A delay that is near the server's shortest deadline: 2 s for a closing.
const STILL: Duration = Duration::from_millis(500);

#[derive(Default)]
pub struct Metronome(Mutex<Lateness>);

#[derive(Default)]
struct Lateness {
    /// The longest delay since the last call.
    latest: Duration,
    /// When the machine stood still for the last time.
    stood_still: Option<Instant>,
}

impl Metronome {
    /// Measures until the end of the run.
    pub fn run(&self, is_over: impl Fn() -> bool) {
        while !is_over() {
            let due = Instant::now() + BEAT;
            thread::sleep(BEAT);
            let now = Instant::now();
            let late = now - due;
            let mut lateness = self.0.lock().expect("nobody failed with it");
            lateness.latest = lateness.latest.max(late);
            if late >= STILL {
                lateness.stood_still = Some(now);
            }
        }
    }

    /// The longest delay since the last call.
    pub fn take_latest(&self) -> Duration {
        std::mem::take(&mut self.0.lock().expect("nobody failed with it").latest)
    }

    pub fn stood_still_since(&self, begun: Instant) -> bool {
        // The machine may stand still at this moment, so wait for the next measurement.
        thread::sleep(2 * BEAT);
        self.0.lock().expect("nobody failed with it").stood_still.is_some_and(|last| last >= begun)
    }
}
