//! The way to the inspector: what happened on a watched connection, and to whom it is to be shown.
//!
//! Used by the broadcaster alone, which must never wait for it: what does not fit is left out and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::event::{Amount, Party};
use super::frames::WrongHeader;
use super::opening::Opening;
use super::tap::Tapped;
use crate::client_id::ClientId;
use crate::close::CloseReason;

/// Bytes that may wait for the inspector when frames are added: more of them are left out.
const FRAMES_WAITING: usize = 4 << 20;

/// Bytes that may wait at all. Beginnings and ends of connections still get through here, so that none is shown as open
/// for ever; only a storm of connections fills this.
const WAITING: usize = 16 << 20;

/// Bytes that a record costs beside the frames in it.
const RECORD_UPKEEP: usize = 256;

/// Who is shown something, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    pub watcher: ClientId,
    /// Watches everyone, so that private text is hidden.
    pub everyone: bool,
}

/// What comes to the inspector.
pub enum Note {
    /// Somebody begins to watch; so many connections are there.
    Watching {
        watcher: Recipient,
        found: usize,
    },
    Record(Record),
}

/// Something that happened on a connection.
pub struct Record {
    pub opening: Arc<Opening>,
    pub recipients: Arc<[Recipient]>,
    pub at: Instant,
    /// Frames that were left out before this.
    pub lost: u64,
    pub what: What,
}

pub enum What {
    Opened {
        name: Option<String>,
        late: bool,
        sent: u64,
    },
    Refused,
    Named(String),
    /// Whole frames, but the last may be shortened, or `cut` off by the end of the connection.
    Frames {
        from: Party,
        frames: Bytes,
        cut: bool,
    },
    Broken {
        header: Bytes,
        wrong: WrongHeader,
    },
    Closing {
        by: Party,
        reason: CloseReason,
    },
    Answered,
    Closed(Box<Closed>),
    /// But something was left out before.
    Nothing,
}

/// How a connection ended.
pub struct Closed {
    pub by: Party,
    pub reason: CloseReason,
    pub answered: bool,
    pub tcp_by: Option<Party>,
    pub tcp: &'static str,
    pub detail: String,
    pub from_client: Amount,
    pub to_client: Amount,
}

impl From<Tapped> for What {
    fn from(tapped: Tapped) -> What {
        match tapped {
            Tapped::Frame { frame, cut } => {
                What::Frames { from: Party::Client, frames: frame, cut }
            }
            Tapped::Broken { header, wrong } => What::Broken { header, wrong },
        }
    }
}

impl Record {
    /// Bytes of memory that it keeps while it waits.
    fn memory(&self) -> usize {
        let more = match &self.what {
            What::Frames { frames, .. } => frames.len(),
            // The last that hold on to the opening.
            What::Opened { .. } | What::Refused | What::Closed(_) => self.opening.memory(),
            _ => 0,
        };
        RECORD_UPKEEP + more
    }

    /// How much may wait before it, so that it is let in.
    fn bound(&self) -> usize {
        match &self.what {
            What::Frames { .. } => FRAMES_WAITING,
            _ => WAITING,
        }
    }
}

/// The inspector's channel.
#[derive(Clone)]
pub struct ToInspector {
    sender: Sender<Note>,
    waiting: Arc<AtomicUsize>,
}

/// The inspector's end of it.
pub struct Notes {
    receiver: Receiver<Note>,
    waiting: Arc<AtomicUsize>,
}

pub fn channel() -> (ToInspector, Notes) {
    let (sender, receiver) = unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    (ToInspector { sender, waiting: Arc::clone(&waiting) }, Notes { receiver, waiting })
}

impl ToInspector {
    pub fn begin(&self, watcher: Recipient, found: usize) {
        let _ = self.sender.send(Note::Watching { watcher, found });
    }

    /// Hands a record on, if there is room for it.
    pub fn tell(&self, record: Record) -> bool {
        let memory = record.memory();
        if self.waiting.load(Ordering::Relaxed) + memory > record.bound() {
            return false;
        }
        self.waiting.fetch_add(memory, Ordering::Relaxed);
        self.sender.send(Note::Record(record)).is_ok()
    }
}

impl Notes {
    /// The next one; `None` when nobody is left who could send any.
    pub fn wait(&self) -> Option<Note> {
        self.receiver.recv().ok().inspect(|note| self.taken(note))
    }

    /// The next one, if it is there.
    pub fn try_next(&self) -> Option<Note> {
        self.receiver.try_recv().ok().inspect(|note| self.taken(note))
    }

    fn taken(&self, note: &Note) {
        if let Note::Record(record) = note {
            self.waiting.fetch_sub(record.memory(), Ordering::Relaxed);
        }
    }
}
