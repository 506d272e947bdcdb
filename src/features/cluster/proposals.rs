//! Messages from the broadcaster to the writer: what the writer must write to Redis.
//!
//! Sent on the broadcaster's thread, which must never wait: so the channel is unbounded. Instead, `replica` refuses an input when
//! too many bytes wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::entry::Snapshot;
use crate::chat::ServerId;

pub enum ToWriter {
    Propose(Proposal),
    /// The chat's run and this server's id in it. Proposals under another id are dropped.
    Begin {
        epoch: String,
        server: ServerId,
    },
    /// The proposals up to this number were read back.
    ReadBack(u64),
    /// A snapshot; if set, the stream is trimmed up to it, as soon as all servers have read so far.
    Snapshot(Box<Snapshot>, bool),
    /// A server is gone: no heartbeat is expected from it.
    Gone(ServerId),
    /// The last message. The writer drops the sender when all earlier proposals are in Redis.
    Finish(Sender<()>),
}

/// An input that must be put into the stream.
pub struct Proposal {
    pub server: ServerId,
    /// Each proposal of a server has the next number.
    pub number: u64,
    /// As JSON.
    pub input: String,
}

/// The broadcaster's end.
pub struct Proposals {
    to_writer: Sender<ToWriter>,
    waiting_bytes: Arc<AtomicUsize>,
    is_writing_snapshot: Arc<AtomicBool>,
}

/// The writer's end.
pub struct ProposalQueue {
    pub receiver: Receiver<ToWriter>,
    waiting_bytes: Arc<AtomicUsize>,
    is_writing_snapshot: Arc<AtomicBool>,
}

pub fn channel() -> (Proposals, ProposalQueue) {
    let (to_writer, receiver) = unbounded();
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let is_writing_snapshot = Arc::new(AtomicBool::new(false));
    let proposals = Proposals {
        to_writer,
        waiting_bytes: Arc::clone(&waiting_bytes),
        is_writing_snapshot: Arc::clone(&is_writing_snapshot),
    };
    (proposals, ProposalQueue { receiver, waiting_bytes, is_writing_snapshot })
}

impl Proposals {
    /// Bytes of the proposals that were not read back yet.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    pub fn send(&self, to_writer: ToWriter) {
        if let ToWriter::Propose(proposal) = &to_writer {
            self.waiting_bytes.fetch_add(proposal.input.len(), Ordering::Relaxed);
        }
        // The writer's thread ends only with the program.
        let _ = self.to_writer.send(to_writer);
    }

    /// Sends a snapshot, unless the last one is still being written: each is a copy of the whole chat. Returns whether it was sent.
    pub fn send_snapshot(&self, make: impl FnOnce() -> Snapshot, trims: bool) -> bool {
        let is_free = !self.is_writing_snapshot.swap(true, Ordering::Relaxed);
        if is_free {
            self.send(ToWriter::Snapshot(Box::new(make()), trims));
        }
        is_free
    }
}

impl ProposalQueue {
    /// These bytes no longer wait.
    pub fn release_bytes(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn snapshot_written(&self) {
        self.is_writing_snapshot.store(false, Ordering::Relaxed);
    }
}
