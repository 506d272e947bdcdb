//! The thread that puts proposals into the stream, says that this server is alive, and looks who is not.
//!
//! Fed by the broadcaster, in order. What Redis has not confirmed is sent again, in the same order: whoever reads the stream
//! takes each proposal once.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use log::warn;
use redis::{Connection, RedisResult, cmd, pipe};

use super::redis::{LONGEST_RETRY, Redis, SHORTEST_RETRY, told};
use super::{News, Proposed, Snapshot, ToWriter};
use crate::chat::ServerId;

/// How often a server says that it is alive, and after which silence it is given up.
const HEARTBEAT: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(5);

/// Proposals that are sent at once.
const AT_ONCE: usize = 256;

/// How long the last proposals may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Keeps the chat, unless a later one is kept already.
const KEEP_NEWER: &str = "
local kept = redis.call('hget', KEYS[1], 'at')
if not kept or tonumber(kept) <= tonumber(ARGV[1]) then
    redis.call('hset', KEYS[1], 'at', ARGV[1], 'chat', ARGV[2])
end
return 0";

pub struct Writer<Tell> {
    redis: Redis,
    proposed: Proposed,
    tell: Tell,
    connection: Option<Connection>,
    /// Since when it has been there without a break.
    connected: Instant,
    retry: Duration,
    next_try: Instant,
    next_heartbeat: Instant,
    epoch: Option<String>,
    me: ServerId,
    /// Not confirmed yet, in order.
    unconfirmed: VecDeque<(ServerId, u64, String)>,
    /// Confirmed by Redis, but not read back: should it lose them, they are sent again.
    unread: VecDeque<(ServerId, u64, String)>,
    /// Servers that were silent at the last heartbeat, and when each was heard of last.
    silent: Vec<(u64, u64)>,
    /// An error has been told, and no success since.
    in_trouble: bool,
}

impl<Tell: Fn(News) -> bool> Writer<Tell> {
    pub fn new(redis: Redis, proposed: Proposed, tell: Tell) -> Self {
        let now = Instant::now();
        Writer {
            redis,
            proposed,
            tell,
            connection: None,
            connected: now,
            retry: SHORTEST_RETRY,
            next_try: now,
            next_heartbeat: now,
            epoch: None,
            me: ServerId::default(),
            unconfirmed: VecDeque::new(),
            unread: VecDeque::new(),
            silent: Vec::new(),
            in_trouble: false,
        }
    }

    /// The thread's loop; ends with the broadcaster.
    pub fn run(mut self) {
        let mut patience = Duration::ZERO;
        loop {
            match self.proposed.receiver.recv_timeout(patience) {
                Ok(ToWriter::Bye(done)) => {
                    self.say_goodbye();
                    return drop(done);
                }
                Ok(told) => {
                    self.take(told);
                    // What else is there is sent together with it.
                    if self.unconfirmed.len() < AT_ONCE {
                        patience = Duration::ZERO;
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.work();
            patience = self.patience();
        }
    }

    /// Bytes that wait.
    fn waiting(&self) -> usize {
        self.unconfirmed.iter().chain(&self.unread).map(|(_, _, input)| input.len()).sum()
    }

    /// How long there is nothing to do of itself.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let due = match self.connection {
            None => self.next_try,
            Some(_) => self.next_heartbeat,
        };
        due.saturating_duration_since(now).min(HEARTBEAT)
    }

    fn take(&mut self, told: ToWriter) {
        match told {
            ToWriter::Propose { server, number, input } => {
                self.unconfirmed.push_back((server, number, input));
            }
            ToWriter::Begin { epoch, server } => {
                // What comes back of these is nobody's any more; but at the first beginning they are this server's own.
                let before = self.waiting();
                self.unconfirmed.retain(|(other, _, _)| *other == server);
                self.unread.clear();
                self.proposed.waiting.fetch_sub(before - self.waiting(), Ordering::Relaxed);
                self.epoch = Some(epoch);
                self.me = server;
                self.next_heartbeat = Instant::now();
            }
            ToWriter::Taken(number) => self.taken(number),
            ToWriter::Keep(snapshot) => {
                self.with_connection(|writer, connection| writer.keep(connection, &snapshot));
                self.proposed.is_keeping.store(false, Ordering::Relaxed);
            }
            ToWriter::Gone(server) => self.with_connection(|writer, connection| {
                let Some(epoch) = &writer.epoch else { return Ok(()) };
                cmd("ZREM").arg(writer.redis.servers(epoch)).arg(server.0).exec(connection)
            }),
            ToWriter::Bye(_) => {}
        }
    }

    /// Sends the heartbeat if it is time, and what waits.
    fn work(&mut self) {
        let now = Instant::now();
        if self.connection.is_none() && now >= self.next_try {
            match self.redis.connect() {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.connected = Instant::now();
                    self.next_heartbeat = now;
                    // It may be a Redis that has lost the latest.
                    let unread = std::mem::take(&mut self.unread);
                    self.unconfirmed =
                        unread.into_iter().chain(self.unconfirmed.drain(..)).collect();
                }
                Err(_) => {
                    self.next_try = Instant::now() + self.retry;
                    self.retry = (self.retry * 2).min(LONGEST_RETRY);
                }
            }
        }
        if self.epoch.is_none() {
            return;
        }
        // First: whoever proposes anything must be somebody whose silence is noticed.
        if Instant::now() >= self.next_heartbeat && self.connection.is_some() {
            self.next_heartbeat = Instant::now() + HEARTBEAT;
            self.with_connection(Writer::beat);
        }
        while !self.unconfirmed.is_empty() && self.connection.is_some() {
            self.with_connection(Writer::send);
        }
    }

