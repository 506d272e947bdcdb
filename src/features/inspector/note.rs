//! The way to the inspector's thread: what happened on a captured connection.
//!
//! Sent by the broadcaster, which never waits for the inspector: what does not fit is left out and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::access::Watch;
use super::captured::Captured;
use super::event::Amount;
use super::frame_tap::Tapped;
use crate::broadcaster::Party;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::tap::Privacy;
use crate::websocket::frame::{WrongHeader, whole_frames};

/// Bytes that may wait for the inspector when frames or refusals are added: more of them are left out. Anyone can send either
/// without end.
const FRAMES_WAITING: usize = 4 << 20;

/// Bytes that may wait at all. Beginnings and ends of connections still get through here, so that none is shown as open for
/// ever; only a storm of connections fills this.
const WAITING: usize = 16 << 20;

/// Bytes that a note costs beside the frames in it.
const NOTE_UPKEEP: usize = 256;

pub enum Note {
    /// A feed begins to watch.
    Watch { watcher: ClientId, watch: Watch },
    /// Something happened on a connection.
    Happened { captured: Arc<Captured>, at: Instant, what: What },
}

pub enum What {
    /// It became a WebSocket.
    Opened,
    /// It did not: the answer's status.
    Refused(u16),
    Named(String),
    /// Whole frames, but the last may be shortened, or `cut` off by the end of the connection.
    Frames {
        from: Party,
        frames: Bytes,
        privacy: Privacy,
        cut: bool,
    },
    /// Bytes that no frame may begin with.
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

impl What {
    /// What a tap found on the connection's thread.
    pub fn from_client(tapped: Tapped, privacy: Privacy) -> What {
        match tapped {
            Tapped::Frame { frame, cut } => What::Frames { from: Party::Client, frames: frame, privacy, cut },
            Tapped::Broken { header, wrong } => What::Broken { header, wrong },
        }
    }
}

impl Note {
    /// Bytes of memory that it keeps while it waits.
    fn memory(&self) -> usize {
        let more = match self {
            Note::Happened { what: What::Frames { frames, .. }, .. } => frames.len(),
            // The last that keep the heads in memory.
            Note::Happened { captured, what: What::Opened | What::Refused(_) | What::Closed(_), .. } => {
                captured.memory()
            }
            _ => 0,
        };
        NOTE_UPKEEP + more
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
    /// Hands a note on, if there is room for it; else its frames are counted as lost.
    pub fn tell(&self, captured: &Arc<Captured>, at: Instant, what: What) {
        let (bound, frames) = match &what {
            What::Frames { frames, .. } => (FRAMES_WAITING, whole_frames(frames).count().max(1) as u64),
            What::Refused(_) => (FRAMES_WAITING, 0),
            _ => (WAITING, 0),
        };
        let note = Note::Happened { captured: Arc::clone(captured), at, what };
        if self.waiting.load(Ordering::Relaxed) + note.memory() > bound {
            captured.lose(frames);
        } else {
            self.send(note);
        }
    }

    pub fn watch(&self, watcher: ClientId, watch: Watch) {
        self.send(Note::Watch { watcher, watch });
    }

    fn send(&self, note: Note) {
        self.waiting.fetch_add(note.memory(), Ordering::Relaxed);
        // An inspector that has ended shows nothing any more.
        let _ = self.sender.send(note);
    }
}

impl Notes {
    /// The next one; `Ok(None)` if none comes in this time.
    ///
    /// # Errors
    /// When no one is left who could send any.
    pub fn wait(&self, at_most: Option<Duration>) -> Result<Option<Note>, RecvTimeoutError> {
        let note = match at_most {
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at_most) => self.receiver.recv_timeout(at_most),
        };
        match note {
            Ok(note) => Ok(Some(self.taken(note))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(ended) => Err(ended),
        }
    }

    /// The next one, if it is there.
    pub fn try_next(&self) -> Option<Note> {
        self.receiver.try_recv().ok().map(|note| self.taken(note))
    }

    fn taken(&self, note: Note) -> Note {
        self.waiting.fetch_sub(note.memory(), Ordering::Relaxed);
        note
    }
}
