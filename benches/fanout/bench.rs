//! One run of the benchmark: its options, and how its parts measure.

use std::env;
use std::io;
use std::time::Duration;

use crate::contestant::{Contestant, Pinning, measure};
use crate::floor::Mode;
use crate::load::{Idle, Joins, Latency, Outcome, Paced, Task, Throughput};
use crate::report::Rounds;
use crate::text::TEXT_BYTES;
use crate::watcher::Watching;

/// Clients that send, where nothing else is said.
pub const SENDERS: usize = 4;

/// Each contestant runs this often, in turns, so that all meet the machine in the same moods.
const ROUNDS: usize = 5;

/// Messages run this long before we count: buffers grow, the window settles; at a fixed rate also what is still told
/// about the joins.
const WARM_UP: Duration = Duration::from_millis(600);
const PACED_WARM_UP: Duration = Duration::from_millis(1_100);

/// The measured part of one throughput run.
const MEASURED: Duration = Duration::from_millis(1_600);

/// Set, it makes everything short and the figures worthless: to see that all parts work.
const QUICK: &str = "BENCH_QUICK";

pub struct Bench {
    pub pinning: Pinning,
    is_quick: bool,
    /// Only the runs with this number of clients.
    clients: Option<usize>,
}

impl Bench {
    pub fn new(clients: Option<usize>) -> Self {
        Self { pinning: Pinning::find(), is_quick: env::var_os(QUICK).is_some(), clients }
    }

    pub fn rounds(&self) -> usize {
        self.rounds_of(ROUNDS)
    }

    /// Another number of rounds than usual.
    pub fn rounds_of(&self, usual: usize) -> usize {
        if self.is_quick { 1 } else { usual }
    }

    pub fn time(&self, usual: Duration) -> Duration {
        if self.is_quick { usual / 4 } else { usual }
    }

    /// The runs of a part that were asked for: all, or those with the right number of clients.
    pub fn chosen<'a, T>(&self, runs: &'a [T], clients: impl Fn(&T) -> usize) -> impl Iterator<Item = &'a T> {
        runs.iter().filter(move |run| self.clients.is_none_or(|chosen| chosen == clients(run)))
    }

    pub fn throughput(
        &self,
        contestant: Contestant,
        clients: usize,
        in_flight: u32,
    ) -> io::Result<Throughput> {
        let watching = match contestant {
            Contestant::Watched(watching) => watching,
            _ => Watching::Never,
        };
        let (warm_up, measured) = (self.time(WARM_UP), self.time(MEASURED));
        let task = Task::Throughput { senders: SENDERS, in_flight, watching, warm_up, measured };
        match measure(self.pinning, contestant, clients, task)? {
            Outcome::Throughput(run) if run.deliveries > 0 => Ok(run),
            Outcome::Throughput(_) => Err(unusable(contestant, "delivered nothing")),
            other => Err(unexpected(contestant, other)),
        }
    }

    /// Messages of the usual length from the usual senders at this rate.
    pub fn pace(&self, rate: u32, measured: Duration) -> Paced {
        Paced {
            senders: SENDERS,
            rate,
            text_bytes: TEXT_BYTES,
            private_every: 0,
            sleepers: 0,
            watch_memory: false,
            warm_up: PACED_WARM_UP,
            measured: self.time(measured),
        }
    }

    pub fn paced(&self, contestant: Contestant, clients: usize, paced: &Paced) -> io::Result<Latency> {
        match measure(self.pinning, contestant, clients, Task::Paced(paced.clone()))? {
            Outcome::Paced(run) if run.deliveries > 0 => Ok(run),
            Outcome::Paced(_) => Err(unusable(contestant, "delivered nothing")),
            other => Err(unexpected(contestant, other)),
        }
    }

    /// The chat and floors in turns. The chat goes first: the floors then send frames of the same length, `frame_bytes`.
    pub fn beside_floors<T, const FLOORS: usize>(
        &self,
        rounds: usize,
        floors: [Mode; FLOORS],
        frame_bytes: impl Fn(&T) -> f64,
        measure: impl Fn(Contestant) -> io::Result<T>,
    ) -> io::Result<(Rounds<T>, [Rounds<T>; FLOORS])> {
        let mut chat = Rounds::of(Contestant::Chat);
        let mut beside = floors.map(|mode| Rounds::of(Contestant::Floor(mode, 0)));
        for _ in 0..rounds {
            let run = measure(Contestant::Chat)?;
            let bytes = frame_bytes(&run).round() as usize;
            chat.rounds.push(run);
            for (mode, floor) in floors.into_iter().zip(&mut beside) {
                floor.rounds.push(measure(Contestant::Floor(mode, bytes))?);
            }
        }
        Ok((chat, beside))
    }

    pub fn idle(&self, contestant: Contestant, clients: usize, leave: bool) -> io::Result<Idle> {
        match measure(self.pinning, contestant, clients, Task::Idle { leave })? {
            Outcome::Idle(idle) => Ok(idle),
            other => Err(unexpected(contestant, other)),
        }
    }

    pub fn joins(&self, clients: usize, more: usize) -> io::Result<Joins> {
        match measure(self.pinning, Contestant::Chat, clients, Task::Joins { more })? {
            Outcome::Joins(joins) => Ok(joins),
            other => Err(unexpected(Contestant::Chat, other)),
        }
    }
}

fn unexpected(contestant: Contestant, outcome: Outcome) -> io::Error {
    match outcome {
        Outcome::Failed(reason) => unusable(contestant, &reason),
        _ => unusable(contestant, "was measured for something else"),
    }
}

fn unusable(contestant: Contestant, reason: &str) -> io::Error {
    io::Error::other(format!("{contestant}: {reason}"))
}
