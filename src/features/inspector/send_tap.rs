//! The tap on the broadcaster's thread: which frames the kernel accepted whole, the member's name, and the close.
//!
//! A frame is seen when its last byte is with the kernel. What is seen begins with the first piece of the send queue whose
//! sending begins while the connection is watched.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::captured::Captured;
use super::drawing;
use super::event::Amount;
use super::note::{Closed, ToInspector, What};
use crate::broadcaster::{Cause, Closing, Party, TcpEnd};
use crate::close_code::{self, CloseReason};
use crate::tap::{Frames, Privacy, SendTap};
use crate::websocket::frame::whole_frames;

pub struct InspectorSendTap {
    captured: Arc<Captured>,
    to_inspector: ToInspector,
    /// The log is at `debug`.
    is_logged: bool,
    sent: u64,
    /// As it was when bytes were sent last.
    watched: Option<u32>,
    /// The present piece of the send queue is followed; `None`: its beginning was not seen.
    followed: Option<Followed>,
}

/// How far a piece was seen.
#[derive(Default)]
struct Followed {
    /// Bytes of it, up to the end of a frame.
    seen: usize,
    /// The beginning of a frame whose rest this piece is.
    begun: Bytes,
}

impl InspectorSendTap {
    pub fn new(captured: Arc<Captured>, to_inspector: ToInspector) -> InspectorSendTap {
        let is_logged = captured.is_logged();
        InspectorSendTap { captured, to_inspector, is_logged, sent: 0, watched: None, followed: None }
    }

    fn tell(&self, what: What) {
        self.to_inspector.tell(&self.captured, Instant::now(), what);
    }

    fn tell_if_watched(&self, what: impl FnOnce() -> What) {
        if self.captured.watched().is_some() {
            self.tell(what());
        }
    }

    fn tell_frames(&self, frames: Bytes, privacy: Privacy, cut: bool) {
        if self.is_logged {
            drawing::log_frames(self.captured.client(), Party::Server, &frames, cut);
        }
        self.tell_if_watched(|| What::Frames { from: Party::Server, frames, privacy, cut });
    }
}

impl Followed {
    /// What was sent of the frame that is partly sent.
    fn started(&self, frames: &Frames, sent: usize) -> Bytes {
        joined(&self.begun, frames.bytes.slice(self.seen.min(sent)..sent))
    }
}

impl SendTap for InspectorSendTap {
    fn sent(&mut self, frames: &Frames, from: usize, to: usize) {
        self.sent += (to - from) as u64;
        self.captured.set_sent(self.sent);
        let before = std::mem::replace(&mut self.watched, self.captured.watched());
        if before != self.watched && !self.is_logged {
            self.followed = None;
        }
        if self.watched.is_none() && !self.is_logged {
            return;
        }
        if from == 0 && !frames.is_rest {
            self.followed = Some(Followed::default());
        }
        let Some(followed) = &mut self.followed else { return };
        let is_whole = to == frames.bytes.len();
        let whole = match (is_whole, frames.is_rest) {
            (true, _) => to,
            (false, true) => 0,
            (false, false) => last_frame_end(&frames.bytes, to),
        };
        if whole > followed.seen {
            let seen = frames.bytes.slice(followed.seen..whole);
            let seen = joined(&std::mem::take(&mut followed.begun), seen);
            followed.seen = if is_whole { 0 } else { whole };
            self.tell_frames(seen, frames.privacy, false);
        }
    }

    fn dropped(&mut self, frames: &Frames, sent: usize, end: usize) {
        if let Some(followed) = &mut self.followed {
            let begun = if sent < end { followed.started(frames, sent) } else { Bytes::new() };
            *followed = Followed { seen: 0, begun };
        }
    }

    fn cut_off(&mut self, frames: &Frames, sent: usize) {
        let started = self.followed.take().map(|followed| followed.started(frames, sent));
        if let Some(started) = started.filter(|started| !started.is_empty()) {
            self.tell_frames(started, frames.privacy, true);
        }
    }

    fn named(&mut self, name: &str) {
        self.tell(What::Named(name.to_owned()));
    }

    fn closing(&mut self, cause: &Cause) {
        let (by, reason) = (cause.by(), cause.reason());
        self.tell(What::Closing { by, reason });
    }

    fn answered(&mut self) {
        self.tell_if_watched(|| What::Answered);
    }

    fn closed(&mut self, closing: &Closing, sent_messages: u64, sent_bytes: u64) {
        let received = closing.received();
        let unknown = TcpEnd::Unknown;
        let tcp = closing.tcp_end().unwrap_or(&unknown);
        let without_cause = || CloseReason::new(close_code::ABNORMAL, "");
        self.tell(What::Closed(Box::new(Closed {
            by: closing.by().unwrap_or(Party::Neither),
            reason: closing.cause().map_or_else(without_cause, Cause::reason),
            answered: closing.is_answered(),
            tcp_by: closing.tcp_ended_by(),
            tcp: match tcp {
                TcpEnd::Fin => "fin",
                TcpEnd::Forced => "abandoned",
                TcpEnd::Reset => "reset",
                TcpEnd::Failed(_) => "failed",
                TcpEnd::Unknown => "unknown",
            },
            detail: tcp.to_string(),
            from_client: Amount { messages: received.messages, bytes: received.bytes },
            to_client: Amount { messages: sent_messages, bytes: sent_bytes },
        })));
    }
}

fn joined(begun: &Bytes, rest: Bytes) -> Bytes {
    if begun.is_empty() { rest } else { [&begun[..], &rest[..]].concat().into() }
}

/// The end of the last frame of `bytes` that ends at byte `position` or before.
fn last_frame_end(bytes: &[u8], position: usize) -> usize {
    let lengths = whole_frames(bytes).map(|(_, frame)| frame.len());
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    ends.take_while(|end| *end <= position).last().unwrap_or(0)
}

#[cfg(test)]
mod tests;
