//! One chat on many servers (`--redis`): what happens gets its one order from outside, and comes back from there.
//!
//! ```text
//! broadcaster ── proposals ──► writer ── XADD ──► Redis Stream ── XREAD ──► reader ── in order ──► broadcaster
//!   (of each server)                              (one, for all)                       (of each server)
//! ```
//!
//! The chat is a machine that makes the same of the same inputs, so every server runs all of it and only speaks to its own
//! clients. In one process the channel is the order; here it is the stream. `order` is the broadcaster's book of it;
//! `writer` and `reader` are the two threads that speak with Redis. The broadcaster never waits for either.

mod order;
#[cfg(feature = "redis")]
mod reader;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod writer;

#[cfg(feature = "redis")]
pub use self::redis::Redis;
pub use order::{Order, QueueFull};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use serde::{Deserialize, Serialize};

use crate::chat::{Chat, Input, ServerId, Time};

/// An input as it stands in the stream.
#[derive(Debug)]
pub struct Ordered {
    /// Its place in the stream, as Redis calls it.
    pub position: String,
    pub time: Time,
    /// Who proposed it, and which of its proposals it was: each counts once, however often it was sent.
    pub server: ServerId,
    pub number: u64,
    pub input: Input,
}

/// The chat at some place of the stream, and how far each server's proposals had come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub position: String,
    pub numbers: BTreeMap<ServerId, u64>,
    pub chat: Chat,
}

/// What the threads that speak with Redis tell the broadcaster.
pub enum News {
    /// Redis cannot be reached; and then it can again.
    Lost,
    Back,
    /// The chat to go on with: at the start, and when it had to begin anew.
    Begin(Box<Snapshot>),
    /// What happened next. The credit goes back when it has been taken.
    Next(Vec<Ordered>, Credit),
    /// A server has not been heard of for a while.
    Silent(ServerId),
}

/// Lets the reader be a little ahead of the broadcaster, and no more: so much is in memory at most.
pub struct Credit(Receiver<()>);

impl Drop for Credit {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

/// What the broadcaster tells the writer.
pub enum ToWriter {
    Propose {
        server: ServerId,
        number: u64,
        /// The input as JSON.
        input: String,
    },
    /// This is the chat now, and the server's name in it: what was proposed under another is void.
    Begin { epoch: String, server: ServerId },
    /// The proposals up to this one have come back.
    Taken(u64),
    /// For servers that come later.
    Keep(Box<Snapshot>),
    /// A server is no more: nobody needs to look for it.
    Gone(ServerId),
    /// Answered when all before is with Redis.
    Bye(Sender<()>),
}

/// The way to the writer, with a count of the bytes that wait.
#[derive(Clone)]
pub struct Proposals {
    sender: Sender<ToWriter>,
    waiting: Arc<AtomicUsize>,
    /// A chat is on its way to be kept: one at a time.
    is_keeping: Arc<AtomicBool>,
}

/// The writer's end of it.
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
pub struct Proposed {
    receiver: Receiver<ToWriter>,
    waiting: Arc<AtomicUsize>,
    is_keeping: Arc<AtomicBool>,
}

pub fn channel() -> (Proposals, Proposed) {
    let (sender, receiver) = unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    let is_keeping = Arc::new(AtomicBool::new(false));
    let proposals =
        Proposals { sender, waiting: Arc::clone(&waiting), is_keeping: Arc::clone(&is_keeping) };
    (proposals, Proposed { receiver, waiting, is_keeping })
}

impl Proposals {
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, to_writer: ToWriter) {
        if let ToWriter::Propose { input, .. } = &to_writer {
            self.waiting.fetch_add(input.len(), Ordering::Relaxed);
        }
        // Where the writer has ended, so has the program.
        let _ = self.sender.send(to_writer);
    }
}

/// Where Redis is and what is kept there.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "redis"), allow(dead_code))]
pub struct Place {
    /// `redis://…`; may hold a password, so it is never logged.
    pub url: String,
    /// What all keys begin with.
    pub prefix: String,
    /// Events that the stream keeps, at least.
    pub kept: usize,
}

/// Starts the two threads. `tell` brings news to the broadcaster, and says whether it is still there.
///
/// # Errors
/// If the address is none, or there is no thread.
#[cfg(feature = "redis")]
pub fn start(
    place: Place,
    proposed: Proposed,
    shown: (usize, usize),
    tell: impl Fn(News) -> bool + Clone + Send + 'static,
) -> std::io::Result<()> {
    use std::thread;

    let redis = redis::Redis::new(place)?;
    let (for_writer, told) = (redis.clone(), tell.clone());
    let writer = thread::Builder::new().name("redis writer".to_owned());
    writer.spawn(move || writer::Writer::new(for_writer, proposed, told).run())?;
    let reader = thread::Builder::new().name("redis reader".to_owned());
    reader.spawn(move || reader::Reader::new(redis, shown, tell).run())?;
    Ok(())
}
