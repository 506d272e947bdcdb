//! The thread that reads the stream and hands its entries to the broadcaster, in order.
//!
//! It waits in `XREAD` nearly all of the time. It also checks that the stream is still the one that it has read so far: where
//! Redis has lost entries, servers may have read different ones, and a new run has to begin. Must never skip an entry in silence.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};
use redis::{Connection, RedisError};

use super::entry::{Snapshot, StreamId};
use super::news::{Credits, News, NewsSender};
use super::retry::{self, Retry};
use super::store::{Batch, Store};
use crate::chat::{self, Chat};

/// Entries that are read at once.
const AT_ONCE: usize = 256;

/// How long one read may wait for an entry, and how often to look whether the run is still the same.
const BLOCK: Duration = Duration::from_millis(500);

pub struct Reader {
    store: Store,
    /// This server's own, for a chat that comes from another.
    settings: chat::Settings,
    news: NewsSender,
    /// What is read; `None` before the first snapshot of a run.
    place: Option<Place>,
    /// Redis is lost, and the broadcaster knows it.
    is_lost: bool,
    credits: Credits,
}

/// Which run is read, and the last entry of it that was.
struct Place {
    epoch: String,
    position: StreamId,
}

/// Why reading cannot go on with this connection.
enum Interruption {
    Redis(RedisError),
    BroadcasterEnded,
    /// The stream is not the one that was read so far: there has to be a new snapshot.
    Discontinued,
}

impl From<RedisError> for Interruption {
    fn from(error: RedisError) -> Interruption {
        Interruption::Redis(error)
    }
}

impl Reader {
    pub fn new(store: Store, settings: chat::Settings, news: NewsSender) -> Reader {
        Reader { store, settings, news, place: None, is_lost: false, credits: Credits::new() }
    }

    /// The thread's loop; ends with the broadcaster.
    pub fn run(mut self) {
        let mut retry = Retry::new();
        loop {
            let began = Instant::now();
            let Err(interruption) = self.connect_and_read();
            match interruption {
                Interruption::BroadcasterEnded => return,
                Interruption::Discontinued => self.place = None,
                Interruption::Redis(error) => {
                    if !std::mem::replace(&mut self.is_lost, true) {
                        // Without Redis's own words: they may repeat what was sent to it.
                        warn!("Redis is lost: {}; trying again", error.category());
                        if !self.news.send(News::Lost) {
                            return;
                        }
                    }
                    if began.elapsed() > retry::LONGEST {
                        retry.reset();
                    }
                    thread::sleep(retry.next_wait());
                }
            }
        }
    }

    fn connect_and_read(&mut self) -> Result<Infallible, Interruption> {
        let connection = &mut self.store.connect()?;
        let epoch = self.store.epoch(connection)?;
        match &self.place {
            Some(place) if place.epoch != epoch => return Err(Interruption::Discontinued),
            Some(place) => self.check(connection, place)?,
            None => self.place = Some(self.begin(connection, &epoch)?),
        }
        if std::mem::replace(&mut self.is_lost, false) {
            info!("Redis is back");
            self.send(News::Back)?;
        }
        let mut next_look = Instant::now() + BLOCK;
        loop {
            self.read_next(connection)?;
            if Instant::now() >= next_look {
                next_look = Instant::now() + BLOCK;
                if self.store.epoch(connection)? != epoch {
                    return Err(Interruption::Discontinued);
                }
            }
        }
    }

    /// Goes on from the snapshot that was stored last, or from an empty chat.
    fn begin(&self, connection: &mut Connection, epoch: &str) -> Result<Place, Interruption> {
        let stored = self.store.snapshot(connection, epoch)?;
        let snapshot = match stored {
            Some(Ok(snapshot)) => {
                let has_passed = self.store.has_passed(connection, epoch, snapshot.position)?;
                Some(snapshot).filter(|_| !has_passed)
            }
            // A format that this build cannot read.
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
        let chat = chat.with_settings(self.settings);
        self.send(News::Snapshot(Box::new(Snapshot { position, numbers, chat })))?;
        Ok(Place { epoch: epoch.to_owned(), position })
    }

    /// The chat before the first entry of a run.
    fn empty(&self, epoch: &str) -> Snapshot {
        let chat = Chat::of_epoch(epoch.to_owned(), self.settings);
        Snapshot { position: StreamId::BEGINNING, numbers: BTreeMap::new(), chat }
    }

    /// Whether the stream still has the entry that was read last. If Redis has lost it, other servers may never have read it:
    /// from here on there would be two chats, so all servers begin a new one.
    fn check(&self, connection: &mut Connection, place: &Place) -> Result<(), Interruption> {
        let Place { epoch, position } = place;
        if *position == StreamId::BEGINNING || self.store.has(connection, epoch, *position)? {
            return Ok(());
        }
        // If an earlier entry is there, this one was not dropped for its age.
        if self.store.has_passed(connection, epoch, *position)? {
            return Err(fell_behind());
        }
        warn!("Redis has lost what was said: a new chat begins");
        Err(self.begin_new_run(connection, epoch)?)
    }

    fn begin_new_run(&self, connection: &mut Connection, epoch: &str) -> Result<Interruption, Interruption> {
        self.store.begin_new_run(connection, epoch)?;
        Ok(Interruption::Discontinued)
    }

    /// Waits for the next entries.
    fn read_next(&mut self, connection: &mut Connection) -> Result<(), Interruption> {
        let place = self.place.as_mut().expect("invariant: reading begins at a place");
        let Place { epoch, position } = place;
        let Batch { entries, end, is_full, unknown } =
            self.store.read(connection, epoch, *position, AT_ONCE, BLOCK)?;
        // Then the stream may have dropped some that were not read yet: XREAD just goes on with those that are left.
        if is_full
            && *position != StreamId::BEGINNING
            && self.store.has_passed(connection, epoch, *position)?
        {
            return Err(fell_behind());
        }
        *position = end.unwrap_or(*position);
        if unknown > 0 {
            warn!("entries of the stream that are no inputs of the chat: {unknown}");
        }
        if entries.is_empty() {
            return Ok(());
        }
        let credit = self.credits.take();
        self.send(News::Entries(entries, credit))
    }

    fn send(&self, news: News) -> Result<(), Interruption> {
        if self.news.send(news) { Ok(()) } else { Err(Interruption::BroadcasterEnded) }
    }
}

fn fell_behind() -> Interruption {
    warn!("more has happened meanwhile than Redis stores: this server goes on from a snapshot");
    Interruption::Discontinued
}
