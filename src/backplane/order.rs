//! The broadcaster's book of the order: what it has proposed, what has come back, and whose proposals count.
//!
//! No socket and no thread; never waits.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Ordered, Proposals, Snapshot, ToWriter};
use crate::chat::{Chat, Input, ServerId, Time};

/// Bytes of messages that may wait for Redis; a further message is refused.
const MESSAGES_WAITING: usize = 8 << 20;

/// Bytes that may wait at all: comings and goings still get through here. A newcomer beyond it is sent away.
const WAITING: usize = 16 << 20;

/// How many of the events that the stream keeps pass between two snapshots: one of so many parts.
const SNAPSHOTS: usize = 8;

/// How long a tick may take until it is proposed again.
const TICK_AGAIN: Duration = Duration::from_secs(1);

/// Servers whose proposals are remembered; of those that are gone, more than anybody has at once.
const SERVERS: usize = 4096;

/// Too much waits for Redis already.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull;

pub struct Order {
    /// This server's name in the chat. It gets a new one when it was given up, or when the chat begins anew.
    pub me: ServerId,
    /// There is a chat to go on with.
    has_begun: bool,
    proposals: Proposals,
    /// Of the last proposal.
    number: u64,
    /// Of each server's last proposal that was taken.
    numbers: BTreeMap<ServerId, u64>,
    /// When the last thing came, and when it had happened by Redis's clock.
    seen: Option<(Instant, Time)>,
    position: String,
    /// The time for which a tick was proposed last.
    ticked: Option<(Time, Instant)>,
    /// Events between two snapshots, and since the last.
    keep_every: usize,
    since_kept: usize,
}

impl Order {
    /// The stream keeps so many events.
    pub fn new(proposals: Proposals, kept: usize) -> Order {
        Order {
            me: new_server(),
            has_begun: false,
            proposals,
            number: 0,
            numbers: BTreeMap::new(),
            seen: None,
            position: String::new(),
            ticked: None,
            keep_every: (kept / SNAPSHOTS).max(1),
            since_kept: 0,
        }
    }

    /// Asks for a place in the order.
    ///
    /// # Errors
    /// If too much waits already; nothing is proposed then. That somebody leaves, or signs out, can always be said.
    pub fn propose(&mut self, input: &Input) -> Result<(), QueueFull> {
        let bound = match input {
            Input::Asked { .. } => MESSAGES_WAITING,
            Input::Left { .. } | Input::ServerGone { .. } | Input::SignedOut(_) => usize::MAX,
            Input::Entered { .. } | Input::AccountsGone(_) | Input::Tick => WAITING,
        };
        if self.proposals.waiting() > bound {
            return Err(QueueFull);
        }
        // Inputs are plain data and have a JSON.
        let input = serde_json::to_string(input).map_err(|_| QueueFull)?;
        self.number += 1;
        let (server, number) = (self.me, self.number);
        self.proposals.send(ToWriter::Propose { server, number, input });
        Ok(())
    }

    /// The chat to go on with. Returns whether there was another before.
    pub fn begin(&mut self, snapshot: &Snapshot, epoch: &str) -> bool {
        let was_another = std::mem::replace(&mut self.has_begun, true);
        if was_another {
            self.be_somebody_else();
        }
        self.numbers.clone_from(&snapshot.numbers);
        self.position.clone_from(&snapshot.position);
        self.seen = None;
        self.ticked = None;
        self.since_kept = 0;
        self.proposals.send(ToWriter::Begin { epoch: epoch.to_owned(), server: self.me });
        was_another
    }

    /// The others have given this server up: under its old name nothing counts any more.
    pub fn begin_again(&mut self, epoch: &str) {
        self.be_somebody_else();
        self.proposals.send(ToWriter::Begin { epoch: epoch.to_owned(), server: self.me });
    }

    fn be_somebody_else(&mut self) {
        self.me = new_server();
        self.number = 0;
    }

    /// Whether this counts: it may have been sent twice, or by a server that had been given up.
    pub fn counts(&mut self, ordered: &Ordered, now: Instant) -> bool {
        self.position.clone_from(&ordered.position);
        self.seen = Some((now, ordered.time));
        self.since_kept += 1;
        if ordered.server == self.me {
            self.proposals.send(ToWriter::Taken(ordered.number));
        }
        let last = self.numbers.entry(ordered.server).or_default();
        if ordered.number <= *last {
            return false;
        }
        *last = ordered.number;
        if let Input::ServerGone { server, .. } = ordered.input {
            self.numbers.insert(server, u64::MAX);
            self.proposals.send(ToWriter::Gone(server));
            if self.numbers.len() > SERVERS {
                let gone = self.numbers.iter().find(|(_, number)| **number == u64::MAX);
                if let Some(gone) = gone.map(|(server, _)| *server) {
                    self.numbers.remove(&gone);
                }
            }
        }
        true
    }

    /// Keeps the chat for servers that come later, if it is time and this server's turn: it proposed the last thing.
    pub fn keep(&mut self, chat: &Chat, last: ServerId) {
        if self.since_kept < self.keep_every || last != self.me {
            return;
        }
        if self.proposals.is_keeping.swap(true, Ordering::Relaxed) {
            return;
        }
        self.since_kept = 0;
        let (position, numbers) = (self.position.clone(), self.numbers.clone());
        let snapshot = Snapshot { position, numbers, chat: chat.clone() };
        self.proposals.send(ToWriter::Keep(Box::new(snapshot)));
    }

    /// When something is to be done by Redis's clock, by ours.
    pub fn instant(&self, time: Time) -> Option<Instant> {
        let (now, seen) = self.seen?;
        Some(now + time.since(seen) + Duration::from_millis(1))
    }

    /// Proposes that time has passed, if that is waited for.
    pub fn tick(&mut self, due: Option<Time>, now: Instant) {
        let is_due = |due: Time| self.instant(due).is_some_and(|instant| instant <= now);
        let Some(due) = due.filter(|due| is_due(*due)) else { return };
        // Once more a second later, in case it came too early by Redis's clock.
        let is_new = self.ticked.is_none_or(|(other, at)| other != due || now >= at + TICK_AGAIN);
        if is_new {
            self.ticked = Some((due, now));
            let _ = self.propose(&Input::Tick);
        }
    }

    /// The end: returns what tells when all is with Redis.
    pub fn bye(&self) -> crossbeam_channel::Receiver<()> {
        let (done, is_done) = crossbeam_channel::bounded(1);
        self.proposals.send(ToWriter::Bye(done));
        is_done
    }
}

/// A name that no other server has, and that none had before.
fn new_server() -> ServerId {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // The next best thing that is different everywhere.
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanoseconds = since_1970.map_or(0, |since| since.as_nanos() as u64);
        bytes = (nanoseconds ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    // Never that of a chat in one process.
    ServerId(u64::from_be_bytes(bytes).max(1))
}
