//! The tap on the connection's thread: finds the frames that the client sent, and reports them to the inspector and the log.
//!
//! Reports take the same way as messages, through the broadcaster's channel. So a watcher sees a ping before its pong, and a message
//! before its effects.
//!
//! A frame that ends a message waits until the message was parsed, since only then we know whether it is private. Later frames wait
//! as well, to keep the order. Must never report a private text as public.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;

use super::captured::Captured;
use super::drawing;
use super::frame_tap::{FrameTap, Tapped};
use super::note::Observation;
use crate::tap::{Privacy, Purpose, ReadTap};
use crate::token::Token;
use crate::transport::Direction;
use crate::websocket::frame::{FrameScanner, Opcode, read_head};

/// Frames that are reported after the last message: enough to include the client's close frame, but no flood for a watcher.
const MAX_FRAMES_AFTER_END: usize = 64;

pub struct InspectorReadTap {
    captured: Arc<Captured>,
    /// Sends to the inspector.
    report: Report,
    /// The log is at `debug`.
    is_logged: bool,
    /// Exists while the connection is watched or logged.
    tap: Option<Box<FrameTap>>,
    /// `Captured::watched` at the last read.
    watched: Option<u32>,
    /// Frames in order. The first ends a message that was not parsed yet.
    waiting: VecDeque<Waiting>,
    /// The first message is still to come, or may be in pieces: no one may see them.
    awaits_first_message: bool,
    /// Frames that may still be reported after the last message.
    left_after_end: usize,
}

/// Takes an observation and its time.
pub type Report = Box<dyn Fn(Instant, Observation) + Send>;

/// A frame that waits.
struct Waiting {
    at: Instant,
    /// `None`: it began before the tap and is not reported.
    tapped: Option<Tapped>,
    /// It ends a message that was not parsed yet.
    ends_message: bool,
    privacy: Privacy,
    record: Option<Vec<u8>>,
}

impl InspectorReadTap {
    pub fn new(captured: Arc<Captured>, report: Report) -> InspectorReadTap {
        InspectorReadTap {
            is_logged: captured.is_logged(),
            awaits_first_message: captured.awaits_first_message,
            captured,
            report,
            tap: None,
            watched: None,
            waiting: VecDeque::new(),
            left_after_end: MAX_FRAMES_AFTER_END,
        }
    }

    fn is_chat(&self) -> bool {
        self.captured.purpose == Some(Purpose::Chat)
    }

    /// Reports a frame, or lets it wait.
    fn found(&mut self, tapped: Tapped) {
        // Only the chat has private messages. A fragment may be part of one, so it counts as private; or it is part of the client's
        // secrets.
        let hidden = if self.awaits_first_message { Privacy::Secret } else { Privacy::Private };
        let (ends_message, privacy) = match (&tapped, self.is_chat()) {
            (Tapped::Frame { frame, .. }, true) => match read_head(frame) {
                Ok(Some((head, _))) if head.opcode.is_control() => (false, Privacy::Public),
                Ok(Some((head, _))) => (head.fin, hidden),
                _ => (false, hidden),
            },
            _ => (false, Privacy::Public),
        };
        let record = self.captured.record(Direction::Read);
        let waiting = Waiting { at: Instant::now(), tapped: Some(tapped), ends_message, privacy, record };
        if ends_message || !self.waiting.is_empty() {
            self.waiting.push_back(waiting);
        } else {
            self.report_frame(waiting);
        }
    }

    fn report_frame(&self, waiting: Waiting) {
        let Some(tapped) = waiting.tapped else { return };
        if self.is_logged {
            drawing::log_tapped(self.captured.client(), &tapped, waiting.privacy);
        }
        if self.captured.watched().is_some() {
            (self.report)(waiting.at, Observation::from_client(tapped, waiting.privacy, waiting.record));
        }
    }

    /// No more messages will be parsed.
    fn report_all_waiting(&mut self) {
        while let Some(waiting) = self.waiting.pop_front() {
            self.report_frame(waiting);
        }
    }
}

impl ReadTap for InspectorReadTap {
    fn read(&mut self, bytes: &[u8], scanner: &FrameScanner) {
        let before = std::mem::replace(&mut self.watched, self.captured.watched());
        if before != self.watched && !self.is_logged {
            self.tap = None;
            self.waiting.clear();
        }
        if self.watched.is_none() && !self.is_logged {
            return;
        }
        let mut tap = match self.tap.take() {
            Some(tap) => tap,
            None => {
                if self.is_chat() && scanner.is_in_end_of_message() {
                    // `understood` will be called for this message, though the tap misses the begin of its frame.
                    let (at, privacy) = (Instant::now(), Privacy::Private);
                    self.waiting.push_back(Waiting {
                        at,
                        tapped: None,
                        ends_message: true,
                        privacy,
                        record: None,
                    });
                }
                Box::new(FrameTap::at(scanner))
            }
        };
        tap.pass(bytes, |tapped| self.found(tapped));
        self.tap = Some(tap);
    }

    fn understood(&mut self, privacy: Privacy) {
        let Some(first) = self.waiting.front_mut() else { return };
        let is_whole_message = match &first.tapped {
            Some(Tapped::Frame { frame, .. }) => {
                matches!(read_head(frame), Ok(Some((head, _))) if head.opcode == Opcode::Text)
            }
            _ => false,
        };
        if is_whole_message {
            first.privacy = privacy;
        }
        first.ends_message = false;
        while self.waiting.front().is_some_and(|waiting| !waiting.ends_message) {
            self.waiting.pop_front().into_iter().for_each(|waiting| self.report_frame(waiting));
        }
    }

    fn first_message(&mut self, text: &str) {
        #[derive(Deserialize)]
        struct Keyed {
            wire: String,
        }
        let key = serde_json::from_str(text).ok().and_then(|Keyed { wire }| Token::parse(&wire));
        if let Some(key) = key {
            (self.report)(Instant::now(), Observation::Keyed(key));
        }
        self.understood(Privacy::Secret);
        self.awaits_first_message = false;
    }

    fn rest(&mut self, bytes: &[u8]) {
        self.report_all_waiting();
        let Some(mut tap) = self.tap.take() else { return };
        let mut found = Vec::new();
        tap.pass(bytes, |tapped| found.push(tapped));
        found.truncate(self.left_after_end);
        self.left_after_end -= found.len();
        for tapped in found {
            self.found(tapped);
        }
        self.report_all_waiting();
        self.tap = (self.left_after_end > 0).then_some(tap);
    }

    fn end(&mut self) {
        self.report_all_waiting();
        if let Some(tapped) = self.tap.take().and_then(|mut tap| tap.end()) {
            self.found(tapped);
            self.report_all_waiting();
        }
    }
}

#[cfg(test)]
mod tests;
