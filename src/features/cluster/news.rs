//! From the reader and the writer to the broadcaster: what came from Redis.
//!
//! Sent by the two threads that talk to Redis, taken by `order` on the broadcaster's thread. The news go through a channel of
//! the cluster's own. For each of them one [`Incoming::News`] goes through the broadcaster's channel: that wakes it, gives the
//! news their place among its other events, and makes the two threads wait when there are too many.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::entry::{Entry, Snapshot};
use crate::broadcaster::Incoming;
use crate::chat::ServerId;

/// Batches of entries that may wait for the broadcaster.
const AHEAD: usize = 2;

pub enum News {
    /// Redis cannot be reached.
    Lost,
    /// It can again.
    Back,
    /// The chat to go on with: at the start, and when another had to be begun.
    Snapshot(Box<Snapshot>),
    /// What happened next. The credit goes back when it was applied.
    Entries(Vec<Entry>, Credit),
    /// There was no sign of life from this server for a while.
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
    /// Returns whether the broadcaster is still there. Waits while its channel is full.
    pub fn send(&self, news: News) -> bool {
        // In this order: with each `Incoming::News` the broadcaster finds one of the news.
        self.news.send(news).is_ok() && self.to_broadcaster.send(Incoming::News).is_ok()
    }
}

/// Lets the reader be a little ahead of the broadcaster, and no more: this bounds the memory for it.
pub struct Credits {
    given: Sender<()>,
    taken_back: Receiver<()>,
}

impl Credits {
    pub fn new() -> Credits {
        let (given, taken_back) = bounded(AHEAD);
        Credits { given, taken_back }
    }

    /// Waits while the broadcaster is busy with what came before.
    pub fn take(&self) -> Credit {
        self.given.send(()).expect("invariant: the receiver is in the same struct");
        Credit(self.taken_back.clone())
    }
}

/// Goes back when it is dropped.
pub struct Credit(Receiver<()>);

impl Drop for Credit {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}
