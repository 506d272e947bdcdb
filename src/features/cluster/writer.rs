//! The thread that puts proposals into the stream, stores this server's heartbeat, and reports servers without one.
//!
//! The broadcaster sends it its work. Proposals that Redis has not confirmed are sent again in the same order; each server accepts
//! a proposal only once. Must never drop a proposal of this server's current id.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use log::warn;
use redis::{Connection, RedisResult};

use super::backoff::Backoff;
use super::entry::{Snapshot, StreamId};
use super::news::{News, NewsSender};
use super::proposals::{Proposal, ProposalQueue, ToWriter};
use super::store::Store;
use crate::chat::ServerId;

/// The time between two heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A server without a heartbeat for this time is declared gone.
const SILENCE: Duration = Duration::from_secs(5);

/// The most proposals that are sent at once.
const MAX_BATCH: usize = 256;

/// How long servers have to read the stream before it is trimmed, since a text was taken back. One that is slower continues from the
/// snapshot.
const TRIM_AFTER: Duration = Duration::from_secs(1);

/// How long the last proposals may take during the shutdown.
const LAST_PROPOSALS: Duration = Duration::from_secs(1);

pub struct Writer {
    store: Store,
    queue: ProposalQueue,
    news: NewsSender,
    connection: Option<Connection>,
    /// When the current connection began.
    connected: Instant,
    backoff: Backoff,
    next_connect: Instant,
    next_heartbeat: Instant,
    /// The current run, and this server's id in it; `None` before the first snapshot.
    run: Option<(String, ServerId)>,
    /// Not confirmed by Redis yet, in order.
    unconfirmed: VecDeque<Proposal>,
    /// Confirmed, but not read back yet. If Redis loses them, they are sent again.
    confirmed: VecDeque<Proposal>,
    /// The servers that were silent at our last heartbeat, and when each had its last.
    silent: Vec<(u64, u64)>,
    /// A text was taken back: the snapshot without it, until it is written…
    to_write: Option<Box<Snapshot>>,
    /// …and the entry up to which the stream is trimmed then, and when.
    to_trim: Option<(StreamId, Instant)>,
    /// An error was logged, and no command has succeeded since.
    has_warned: bool,
}

impl Writer {
    pub fn new(store: Store, queue: ProposalQueue, news: NewsSender) -> Writer {
        let now = Instant::now();
        Writer {
            store,
            queue,
            news,
            connection: None,
            connected: now,
            backoff: Backoff::new(),
            next_connect: now,
            next_heartbeat: now,
            run: None,
            unconfirmed: VecDeque::new(),
            confirmed: VecDeque::new(),
            silent: Vec::new(),
            to_write: None,
            to_trim: None,
            has_warned: false,
        }
    }

