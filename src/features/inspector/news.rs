//! A run of ten pieces of news at random moments: for the lesson "How late do I hear of it?".
//!
//! A run is nothing but its id, which has its beginning and a seed in it: all that is due at a time follows from these. So the
//! server keeps nothing, and a WebSocket and three ways of HTTP see the same run without a lock. Plain data for the connections' threads
//! and the broadcaster's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::limits::Limit;

/// Pieces of a run.
pub const PIECES: u8 = 10;

/// One piece comes at a random moment in each span of this length, in milliseconds.
const SPAN: u64 = 1000;

/// Long polls and streams that may wait at once; and, apart from them, runs that are pushed over WebSockets.
const MAX_WAITING: usize = 256;

/// What all runs of this server need.
pub struct News {
    /// This server's id: the runs of another have other clocks.
    server: String,
    started: Instant,
    /// Requests that wait.
    pub requests: Limit,
    /// Runs that are pushed.
    pub pushes: Limit,
}

/// One run.
#[derive(Clone)]
pub struct Run {
    news: Arc<News>,
    /// Microseconds from the server's start to the beginning of the run.
    begun: u64,
    seed: u32,
}

/// A piece of news, as all four ways send it.
#[derive(Debug, Serialize)]
pub struct Piece {
    pub number: u8,
    /// When it happened: milliseconds since the beginning of the run.
    pub at: u64,
    pub text: String,
}

impl News {
    pub fn new(server: String) -> Arc<News> {
        let limit = || Limit::new(MAX_WAITING);
        Arc::new(News { server, started: Instant::now(), requests: limit(), pushes: limit() })
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// A run that begins now.
    pub fn begin(self: &Arc<News>) -> Run {
        let begun = self.now();
        let mut bytes = [0; 4];
        // Without random numbers the moment itself is the seed.
        let seed = getrandom::fill(&mut bytes).map_or(begun as u32, |()| u32::from_le_bytes(bytes));
        Run { news: Arc::clone(self), begun, seed }
    }

    /// The run of this id; `None` if it is none of this server's.
    pub fn find(self: &Arc<News>, id: &str) -> Option<Run> {
        let mut parts = id.split('-');
        let (server, begun, seed) = (parts.next()?, parts.next()?, parts.next()?);
        let run = Run { news: Arc::clone(self), begun: begun.parse().ok()?, seed: seed.parse().ok()? };
        (server == self.server && run.begun <= self.now() && run.id() == id).then_some(run)
    }
}

impl Run {
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.news.server, self.begun, self.seed)
    }

    /// Milliseconds since its beginning.
    pub fn now(&self) -> f64 {
        (self.news.now() - self.begun) as f64 / 1e3
    }

    /// The time until this piece happens: zero if it has happened.
    pub fn until(&self, number: u8) -> Duration {
        let due = Duration::from_micros(self.begun) + Duration::from_millis(self.at(number));
        due.saturating_sub(self.news.started.elapsed())
    }

    pub fn piece(&self, number: u8) -> Piece {
        Piece { number, at: self.at(number), text: format!("news {number} of {PIECES}") }
    }

    /// The pieces behind this number that have happened.
    pub fn after(&self, number: u8) -> Vec<Piece> {
        let numbers = number.saturating_add(1)..=PIECES;
        numbers.take_while(|number| self.until(*number).is_zero()).map(|number| self.piece(number)).collect()
    }

    /// A number from 1 on: in each span one piece, so they are in order.
    fn at(&self, number: u8) -> u64 {
        let mixed = mix((u64::from(self.seed) << 8) + u64::from(number));
        u64::from(number - 1) * SPAN + mixed % SPAN
    }
}

/// SplitMix64: numbers that are close become numbers that look random.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
