//! From the broadcaster to the writer: what is to be written to Redis.
//!
//! Sent on the broadcaster's thread, which never waits here: the channel is not bounded. `replica` looks at the count of the
//! bytes that wait instead, and refuses what would be too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::entry::Snapshot;
use crate::chat::ServerId;

pub enum ToWriter {
    Propose(Proposal),
    /// This is the chat now, and this server's id in it. What was proposed under another id no longer counts.
    Begin {
        epoch: String,
        server: ServerId,
    },
    /// The proposals up to this number were read back.
    ReadBack(u64),
    Snapshot(Box<Snapshot>),
    /// A server is gone: its sign of life is no longer expected.
    Gone(ServerId),
    /// The last one. The sender is dropped when all that came before is in Redis.
    Finish(Sender<()>),
}

/// An input that asks for its place in the stream.
pub struct Proposal {
    pub server: ServerId,
    /// Rises by one with each proposal of a server.
    pub number: u64,
    /// As JSON.
    pub input: String,
}

/// The broadcaster's end.
pub struct Proposals {
    to_writer: Sender<ToWriter>,
    waiting: Arc<AtomicUsize>,
    is_writing_snapshot: Arc<AtomicBool>,
}

/// The writer's end.
pub struct ProposalQueue {
    pub receiver: Receiver<ToWriter>,
    waiting: Arc<AtomicUsize>,
    is_writing_snapshot: Arc<AtomicBool>,
}

pub fn channel() -> (Proposals, ProposalQueue) {
    let (to_writer, receiver) = unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    let is_writing_snapshot = Arc::new(AtomicBool::new(false));
    let proposals = Proposals {
        to_writer,
        waiting: Arc::clone(&waiting),
        is_writing_snapshot: Arc::clone(&is_writing_snapshot),
    };
    (proposals, ProposalQueue { receiver, waiting, is_writing_snapshot })
}

impl Proposals {
    /// Bytes of proposals that were not read back yet.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub fn send(&self, to_writer: ToWriter) {
        if let ToWriter::Propose(proposal) = &to_writer {
            self.waiting.fetch_add(proposal.input.len(), Ordering::Relaxed);
        }
        // The writer ends only with the program.
        let _ = self.to_writer.send(to_writer);
    }

    /// Sends a snapshot, unless another is still on its way: each is a copy of the whole chat. Returns whether it was sent.
    pub fn send_snapshot(&self, make: impl FnOnce() -> Snapshot) -> bool {
        let is_free = !self.is_writing_snapshot.swap(true, Ordering::Relaxed);
        if is_free {
            self.send(ToWriter::Snapshot(Box::new(make())));
        }
        is_free
    }
}

impl ProposalQueue {
    /// These bytes no longer wait.
    pub fn done(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn snapshot_done(&self) {
        self.is_writing_snapshot.store(false, Ordering::Relaxed);
    }
}
