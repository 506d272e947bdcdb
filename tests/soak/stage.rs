//! What all clients share: the server, the time, the book, and a list of who can get private messages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::book::Book;
use crate::common::Server;
use crate::common::random::Random;
use crate::letters::Letters;
use crate::metronome::Metronome;
use crate::tally::{Fault, Tally};

/// How long anything may take that must come: longer than even an overloaded machine stands still.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The last message of all.
pub const END: &str = "the end";

/// The name of a client that misbehaves.
const ROWDY: &str = "rowdy-";

pub fn rowdy_name(number: usize, life: u64) -> String {
    format!("{ROWDY}{number}-{life}")
}

pub fn is_rowdy(name: &str) -> bool {
    name.starts_with(ROWDY)
}

pub struct Stage<'a> {
    pub server: &'a Server,
    pub teacher_key: &'a str,
    pub book: Book,
    pub letters: Letters,
    pub tally: Tally,
    pub metronome: Metronome,
    pub board: Vec<Mutex<Presence>>,
    /// How many times faster than in the long run everybody acts.
    pub hurry: f64,
    pub begun: Instant,
    pub time: Duration,
    /// When everybody comes to an end.
    pub end: Instant,
    /// Set early when something is so wrong that going on has no use.
    given_up: (Mutex<bool>, Condvar),
    /// Clients that are not done.
    pub performing: AtomicUsize,
    /// Those of them that wait for the end with everything confirmed.
    pub waiting: AtomicUsize,
}

/// Whether a client is a person who can be written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// Its name: `None` if it is no person now, or not surely there.
    pub name: Option<String>,
    /// How often that has changed.
    changes: u64,
}

impl<'a> Stage<'a> {
    pub fn new(
        server: &'a Server,
        teacher_key: &'a str,
        clients: usize,
        time: Duration,
        hurry: f64,
    ) -> Stage<'a> {
        let begun = Instant::now();
        Stage {
            server,
            teacher_key,
            book: Book::default(),
            letters: Letters::default(),
            tally: Tally::default(),
            metronome: Metronome::default(),
            board: (0..clients).map(|_| Mutex::default()).collect(),
            hurry,
            begun,
            time,
            end: begun + time,
            given_up: (Mutex::new(false), Condvar::new()),
            performing: AtomicUsize::new(clients),
            waiting: AtomicUsize::new(0),
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end || *self.given_up.0.lock().expect("nobody failed with it")
    }

    pub fn give_up(&self) {
        *self.given_up.0.lock().expect("nobody failed with it") = true;
        self.given_up.1.notify_all();
    }

    /// A time between the two, in seconds of the long run.
    pub fn moment(&self, random: &mut Random, least: f64, most: f64) -> Duration {
        random.seconds(least, most).div_f64(self.hurry)
    }

    /// Lets the time pass, but not beyond the end.
    pub fn sleep(&self, time: Duration) {
        let until = self.end.min(Instant::now() + time);
        let mut given_up = self.given_up.0.lock().expect("nobody failed with it");
        while !*given_up {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            given_up = self.given_up.1.wait_timeout(given_up, left).expect("it is not poisoned").0;
        }
    }

    /// The client is surely here under this name, or not surely.
    pub fn set_presence(&self, number: usize, name: Option<&str>) {
        let mut presence = self.board[number].lock().expect("the board");
        presence.name = name.map(str::to_owned);
        presence.changes += 1;
    }

    pub fn presence(&self, number: usize) -> Presence {
        self.board[number].lock().expect("the board").clone()
    }

    /// A fault of the server, unless the machine stood still, so that short deadlines had passed before any client
    /// could keep them.
    pub fn fault_since(&self, begun: Instant, fault: Fault, what: impl FnOnce() -> String) {
        match self.metronome.stood_still_since(begun) {
            true => self.tally.count("excused: the machine stood still"),
            false => self.tally.fault(fault, 1, what),
        }
    }

    /// All who are not done have said all they had to say.
    pub fn all_wait(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) >= self.performing.load(Ordering::SeqCst)
    }
}
