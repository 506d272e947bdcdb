//! The thread that puts proposals into the stream, gives this server's sign of life, and finds servers that give none.
//!
//! The broadcaster sends it what to do, in order. What Redis has not confirmed is sent again in the same order; readers count
//! each proposal once. Must never drop a proposal that still counts.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use log::warn;
use redis::{Connection, RedisResult};

use super::news::{News, NewsSender};
use super::proposals::{Proposal, ProposalQueue, ToWriter};
use super::retry::Retry;
use super::store::Store;
use crate::chat::ServerId;

/// From one sign of life to the next, and after which silence a server is declared gone.
const HEARTBEAT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(5);

/// Proposals that are sent at once.
const AT_ONCE: usize = 256;

/// How long the last proposals may take at the end.
const LAST_PROPOSALS: Duration = Duration::from_secs(1);

pub struct Writer {
    store: Store,
    queue: ProposalQueue,
    news: NewsSender,
    connection: Option<Connection>,
    /// Since when there has been a connection without a break.
    connected: Instant,
    retry: Retry,
    next_try: Instant,
    next_heartbeat: Instant,
    /// The present run, and this server's id in it; `None` before the first snapshot.
    run: Option<(String, ServerId)>,
    /// Not confirmed by Redis yet, in order.
    unconfirmed: VecDeque<Proposal>,
    /// Confirmed, but not read back yet: should Redis lose them, they are sent again.
    confirmed: VecDeque<Proposal>,
    /// Servers that were silent at the last heartbeat, and when each gave its last sign of life.
    silent: Vec<(u64, u64)>,
    /// The log has an error, and there was no success since.
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
            retry: Retry::new(),
            next_try: now,
            next_heartbeat: now,
            run: None,
            unconfirmed: VecDeque::new(),
            confirmed: VecDeque::new(),
            silent: Vec::new(),
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
                    self.take(to_writer);
                    // What else is there is sent together with it.
                    if self.unconfirmed.len() < AT_ONCE {
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

    /// When there is something to do though nothing comes.
    fn next_due(&self) -> Instant {
        match (&self.connection, &self.run) {
            (None, _) => self.next_try,
            (Some(_), Some(_)) => self.next_heartbeat,
            // The first snapshot will come.
            (Some(_), None) => Instant::now() + HEARTBEAT,
        }
    }

    fn take(&mut self, to_writer: ToWriter) {
        match to_writer {
            ToWriter::Propose(proposal) => self.unconfirmed.push_back(proposal),
            ToWriter::Begin { epoch, server } => self.begin(epoch, server),
            ToWriter::ReadBack(number) => self.read_back(number),
            ToWriter::Snapshot(snapshot) => {
                self.in_run(|store, connection, epoch, _| store.set_snapshot(connection, epoch, &snapshot));
                self.queue.snapshot_done();
            }
            ToWriter::Gone(server) => {
                self.in_run(|store, connection, epoch, _| store.forget_server(connection, epoch, server));
            }
            ToWriter::Finish(_) => unreachable!("invariant: the loop takes it"),
        }
    }

    /// Another run, or another id. Proposals under another id no longer count; before the first snapshot they are under the same.
    fn begin(&mut self, epoch: String, server: ServerId) {
        let before = self.waiting();
        self.unconfirmed.retain(|proposal| proposal.server == server);
        self.confirmed.clear();
        self.queue.done(before - self.waiting());
        self.run = Some((epoch, server));
        self.next_heartbeat = Instant::now();
    }

    /// Bytes that wait.
    fn waiting(&self) -> usize {
        let proposals = self.unconfirmed.iter().chain(&self.confirmed);
        proposals.map(|proposal| proposal.input.len()).sum()
    }

    /// The proposals up to this number were read back.
    fn read_back(&mut self, number: u64) {
        while self.confirmed.front().is_some_and(|first| first.number <= number) {
            let proposal = self.confirmed.pop_front().expect("invariant: there is a first one");
            self.queue.done(proposal.input.len());
        }
    }

    /// Connects, gives the sign of life and sends what waits: each if it is time.
    fn work(&mut self) {
        if self.connection.is_none() && Instant::now() >= self.next_try {
            self.connect();
        }
        if self.run.is_none() {
            return;
        }
        // Before anything is proposed: when this server falls silent, the others have to notice.
        if Instant::now() >= self.next_heartbeat && self.connection.is_some() {
            self.next_heartbeat = Instant::now() + HEARTBEAT;
            self.beat();
        }
        while !self.unconfirmed.is_empty() && self.connection.is_some() {
            self.send();
        }
    }

    fn connect(&mut self) {
        let Ok(connection) = self.store.connect() else {
            self.next_try = Instant::now() + self.retry.next_wait();
            return;
        };
        self.connection = Some(connection);
        self.connected = Instant::now();
        self.next_heartbeat = self.connected;
        // It may be a Redis that has lost the latest entries.
        self.confirmed.append(&mut self.unconfirmed);
        std::mem::swap(&mut self.confirmed, &mut self.unconfirmed);
    }

    /// Does something for the present run, if there are a run and a connection; an error ends the connection. Returns what came
    /// of it.
    fn in_run<T>(
        &mut self,
        work: impl FnOnce(&Store, &mut Connection, &str, ServerId) -> RedisResult<T>,
    ) -> Option<T> {
        let (Some(connection), Some((epoch, server))) = (&mut self.connection, &self.run) else {
            return None;
        };
        match work(&self.store, connection, epoch, *server) {
            Ok(done) => {
                self.retry.reset();
                self.has_warned = false;
                Some(done)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_warned, true) {
                    // Without Redis's own words: they may repeat what was sent to it.
                    warn!("cannot write to Redis: {}; trying again", error.category());
                }
                self.connection = None;
                self.next_try = Instant::now() + self.retry.next_wait();
                None
            }
        }
    }

    /// Puts the next proposals into the stream. With an error they stay unconfirmed.
    fn send(&mut self) {
        let count = self.unconfirmed.len().min(AT_ONCE);
        let proposals = std::mem::take(&mut self.unconfirmed);
        let sent = self.in_run(|store, connection, epoch, _| {
            store.append(connection, epoch, proposals.iter().take(count))
        });
        self.unconfirmed = proposals;
        if sent.is_some() {
            self.confirmed.extend(self.unconfirmed.drain(..count));
        }
    }

    /// Gives this server's sign of life, and reports the servers that give none. After a break of our own they get the time to
    /// do so.
    fn beat(&mut self) {
        let Some(now) = self.in_run(Store::beat) else { return };
        if self.connected.elapsed() < SILENCE + HEARTBEAT {
            return;
        }
        let silent_since = now.saturating_sub(SILENCE.as_millis() as u64);
        let silent =
            self.in_run(|store, connection, epoch, _| store.silent_since(connection, epoch, silent_since));
        let Some(silent) = silent else { return };
        // Twice with the same last sign: after a jump of the clock, or a pause of the machine, the others only need a moment.
        for server in silent.iter().filter(|server| self.silent.contains(server)) {
            // If the broadcaster has ended, so will this thread.
            self.news.send(News::Silent(ServerId(server.0)));
        }
        self.silent = silent;
    }

    /// Sends the last proposals, as far as there is time.
    fn finish(&mut self) {
        let deadline = Instant::now() + LAST_PROPOSALS;
        while !self.unconfirmed.is_empty() && Instant::now() < deadline {
            self.work();
            thread::sleep(Duration::from_millis(5));
        }
    }
}
