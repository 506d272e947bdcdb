//! This server as a replica of the chat: what it has proposed, how far it has read the stream, and which entries it accepts.
//!
//! Used by `order` on the broadcaster's thread. Knows no socket and no client. Must never wait.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, bounded};

use super::entry::{Entry, Snapshot, StreamId};
use super::proposals::{Proposal, Proposals, ToWriter};
use crate::broadcaster::QueueFull;
use crate::chat::{Chat, Input, ServerId, Time};

/// A member's command is refused when more bytes than this wait for Redis.
const MAX_WAITING_FOR_COMMAND: usize = 8 << 20;

/// The same for a new client. A member's leaving is always accepted.
const MAX_WAITING: usize = 16 << 20;

/// Snapshots per length of the stream.
const SNAPSHOTS: usize = 8;

/// A tick that was not read back after this time is proposed again.
const TICK_AGAIN: Duration = Duration::from_secs(1);

/// The most servers whose numbers are stored, with those that are gone. Far more than run at one time.
const MAX_SERVERS: usize = 4096;

/// Stored as the number of a server that is gone: no later proposal of it is accepted.
const GONE: u64 = u64::MAX;

pub struct Replica {
    /// This server's id in the chat. It changes when the other servers declare it gone, and with another chat.
    server: ServerId,
    /// The first snapshot has come: this server has the shared chat.
    has_begun: bool,
    proposals: Proposals,
    /// The number of this server's last proposal.
    number: u64,
    /// The number of each server's last accepted proposal.
    numbers: BTreeMap<ServerId, u64>,
    position: StreamId,
    /// The last entry: when it was read, by our clock, and when it was written, by Redis's clock.
    last_read: Option<(Instant, Time)>,
    /// The last proposed tick: for which time, and when it was proposed.
    ticked: Option<(Time, Instant)>,
    /// Entries between two snapshots, and since the last one.
    snapshot_every: usize,
    since_snapshot: usize,
    /// A text was taken back at our request: it must leave Redis, too. Until the snapshot without it is on its way.
    must_erase: bool,
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
            must_erase: false,
        }
    }

    pub fn server(&self) -> ServerId {
        self.server
    }

    /// Sends an input to the writer.
    ///
    /// # Errors
    /// If too many bytes wait. The end of a connection, a sign-in or a server is always accepted: otherwise a member could stay in
    /// the chat for ever.
    pub fn propose(&mut self, input: &Input) -> Result<(), QueueFull> {
        let bound = match input {
            Input::Command { .. } | Input::Moderated { .. } => MAX_WAITING_FOR_COMMAND,
            Input::Left { .. } | Input::ServerGone { .. } | Input::SignedOut { .. } => usize::MAX,
            Input::Joined { .. } | Input::AccountsGone { .. } | Input::Tick => MAX_WAITING,
        };
        if self.proposals.waiting_bytes() > bound {
            return Err(QueueFull);
        }
        let input = serde_json::to_string(input).expect("invariant: an input is plain data");
        self.number += 1;
        let (server, number) = (self.server, self.number);
        self.proposals.send(ToWriter::Propose(Proposal { server, number, input }));
        Ok(())
    }

    /// Continues from a snapshot. Returns whether it replaces an earlier chat: then this server has a new id.
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

    /// Takes a new id. Proposals under the old one are no longer accepted.
    pub fn begin_as_new_server(&mut self, epoch: &str) {
        self.server = new_server_id();
        self.number = 0;
        self.announce(epoch);
    }

    fn announce(&self, epoch: &str) {
        self.proposals.send(ToWriter::Begin { epoch: epoch.to_owned(), server: self.server });
    }

    /// Takes the next entry of the stream. Returns whether to apply it: not if it was sent twice, or by a server that was declared
    /// gone before.
    pub fn accept(&mut self, entry: &Entry, now: Instant) -> bool {
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
        match &entry.input {
            Input::ServerGone { server, .. } => self.mark_gone(*server),
            Input::Moderated { action, .. } if entry.server == self.server => {
                self.must_erase |= action.erases();
            }
            _ => {}
        }
        true
    }

    fn mark_gone(&mut self, server: ServerId) {
        self.numbers.insert(server, GONE);
        self.proposals.send(ToWriter::Gone(server));
        if self.numbers.len() > MAX_SERVERS {
            // Which one does not matter, but all servers must remove the same.
            let gone = self.numbers.iter().find(|(_, number)| **number == GONE);
            let gone = *gone.expect("invariant: one was inserted above").0;
            self.numbers.remove(&gone);
        }
    }

    /// Writes a snapshot if one is due. Only the server of the last entry does, so that the servers share the work. After a text was
    /// taken back the stream is trimmed up to the snapshot, since the text stands in both.
    pub fn write_snapshot_if_due(&mut self, chat: &Chat, last: ServerId) {
        let is_due = self.since_snapshot >= self.snapshot_every && last == self.server;
        if !is_due && !self.must_erase {
            return;
        }
        let (position, numbers) = (self.position, &self.numbers);
        let snapshot = || Snapshot { position, numbers: numbers.clone(), chat: chat.clone() };
        if self.proposals.send_snapshot(snapshot, self.must_erase) {
            self.since_snapshot = 0;
            self.must_erase = false;
        }
    }

    /// Converts a time of Redis's clock to our clock; `None` before the first entry.
    pub fn instant(&self, time: Time) -> Option<Instant> {
        let (read, written) = self.last_read?;
        read.checked_add(time.since(written) + Duration::from_millis(1))
    }

    /// Proposes a tick, if the chat's `due` time has come.
    pub fn tick(&mut self, due: Option<Time>, now: Instant) {
        let is_due = |due: Time| self.instant(due).is_some_and(|instant| instant <= now);
        let Some(due) = due.filter(|due| is_due(*due)) else { return };
        // Redis's clock may be slower than ours. Then the tick had no effect and must be proposed again.
        let is_new = self.ticked.is_none_or(|(other, at)| other != due || now >= at + TICK_AGAIN);
        if is_new {
            self.ticked = Some((due, now));
            // If it is refused, the next call proposes it.
            let _ = self.propose(&Input::Tick);
        }
    }

    /// No proposal may follow. The returned channel is disconnected when all proposals are in Redis.
    pub fn finish(&self) -> Receiver<()> {
        let (done, is_done) = bounded(1);
        self.proposals.send(ToWriter::Finish(done));
        is_done
    }
}

/// A random id: no other server has or had it.
fn new_server_id() -> ServerId {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Time and process id also differ between servers.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = since_1970.map_or(0, |since| since.as_nanos() as u64);
        bytes = (nanoseconds ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    // 0 is reserved for a server without a cluster.
    ServerId(u64::from_be_bytes(bytes).max(1))
}

#[cfg(test)]
mod tests;
