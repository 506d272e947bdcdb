//! The channel to the inspector's thread: what was observed on captured connections.
//!
//! Sent on the broadcaster's thread, and at a connection's opening on its own thread. Must never wait for the inspector: frames
//! that do not fit are left out and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::access::Scope;
use super::captured::Captured;
use super::event::Amount;
use super::frame_tap::Tapped;
use crate::broadcaster::Party;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::tap::Privacy;
use crate::token::Token;
use crate::websocket::frame::{WrongHeader, whole_frames};

/// Bytes that may wait for the inspector when frames or refusals are added. Beyond it they are left out: a client can send
/// either without end.
const MAX_WAITING_FRAMES: usize = 4 << 20;

/// Bytes that may wait in all. The difference is for openings and closings: otherwise a watcher could see a closed connection as
/// open for ever.
const MAX_WAITING: usize = 16 << 20;

/// Memory of a note without its frames, in bytes.
const NOTE_SIZE: usize = 256;

pub enum Note {
    /// A watcher has come.
    Watch { watcher: ClientId, scope: Scope },
    /// Something happened on a connection.
    Observed { captured: Arc<Captured>, at: Instant, observation: Observation },
}

/// What happened on a connection.
pub enum Observation {
    /// It became a WebSocket.
    Opened,
    /// It did not: the response has this status.
    Refused(u16),
    /// It asked for something by plain HTTP, which was answered with this status.
    Exchanged(u16),
    Named(String),
    /// The first message named the key that lets a client watch it.
    Keyed(Token),
    /// Frames. The last may be shortened, or with `cut` be incomplete, since the connection ended.
    Frames {
        from: Party,
        frames: Bytes,
        privacy: Privacy,
        cut: bool,
        /// See `Captured::record`.
        record: Option<Vec<u8>>,
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

impl Observation {
    /// What the tap on the connection's thread found.
    pub fn from_client(tapped: Tapped, privacy: Privacy, record: Option<Vec<u8>>) -> Observation {
        match tapped {
            Tapped::Frame { frame, cut } => {
                Observation::Frames { from: Party::Client, frames: frame, privacy, cut, record }
            }
            Tapped::Broken { header, wrong } => Observation::Broken { header, wrong },
        }
    }
}

impl Note {
    /// Its memory in bytes while it waits.
    fn memory(&self) -> usize {
        let more = match self {
            Note::Observed { observation: Observation::Frames { frames, .. }, .. } => frames.len(),
            // These may be the last references to the heads.
            Note::Observed {
                captured,
                observation:
                    Observation::Opened
                    | Observation::Refused(_)
                    | Observation::Exchanged(_)
                    | Observation::Closed(_),
                ..
            } => captured.memory(),
            _ => 0,
        };
        NOTE_SIZE + more
    }
}

/// The sending end.
#[derive(Clone)]
pub struct ToInspector {
    sender: Sender<Note>,
    waiting: Arc<AtomicUsize>,
}

/// The inspector's end.
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
    /// Sends an observation if there is room. Otherwise its frames count as lost.
    pub fn report(&self, captured: &Arc<Captured>, at: Instant, observation: Observation) {
        let (bound, frames) = match &observation {
            Observation::Frames { frames, .. } => {
                (MAX_WAITING_FRAMES, whole_frames(frames).count().max(1) as u64)
            }
            Observation::Refused(_) | Observation::Exchanged(_) => (MAX_WAITING_FRAMES, 0),
            _ => (MAX_WAITING, 0),
        };
        let note = Note::Observed { captured: Arc::clone(captured), at, observation };
        if self.waiting.load(Ordering::Relaxed) + note.memory() > bound {
            captured.lose(frames);
        } else {
            self.send(note);
        }
    }

    pub fn watch(&self, watcher: ClientId, scope: Scope) {
        self.send(Note::Watch { watcher, scope });
    }

    fn send(&self, note: Note) {
        self.waiting.fetch_add(note.memory(), Ordering::Relaxed);
        // The inspector's thread may have ended during the shutdown.
        let _ = self.sender.send(note);
    }
}

impl Notes {
    /// Waits for the next note; `Ok(None)` if none comes in this time.
    ///
    /// # Errors
    /// When all senders have ended.
    pub fn wait(&self, at_most: Option<Duration>) -> Result<Option<Note>, RecvTimeoutError> {
        let note = match at_most {
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at_most) => self.receiver.recv_timeout(at_most),
        };
        match note {
            Ok(note) => Ok(Some(self.received(note))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(ended) => Err(ended),
        }
    }

    /// The next note, if there is one now.
    pub fn try_next(&self) -> Option<Note> {
        self.receiver.try_recv().ok().map(|note| self.received(note))
    }

    fn received(&self, note: Note) -> Note {
        self.waiting.fetch_sub(note.memory(), Ordering::Relaxed);
        note
    }
}