    /// Does something with the connection, if there is one; an error ends it.
    fn with_connection(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Connection) -> RedisResult<()>,
    ) {
        let Some(mut connection) = self.connection.take() else { return };
        match work(self, &mut connection) {
            Ok(()) => {
                self.connection = Some(connection);
                self.retry = SHORTEST_RETRY;
                self.in_trouble = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    warn!("cannot write to Redis: {}; trying again", told(&error));
                }
                self.next_try = Instant::now() + self.retry;
                self.retry = (self.retry * 2).min(LONGEST_RETRY);
            }
        }
    }

    /// Puts the next proposals into the stream. A broken connection leaves them unconfirmed.
    fn send(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let Some(epoch) = &self.epoch else { return Ok(()) };
        let stream = self.redis.stream(epoch);
        let mut commands = pipe();
        // All at once: else Redis wakes every reader for the first of them, and again for the rest.
        commands.atomic();
        let count = self.unconfirmed.len().min(AT_ONCE);
        for (server, number, input) in self.unconfirmed.iter().take(count) {
            let add = commands.cmd("XADD").arg(&stream).arg("MAXLEN").arg("~").arg(self.redis.kept);
            add.arg("*").arg("s").arg(server.0).arg("n").arg(number).arg("i").arg(input).ignore();
        }
        commands.exec(connection)?;
        self.unread.extend(self.unconfirmed.drain(..count));
        Ok(())
    }

    /// The proposals up to this one have come back.
    fn taken(&mut self, number: u64) {
        while self.unread.front().is_some_and(|(_, other, _)| *other <= number) {
            let Some((_, _, input)) = self.unread.pop_front() else { return };
            self.proposed.waiting.fetch_sub(input.len(), Ordering::Relaxed);
        }
    }

    /// Says that this server is alive, and tells of those that are not. After a break of our own they get the time to say so.
    fn beat(&mut self, connection: &mut Connection) -> RedisResult<()> {
        let Some(epoch) = &self.epoch else { return Ok(()) };
        let servers = self.redis.servers(epoch);
        let (seconds, microseconds): (u64, u64) = cmd("TIME").query(connection)?;
        let now = seconds * 1000 + microseconds / 1000;
        cmd("ZADD").arg(&servers).arg(now).arg(self.me.0).exec(connection)?;
        if self.connected.elapsed() < SILENCE + HEARTBEAT {
            return Ok(());
        }
        let silent_since = now.saturating_sub(SILENCE.as_millis() as u64);
        let silent: Vec<(u64, u64)> = cmd("ZRANGEBYSCORE")
            .arg(&servers)
            .arg(0)
            .arg(silent_since)
            .arg("WITHSCORES")
            .query(connection)?;
        // Twice in a row: after a jump of the clock, or a pause of the machine, the others only need a moment.
        for server in silent.iter().filter(|server| self.silent.contains(server)) {
            (self.tell)(News::Silent(ServerId(server.0)));
        }
        self.silent = silent;
        Ok(())
    }

    fn keep(&self, connection: &mut Connection, snapshot: &Snapshot) -> RedisResult<()> {
        let Some(epoch) = &self.epoch else { return Ok(()) };
        // Plain data has a JSON.
        let Ok(json) = serde_json::to_string(snapshot) else { return Ok(()) };
        let Some((milliseconds, _)) = snapshot.position.split_once('-') else { return Ok(()) };
        cmd("EVAL")
            .arg(KEEP_NEWER)
            .arg(1)
            .arg(self.redis.snapshot_key(epoch))
            .arg(milliseconds)
            .arg(json)
            .exec(connection)
    }

    /// The last proposals, as far as there is time.
    fn say_goodbye(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        while !self.unconfirmed.is_empty() && Instant::now() < deadline {
            self.work();
            thread::sleep(Duration::from_millis(5));
        }
    }
}
