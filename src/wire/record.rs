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

/// Bytes of frames that may wait for the inspector. Beginnings and ends of connections always get through, so that
/// none is shown as open for ever; of them there are no more than connections.
const WAITING: usize = 4 << 20;

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

impl What {
    /// Bytes that may be left out; `None` for what must get through.
    fn optional(&self) -> Option<usize> {
        match self {
            What::Frames { frames, .. } => Some(frames.len() + RECORD_UPKEEP),
            _ => None,
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
        if let Some(bytes) = record.what.optional() {
            if self.waiting.load(Ordering::Relaxed) + bytes > WAITING {
                return false;
            }
            self.waiting.fetch_add(bytes, Ordering::Relaxed);
        }
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
        if let Note::Record(Record { what, .. }) = note
            && let Some(bytes) = what.optional()
        {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}