    /// The thread's loop; ends with the broadcaster.
    pub fn run(mut self) {
        let mut wait = Duration::ZERO;
        loop {
            match self.queue.receiver.recv_timeout(wait) {
                Ok(ToWriter::Finish(done)) => {
                    self.finish();
                    return drop(done);
                }
                Ok(to_writer) => {
                    self.handle(to_writer);
                    // Other waiting messages are collected first, to send one batch.
                    if self.unconfirmed.len() < MAX_BATCH {
                        wait = Duration::ZERO;
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.work();
            wait = self.next_due().saturating_duration_since(Instant::now());
        }
    }

    /// When there is work even without a message.
    fn next_due(&self) -> Instant {
        match (&self.connection, &self.run) {
            (None, _) => self.next_connect,
            (Some(_), Some(_)) => {
                self.to_trim.as_ref().map_or(self.next_heartbeat, |(_, at)| self.next_heartbeat.min(*at))
            }
            // Nothing can be sent before the first snapshot.
            (Some(_), None) => Instant::now() + HEARTBEAT_INTERVAL,
        }
    }

    fn handle(&mut self, to_writer: ToWriter) {
        match to_writer {
            ToWriter::Propose(proposal) => self.unconfirmed.push_back(proposal),
            ToWriter::Begin { epoch, server } => self.begin(epoch, server),
            ToWriter::ReadBack(number) => self.read_back(number),
            ToWriter::Snapshot(snapshot, false) => {
                self.in_run(|store, connection, epoch, _| store.set_snapshot(connection, epoch, &snapshot));
                self.queue.snapshot_written();
            }
            ToWriter::Snapshot(snapshot, true) => {
                self.to_write = Some(snapshot);
                self.erase();
            }
            ToWriter::Gone(server) => {
                self.in_run(|store, connection, epoch, _| store.forget_server(connection, epoch, server));
            }
            ToWriter::Finish(_) => unreachable!("invariant: the loop in `run` handles it"),
        }
    }

    /// A run begins, or this server has a new id: drops the proposals under another id. Proposals from before the first snapshot
    /// have the current id and stay.
    fn begin(&mut self, epoch: String, server: ServerId) {
        let before = self.waiting_bytes();
        self.unconfirmed.retain(|proposal| proposal.server == server);
        self.confirmed.clear();
        self.to_trim = None;
        if self.to_write.take().is_some() {
            self.queue.snapshot_written();
        }
        self.queue.release_bytes(before - self.waiting_bytes());
        self.run = Some((epoch, server));
        self.next_heartbeat = Instant::now();
    }

    /// Bytes of all proposals that wait.
    fn waiting_bytes(&self) -> usize {
        let proposals = self.unconfirmed.iter().chain(&self.confirmed);
        proposals.map(|proposal| proposal.input.len()).sum()
    }

    /// The proposals up to this number were read back.
    fn read_back(&mut self, number: u64) {
        while self.confirmed.front().is_some_and(|first| first.number <= number) {
            let proposal = self.confirmed.pop_front().expect("invariant: there is a first one");
            self.queue.release_bytes(proposal.input.len());
        }
    }

    /// Connects, stores the heartbeat and sends proposals, as far as each is due.
    fn work(&mut self) {
        if self.connection.is_none() && Instant::now() >= self.next_connect {
            self.connect();
        }
        if self.run.is_none() {
            return;
        }
        // The heartbeat comes before any proposal: the other servers must know this one, to notice its silence.
        if Instant::now() >= self.next_heartbeat && self.connection.is_some() {
            self.next_heartbeat = Instant::now() + HEARTBEAT_INTERVAL;
            self.heartbeat();
        }
        while !self.unconfirmed.is_empty() && self.connection.is_some() {
            self.send();
        }
        self.erase();
    }

    /// A text was taken back: writes the snapshot without it, and later trims the stream. Tried again until Redis has done it.
    fn erase(&mut self) {
        if let Some(snapshot) = self.to_write.take() {
            let written =
                self.in_run(|store, connection, epoch, _| store.set_snapshot(connection, epoch, &snapshot));
            if written.is_none() {
                self.to_write = Some(snapshot);
                return;
            }
            self.to_trim = Some((snapshot.position, Instant::now() + TRIM_AFTER));
            self.queue.snapshot_written();
        }
        let due = self.to_trim.filter(|(_, at)| *at <= Instant::now());
        if let Some((position, _)) = due {
            let trimmed = self.in_run(|store, connection, epoch, _| store.trim(connection, epoch, position));
            if trimmed.is_some() {
                self.to_trim = None;
            }
        }
    }

    fn connect(&mut self) {
        let Ok(connection) = self.store.connect() else {
            self.next_connect = Instant::now() + self.backoff.next_wait();
            return;
        };
        self.connection = Some(connection);
        self.connected = Instant::now();
        self.next_heartbeat = self.connected;
        // Redis may have lost the latest entries, so confirmed proposals are sent again, before the others.
        self.confirmed.append(&mut self.unconfirmed);
        std::mem::swap(&mut self.confirmed, &mut self.unconfirmed);
    }

    /// Executes commands for the current run, if there are a run and a connection. An error closes the connection.
    fn in_run<T>(
        &mut self,
        commands: impl FnOnce(&Store, &mut Connection, &str, ServerId) -> RedisResult<T>,
    ) -> Option<T> {
        let (Some(connection), Some((epoch, server))) = (&mut self.connection, &self.run) else {
            return None;
        };
        match commands(&self.store, connection, epoch, *server) {
            Ok(answer) => {
                self.backoff.reset();
                self.has_warned = false;
                Some(answer)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_warned, true) {
                    // Not the error's text: it may quote data that was sent to Redis.
                    warn!("cannot write to Redis: {}; trying again", error.category());
                }
                self.connection = None;
                self.next_connect = Instant::now() + self.backoff.next_wait();
                None
            }
        }
    }

    /// Appends the next proposals to the stream. After an error they stay unconfirmed.
    fn send(&mut self) {
        let count = self.unconfirmed.len().min(MAX_BATCH);
        let proposals = std::mem::take(&mut self.unconfirmed);
        let sent = self.in_run(|store, connection, epoch, _| {
            store.append(connection, epoch, proposals.iter().take(count))
        });
        self.unconfirmed = proposals;
        if sent.is_some() {
            self.confirmed.extend(self.unconfirmed.drain(..count));
        }
    }

    /// Stores this server's heartbeat and reports silent servers. Not soon after a connect: the other servers may have lost Redis,
    /// too, and need the time to connect.
    fn heartbeat(&mut self) {
        let Some(now) = self.in_run(Store::store_heartbeat) else { return };
        if self.connected.elapsed() < SILENCE + HEARTBEAT_INTERVAL {
            return;
        }
        let silent_since = now.saturating_sub(SILENCE.as_millis() as u64);
        let silent =
            self.in_run(|store, connection, epoch, _| store.silent_since(connection, epoch, silent_since));
        let Some(silent) = silent else { return };
        // Reported only if silent at two of our heartbeats: after a jump of the clock or a pause of the machine, the other servers
        // need a moment.
        for server in silent.iter().filter(|server| self.silent.contains(server)) {
            // If the broadcaster has ended, this thread ends soon, too.
            self.news.send(News::Silent(ServerId(server.0)));
        }
        self.silent = silent;
    }

    /// Sends the last proposals until the deadline.
    fn finish(&mut self) {
        let deadline = Instant::now() + LAST_PROPOSALS;
        while !self.unconfirmed.is_empty() && Instant::now() < deadline {
            self.work();
            thread::sleep(Duration::from_millis(5));
        }
    }
}
