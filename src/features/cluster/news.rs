//! Messages from the reader and the writer to the broadcaster: what came from Redis.
//!
//! Sent on their two threads, received by `order` on the broadcaster's. The news have their own channel. For each one, an
//! [`Incoming::News`] goes through the broadcaster's channel: it wakes the broadcaster, keeps the order of its events, and gives
//! backpressure, since that channel is bounded.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::entry::{Entry, Snapshot};
use crate::broadcaster::Incoming;
use crate::chat::ServerId;

/// Batches of entries that may wait for the broadcaster.
const MAX_WAITING_BATCHES: usize = 2;

pub enum News {
    /// Redis cannot be reached.
    Lost,
    /// Redis can be reached again.
    Back,
    /// Continue with this chat: at the start, and after a new run has begun.
    Snapshot(Box<Snapshot>),
    /// The next entries. The credit is dropped when they were applied.
    Entries(Vec<Entry>, Credit),
    /// This server sent no heartbeat for a while.
    Silent(ServerId),
}

/// The sending end; each thread has its own.
#[derive(Clone)]
pub struct NewsSender {
    news: Sender<News>,
    to_broadcaster: Sender<Incoming>,
}

pub fn channel(to_broadcaster: Sender<Incoming>) -> (NewsSender, Receiver<News>) {
    let (news, receiver) = unbounded();
    (NewsSender { news, to_broadcaster }, receiver)
}

impl NewsSender {
    /// Returns whether the broadcaster still runs. Waits while its channel is full.
    pub fn send(&self, news: News) -> bool {
        // In this order, so that the broadcaster finds the news when it gets `Incoming::News`.
        self.news.send(news).is_ok() && self.to_broadcaster.send(Incoming::News).is_ok()
    }
}

/// A semaphore that bounds how many batches the reader may send before the broadcaster has applied them. This bounds the memory.
pub struct Credits {
    acquire: Sender<()>,
    release: Receiver<()>,
}

impl Credits {
    pub fn new() -> Credits {
        let (acquire, release) = bounded(MAX_WAITING_BATCHES);
        Credits { acquire, release }
    }

    /// Waits until the broadcaster has applied earlier batches.
    pub fn acquire(&self) -> Credit {
        self.acquire.send(()).expect("invariant: the receiver is in the same struct");
        Credit(self.release.clone())
    }
}

/// Dropping it releases it.
pub struct Credit(Receiver<()>);

impl Drop for Credit {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}
