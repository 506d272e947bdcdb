//! The tap on the broadcaster's thread: reports frames that the server sent, the member's name, and the close.
//!
//! A frame is reported when the kernel has accepted its last byte. Reports begin with the first piece of the send queue whose first
//! byte is sent while the connection is watched. Must never wait or change a byte.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::captured::Captured;
use super::drawing;
use super::event::Amount;
use super::note::{Closed, Observation, ToInspector};
use crate::broadcaster::{Cause, Closing, Party, TcpEnd};
use crate::close_code::{self, CloseReason};
use crate::tap::{Frames, Privacy, SendTap};
use crate::transport::Direction;
use crate::websocket::frame::whole_frames;

pub struct InspectorSendTap {
    captured: Arc<Captured>,
    to_inspector: ToInspector,
    /// The log is at `debug`.
    is_logged: bool,
    sent: u64,
    /// `Captured::watched` at the last write.
    watched: Option<u32>,
    /// The progress in the current piece of the send queue; `None` if its first bytes were not observed.
    progress: Option<Progress>,
}

/// How much of a piece was reported.
#[derive(Default)]
struct Progress {
    /// Bytes of its reported frames.
    reported: usize,
    /// If the piece is the rest of a frame: the frame's first bytes.
    begun: Bytes,
}

impl InspectorSendTap {
    pub fn new(captured: Arc<Captured>, to_inspector: ToInspector) -> InspectorSendTap {
        let is_logged = captured.is_logged();
        InspectorSendTap { captured, to_inspector, is_logged, sent: 0, watched: None, progress: None }
    }

    fn report(&self, observation: Observation) {
        self.to_inspector.report(&self.captured, Instant::now(), observation);
    }

    fn report_if_watched(&self, observation: impl FnOnce() -> Observation) {
        if self.captured.watched().is_some() {
            self.report(observation());
        }
    }

    fn report_frames(&self, frames: Bytes, privacy: Privacy, cut: bool) {
        if self.is_logged {
            drawing::log_frames(self.captured.client(), Party::Server, &frames, cut);
        }
        self.report_if_watched(|| Observation::Frames {
            from: Party::Server,
            frames,
            privacy,
            cut,
            record: self.captured.record(Direction::Sent),
        });
    }
}

impl Progress {
    /// The sent bytes of the unfinished frame.
    fn started(&self, frames: &Frames, sent: usize) -> Bytes {
        joined(&self.begun, frames.bytes.slice(self.reported.min(sent)..sent))
    }
}

impl SendTap for InspectorSendTap {
    fn sent(&mut self, frames: &Frames, from: usize, to: usize) {
        self.sent += (to - from) as u64;
        self.captured.set_sent(self.sent);
        let before = std::mem::replace(&mut self.watched, self.captured.watched());
        if before != self.watched && !self.is_logged {
            self.progress = None;
        }
        if self.watched.is_none() && !self.is_logged {
            return;
        }
        if from == 0 && !frames.is_rest {
            self.progress = Some(Progress::default());
        }
        let Some(progress) = &mut self.progress else { return };
        let is_whole = to == frames.bytes.len();
        let whole = match (is_whole, frames.is_rest) {
            (true, _) => to,
            (false, true) => 0,
            (false, false) => last_frame_end(&frames.bytes, to),
        };
        if whole > progress.reported {
            let complete = frames.bytes.slice(progress.reported..whole);
            let complete = joined(&std::mem::take(&mut progress.begun), complete);
            progress.reported = if is_whole { 0 } else { whole };
            self.report_frames(complete, frames.privacy, false);
        }
    }

    fn dropped(&mut self, frames: &Frames, sent: usize, end: usize) {
        if let Some(progress) = &mut self.progress {
            let begun = if sent < end { progress.started(frames, sent) } else { Bytes::new() };
            *progress = Progress { reported: 0, begun };
        }
    }

    fn cut_off(&mut self, frames: &Frames, sent: usize) {
        let started = self.progress.take().map(|progress| progress.started(frames, sent));
        if let Some(started) = started.filter(|started| !started.is_empty()) {
            self.report_frames(started, frames.privacy, true);
        }
    }

    fn named(&mut self, name: &str) {
        self.report(Observation::Named(name.to_owned()));
    }

    fn closing(&mut self, cause: &Cause) {
        let (by, reason) = (cause.by(), cause.reason());
        self.report(Observation::Closing { by, reason });
    }

    fn answered(&mut self) {
        self.report_if_watched(|| Observation::Answered);
    }

    fn closed(&mut self, closing: &Closing, sent_messages: u64, sent_bytes: u64) {
        let received = closing.received();
        let unknown = TcpEnd::Unknown;
        let tcp = closing.tcp_end().unwrap_or(&unknown);
        let without_cause = || CloseReason::new(close_code::ABNORMAL, "");
        self.report(Observation::Closed(Box::new(Closed {
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

/// Where the last frame ends that ends at byte `position` or before.
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
