//! The thread that reads the stream and sends its entries to the broadcaster, in order.
//!
//! It waits in `XREAD` most of the time. It also checks that Redis has not lost entries that were read before: then servers may have
//! read different ones, and a new run of the chat must begin. Must never skip an entry.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};
use redis::{Connection, RedisError};

use super::backoff::{self, Backoff};
use super::entry::{Snapshot, StreamId};
use super::news::{Credits, News, NewsSender};
use super::store::{Batch, Store};
use crate::chat::{self, Chat};

/// The most entries of one read.
const MAX_BATCH: usize = 256;

/// How long one read may wait for an entry, and how often to check that the run is still the same.
const BLOCK: Duration = Duration::from_millis(500);

pub struct Reader {
    store: Store,
    /// This server's settings, also for a snapshot that another server wrote.
    settings: chat::Settings,
    news: NewsSender,
    /// `None` before the first snapshot of a run.
    position: Option<ReadPosition>,
    /// Redis is lost, and the broadcaster knows it.
    is_lost: bool,
    credits: Credits,
}

/// The run that is read, and its last entry that was read.
struct ReadPosition {
    epoch: String,
    last: StreamId,
}

/// Why reading cannot go on with this connection.
enum Interruption {
    Redis(RedisError),
    BroadcasterEnded,
    /// The stream does not continue what was read so far: start again from a snapshot.
    Discontinued,
}

impl From<RedisError> for Interruption {
    fn from(error: RedisError) -> Interruption {
        Interruption::Redis(error)
    }
}

impl Reader {
    pub fn new(store: Store, settings: chat::Settings, news: NewsSender) -> Reader {
        Reader { store, settings, news, position: None, is_lost: false, credits: Credits::new() }
    }

    /// The thread's loop; ends with the broadcaster.
    pub fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let began = Instant::now();
            let Err(interruption) = self.connect_and_read();
            match interruption {
                Interruption::BroadcasterEnded => return,
                Interruption::Discontinued => self.position = None,
                Interruption::Redis(error) => {
                    if !std::mem::replace(&mut self.is_lost, true) {
                        // Not the error's text: it may quote data that was sent to Redis.
                        warn!("Redis is lost: {}; trying again", error.category());
                        if !self.news.send(News::Lost) {
                            return;
                        }
                    }
                    if began.elapsed() > backoff::LONGEST {
                        backoff.reset();
                    }
                    thread::sleep(backoff.next_wait());
                }
            }
        }
    }

    fn connect_and_read(&mut self) -> Result<Infallible, Interruption> {
        let connection = &mut self.store.connect()?;
        let epoch = self.store.epoch(connection)?;
        match &self.position {
            Some(position) if position.epoch != epoch => return Err(Interruption::Discontinued),
            Some(position) => self.check(connection, position)?,
            None => self.position = Some(self.begin(connection, &epoch)?),
        }
        if std::mem::replace(&mut self.is_lost, false) {
            info!("Redis is back");
            self.send(News::Back)?;
        }
        let mut next_check = Instant::now() + BLOCK;
        loop {
            self.read_next(connection)?;
            if Instant::now() >= next_check {
                next_check = Instant::now() + BLOCK;
                if self.store.epoch(connection)? != epoch {
                    return Err(Interruption::Discontinued);
                }
            }
        }
    }

    /// Starts from the stored snapshot, or from an empty chat.
    fn begin(&self, connection: &mut Connection, epoch: &str) -> Result<ReadPosition, Interruption> {
        let stored = self.store.snapshot(connection, epoch)?;
        let snapshot = match stored {
            Some(Ok(snapshot)) => {
                let has_gap = self.store.is_trimmed_past(connection, epoch, snapshot.position)?;
                Some(snapshot).filter(|_| !has_gap)
            }
            // This build cannot read its format.
            Some(Err(_)) => None,
            None => {
                let is_trimmed = self.store.is_trimmed(connection, epoch)?;
                Some(self.empty(epoch)).filter(|_| !is_trimmed)
            }
        };
        let Some(Snapshot { position, numbers, chat }) = snapshot else {
            warn!("what Redis stores of the chat has a gap: a new chat begins");
            return Err(self.begin_new_run(connection, epoch)?);
        };
        let chat = chat.with_settings(self.settings.clone());
        self.send(News::Snapshot(Box::new(Snapshot { position, numbers, chat })))?;
        Ok(ReadPosition { epoch: epoch.to_owned(), last: position })
    }

    /// The chat before the first entry of a run.
    fn empty(&self, epoch: &str) -> Snapshot {
        let chat = Chat::of_epoch(epoch.to_owned(), self.settings.clone());
        Snapshot { position: StreamId::BEGINNING, numbers: BTreeMap::new(), chat }
    }

    /// Checks that the stream still has the entry that was read last. If Redis has lost it, other servers may not have read it, and
    /// the servers' chats would differ. So all servers begin a new chat.
    fn check(&self, connection: &mut Connection, position: &ReadPosition) -> Result<(), Interruption> {
        let ReadPosition { epoch, last } = position;
        if *last == StreamId::BEGINNING || self.store.has(connection, epoch, *last)? {
            return Ok(());
        }
        // All entries of the stream are later: it was trimmed, not lost.
        if self.store.is_trimmed_past(connection, epoch, *last)? {
            return Err(fell_behind());
        }
        warn!("Redis has lost messages: a new chat begins");
        Err(self.begin_new_run(connection, epoch)?)
    }

    fn begin_new_run(&self, connection: &mut Connection, epoch: &str) -> Result<Interruption, Interruption> {
        self.store.begin_new_run(connection, epoch)?;
        Ok(Interruption::Discontinued)
    }

    /// Waits for the next entries.
    fn read_next(&mut self, connection: &mut Connection) -> Result<(), Interruption> {
        let position = self.position.as_mut().expect("invariant: reading starts at a position");
        let ReadPosition { epoch, last } = position;
        let Batch { entries, end, is_full, unknown } =
            self.store.read(connection, epoch, *last, MAX_BATCH, BLOCK)?;
        // When this server is slow, the stream may have been trimmed past unread entries, and XREAD gives no error for that.
        if is_full && *last != StreamId::BEGINNING && self.store.is_trimmed_past(connection, epoch, *last)? {
            return Err(fell_behind());
        }
        *last = end.unwrap_or(*last);
        if unknown > 0 {
            warn!("entries of the stream that are not inputs of the chat: {unknown}");
        }
        if entries.is_empty() {
            return Ok(());
        }
        let credit = self.credits.acquire();
        self.send(News::Entries(entries, credit))
    }

    fn send(&self, news: News) -> Result<(), Interruption> {
        if self.news.send(news) { Ok(()) } else { Err(Interruption::BroadcasterEnded) }
    }
}

fn fell_behind() -> Interruption {
    warn!("this server read too slowly and missed entries of the stream: it continues from a snapshot");
    Interruption::Discontinued
}
