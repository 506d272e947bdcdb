//! This server as one of the replicas of the chat: what it has proposed, how far it has read the stream, and which entries
//! count.
//!
//! Used by `order`, on the broadcaster's thread. Knows no socket and no client. Must never wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, bounded};

use super::entry::{Entry, Snapshot, StreamId};
use super::proposals::{Proposal, Proposals, ToWriter};
use crate::broadcaster::QueueFull;
use crate::chat::{Chat, Input, ServerId, Time};

/// Bytes that may wait for Redis when a further command of a member is accepted.
const COMMANDS_WAITING: usize = 8 << 20;

/// The same for a new client, which is turned away beyond it. A member's leaving is always accepted.
const WAITING: usize = 16 << 20;

/// Snapshots that are written while the stream's length passes once.
const SNAPSHOTS: usize = 8;

/// How long a tick may take until it is proposed again.
const TICK_AGAIN: Duration = Duration::from_secs(1);

/// Servers whose numbers are remembered. Those that are gone count, too: this is far more than there are at one time.
const SERVERS: usize = 4096;

/// The number of a server that is gone: no proposal of it counts.
const GONE: u64 = u64::MAX;

pub struct Replica {
    /// This server's id in the chat. It gets a new one when the others have declared it gone, and with another chat.
    server: ServerId,
    /// There was a snapshot: this is the others' chat.
    has_begun: bool,
    proposals: Proposals,
    /// Of the last proposal.
    number: u64,
    /// Of each server's last proposal that counted.
    numbers: BTreeMap<ServerId, u64>,
    position: StreamId,
    /// When the last entry was read by our clock, and when it was written by Redis's.
    last_read: Option<(Instant, Time)>,
    /// What the last tick was proposed for, and when.
    ticked: Option<(Time, Instant)>,
    /// Entries from one snapshot to the next, and since the last.
    snapshot_every: usize,
    since_snapshot: usize,
}

impl Replica {
    /// `stream_length` in entries: `--redis-events`.
    pub fn new(proposals: Proposals, stream_length: usize) -> Replica {
        Replica {
            server: new_server_id(),
            has_begun: false,
            proposals,
            number: 0,
            numbers: BTreeMap::new(),
            position: StreamId::BEGINNING,
            last_read: None,
            ticked: None,
            snapshot_every: (stream_length / SNAPSHOTS).max(1),
            since_snapshot: 0,
        }
    }

    pub fn server(&self) -> ServerId {
        self.server
    }

    /// Asks for a place in the stream.
    ///
    /// # Errors
    /// If too much waits already; it is not proposed then. That a connection, a sign-in or a server has ended is always
    /// accepted.
    pub fn propose(&mut self, input: &Input) -> Result<(), QueueFull> {
        let bound = match input {
            Input::Command { .. } => COMMANDS_WAITING,
            Input::Left { .. } | Input::ServerGone { .. } | Input::SignedOut { .. } => usize::MAX,
            Input::Joined { .. } | Input::AccountsGone { .. } | Input::Tick => WAITING,
        };
        if self.proposals.waiting() > bound {
            return Err(QueueFull);
        }
        let input = serde_json::to_string(input).expect("invariant: an input is plain data");
        self.number += 1;
        let (server, number) = (self.server, self.number);
        self.proposals.send(ToWriter::Propose(Proposal { server, number, input }));
        Ok(())
    }

    /// Goes on from a snapshot. Returns whether there was another chat before: then this server has a new id.
    pub fn begin(&mut self, snapshot: &Snapshot) -> bool {
        let had_another = std::mem::replace(&mut self.has_begun, true);
        self.numbers.clone_from(&snapshot.numbers);
        self.position = snapshot.position;
        self.last_read = None;
        self.ticked = None;
        self.since_snapshot = 0;
        if had_another {
            self.begin_as_new_server(snapshot.chat.epoch());
        } else {
            self.announce(snapshot.chat.epoch());
        }
        had_another
    }

    /// Takes a new id. What was proposed under the old one no longer counts.
    pub fn begin_as_new_server(&mut self, epoch: &str) {
        self.server = new_server_id();
        self.number = 0;
        self.announce(epoch);
    }

    fn announce(&self, epoch: &str) {
        self.proposals.send(ToWriter::Begin { epoch: epoch.to_owned(), server: self.server });
    }

    /// Takes the next entry of the stream. Returns whether it counts: it may have been sent twice, or by a server that was
    /// declared gone before.
    pub fn counts(&mut self, entry: &Entry, now: Instant) -> bool {
        self.position = entry.id;
        self.last_read = Some((now, entry.time()));
        self.since_snapshot += 1;
        if entry.server == self.server {
            self.proposals.send(ToWriter::ReadBack(entry.number));
        }
        let last = self.numbers.entry(entry.server).or_default();
        if entry.number <= *last {
            return false;
        }
        *last = entry.number;
        if let Input::ServerGone { server, .. } = entry.input {
            self.gone(server);
        }
        true
    }

    fn gone(&mut self, server: ServerId) {
        self.numbers.insert(server, GONE);
        self.proposals.send(ToWriter::Gone(server));
        if self.numbers.len() > SERVERS {
            // Any of them, but the same at every server.
            let gone = self.numbers.iter().find(|(_, number)| **number == GONE);
            let gone = *gone.expect("invariant: one was inserted a moment ago").0;
            self.numbers.remove(&gone);
        }
    }

    /// Writes a snapshot, if it is time and this server's turn: the last entry is its own.
    pub fn write_snapshot_if_due(&mut self, chat: &Chat, last: ServerId) {
        if self.since_snapshot < self.snapshot_every || last != self.server {
            return;
        }
        let (position, numbers) = (self.position, &self.numbers);
        let snapshot = || Snapshot { position, numbers: numbers.clone(), chat: chat.clone() };
        if self.proposals.send_snapshot(snapshot) {
            self.since_snapshot = 0;
        }
    }

    /// When Redis's clock will show this time, by our clock; `None` before the first entry.
    pub fn instant(&self, time: Time) -> Option<Instant> {
        let (read, written) = self.last_read?;
        read.checked_add(time.since(written) + Duration::from_millis(1))
    }

    /// Proposes a tick, if the chat has something to do at `due` and that has come.
    pub fn tick(&mut self, due: Option<Time>, now: Instant) {
        let is_due = |due: Time| self.instant(due).is_some_and(|instant| instant <= now);
        let Some(due) = due.filter(|due| is_due(*due)) else { return };
        // By Redis's clock it may have been too early: then once more, later.
        let is_new = self.ticked.is_none_or(|(other, at)| other != due || now >= at + TICK_AGAIN);
        if is_new {
            self.ticked = Some((due, now));
            // If too much waits, there is a next time.
            let _ = self.propose(&Input::Tick);
        }
    }

    /// Nothing is proposed after this. What it returns is disconnected when all is in Redis.
    pub fn finish(&self) -> Receiver<()> {
        let (done, is_done) = bounded(1);
        self.proposals.send(ToWriter::Finish(done));
        is_done
    }
}

/// An id that no other server has or had.
fn new_server_id() -> ServerId {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // The next best thing that differs from server to server.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = since_1970.map_or(0, |since| since.as_nanos() as u64);
        bytes = (nanoseconds ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    // 0 is the server of a chat in one process.
    ServerId(u64::from_be_bytes(bytes).max(1))
}

#[cfg(test)]
mod tests;
