//! A link for the teacher that works once and for a minute, so that no lasting secret stands in a terminal that the class looks at.
//!
//! Made at the start and on the connections' threads, and redeemed there. Must never log a code.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::token::{is_same_secret, short_secret};

/// How long a link works.
const TIME: Duration = Duration::from_secs(60);

/// Between two links that a page asked for: the terminal must stay readable.
pub const PAUSE: Duration = Duration::from_secs(5);

/// The latest link. A new one replaces it.
#[derive(Default)]
pub struct Links(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    /// Until it was used.
    code: Option<String>,
    issued: Option<Instant>,
    /// When a page asked for one.
    asked: Option<Instant>,
}

impl Links {
    /// A new code; `None` if the system has no random numbers.
    pub fn issue(&self) -> Option<String> {
        let mut latest = self.latest();
        latest.code = short_secret();
        latest.issued = Some(Instant::now());
        latest.code.clone()
    }

    /// The same for a page that asks; `None` also if one was asked for a moment ago.
    pub fn issue_again(&self) -> Option<String> {
        let asked = self.latest().asked.replace(Instant::now());
        if asked.is_some_and(|asked| asked.elapsed() < PAUSE) { None } else { self.issue() }
    }

    /// Whether this is the latest code, and its time is not over. From now on it no longer is.
    pub fn redeem(&self, code: &str) -> bool {
        let mut latest = self.latest();
        let in_time = latest.issued.is_some_and(|issued| issued.elapsed() < TIME);
        let right = latest.code.take_if(|right| in_time && is_same_secret(right.as_bytes(), code.as_bytes()));
        right.is_some()
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
