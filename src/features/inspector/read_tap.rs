//! The tap on the connection's thread: finds the frames in what is read, and tells the inspector and the log.
//!
//! What it tells goes through the broadcaster's channel like the message itself. So a pong is never seen before the ping that it
//! answers, and a message never after what comes of it.
//!
//! A frame that ends a message of the chat waits until the message is understood, since only then it is known whether it is
//! private. What comes after it waits, too, so that the order stays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::captured::Captured;
use super::drawing;
use super::frame_tap::{FrameTap, Tapped};
use super::note::What;
use crate::tap::{Privacy, Purpose, ReadTap};
use crate::websocket::frame::{FrameScanner, Opcode, read_head};

/// Frames that are shown of what comes after the conversation is over: enough for the client's close frame after what it had
/// sent before, and no way to flood a watcher.
const FRAMES_AFTER_THE_END: usize = 64;

pub struct InspectorReadTap {
    captured: Arc<Captured>,
    /// The way to the inspector.
    tell: Tell,
    /// The log is at `debug`.
    is_logged: bool,
    /// Exists while the connection is watched or logged.
    tap: Option<Box<FrameTap>>,
    /// As it was when bytes were read last.
    watched: Option<u32>,
    /// Frames in order. The first of them ends a message that is not understood yet.
    waiting: VecDeque<Waiting>,
    /// Frames that may still be shown after the end.
    after_the_end: usize,
}

/// Takes what happened on the connection, and when.
pub type Tell = Box<dyn Fn(Instant, What) + Send>;

/// A frame that waits.
struct Waiting {
    at: Instant,
    /// `None`: it began before the tap did, and is not shown.
    tapped: Option<Tapped>,
    /// It ends a message that is not understood yet.
    ends_message: bool,
    privacy: Privacy,
}

impl InspectorReadTap {
    pub fn new(captured: Arc<Captured>, tell: Tell) -> InspectorReadTap {
        InspectorReadTap {
            is_logged: captured.is_logged(),
            captured,
            tell,
            tap: None,
            watched: None,
            waiting: VecDeque::new(),
            after_the_end: FRAMES_AFTER_THE_END,
        }
    }

    fn is_chat(&self) -> bool {
        self.captured.purpose == Some(Purpose::Chat)
    }

    /// A frame was found.
    fn found(&mut self, tapped: Tapped) {
        // Only the chat has private messages. Of a fragment it is not known what it is a part of: it stays private.
        let (ends_message, privacy) = match (&tapped, self.is_chat()) {
            (Tapped::Frame { frame, .. }, true) => match read_head(frame) {
                Ok(Some((head, _))) if head.opcode.is_control() => (false, Privacy::Public),
                Ok(Some((head, _))) => (head.fin, Privacy::Private),
                _ => (false, Privacy::Private),
            },
            _ => (false, Privacy::Public),
        };
        let waiting = Waiting { at: Instant::now(), tapped: Some(tapped), ends_message, privacy };
        if ends_message || !self.waiting.is_empty() {
            self.waiting.push_back(waiting);
        } else {
            self.pass_on(waiting);
        }
    }

    fn pass_on(&self, waiting: Waiting) {
        let Some(tapped) = waiting.tapped else { return };
        if self.is_logged {
            drawing::log_tapped(self.captured.client(), &tapped);
        }
        if self.captured.watched().is_some() {
            (self.tell)(waiting.at, What::from_client(tapped, waiting.privacy));
        }
    }

    /// No message will be understood any more.
    fn pass_all_on(&mut self) {
        while let Some(waiting) = self.waiting.pop_front() {
            self.pass_on(waiting);
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
                    // That message will be understood, though its frame is not seen whole.
                    let (at, privacy) = (Instant::now(), Privacy::Private);
                    self.waiting.push_back(Waiting { at, tapped: None, ends_message: true, privacy });
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
            self.waiting.pop_front().into_iter().for_each(|waiting| self.pass_on(waiting));
        }
    }

    fn rest(&mut self, bytes: &[u8]) {
        self.pass_all_on();
        let Some(mut tap) = self.tap.take() else { return };
        let mut found = Vec::new();
        tap.pass(bytes, |tapped| found.push(tapped));
        found.truncate(self.after_the_end);
        self.after_the_end -= found.len();
        for tapped in found {
            self.found(tapped);
        }
        self.pass_all_on();
        self.tap = (self.after_the_end > 0).then_some(tap);
    }

    fn end(&mut self) {
        self.pass_all_on();
        if let Some(tapped) = self.tap.take().and_then(|mut tap| tap.end()) {
            self.found(tapped);
            self.pass_all_on();
        }
    }
}

#[cfg(test)]
mod tests;
