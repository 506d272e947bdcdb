//! Shows what is read to whoever looks: the log at `debug`, and the watchers of this connection.
//!
//! Part of the connection's stream, below tungstenite, on the WebSocket's thread. What it finds goes to the
//! broadcaster like everything else, so that watchers see a message before what comes of it.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;

use crate::broadcaster::Incoming;
use crate::client_id::ClientId;
use crate::wire::{self, FrameScanner, Opening, Tap, Tapped};

/// Frames that are shown of what comes after the conversation is over: enough for the client's close frame behind what
/// it had sent before, and no way to flood anybody.
const FRAMES_AFTER_THE_END: usize = 64;

pub struct Wiretap {
    client: ClientId,
    opening: Arc<Opening>,
    to_broadcaster: Sender<Incoming>,
    /// Exists while somebody looks.
    tap: Option<Box<Tap>>,
    /// The log is at `debug`.
    is_logged: bool,
    /// Frames that may still be shown after the end.
    after_the_end: usize,
}

impl Wiretap {
    pub fn new(opening: Arc<Opening>, to_broadcaster: Sender<Incoming>) -> Wiretap {
        let client = opening.accepted.client;
        let is_logged = wire::is_drawn(&opening);
        Wiretap {
            client,
            opening,
            to_broadcaster,
            tap: None,
            is_logged,
            after_the_end: FRAMES_AFTER_THE_END,
        }
    }

    /// Bytes that were read; `scanner` stands where they begin.
    pub fn pass(&mut self, bytes: &[u8], scanner: &FrameScanner) {
        if !self.opening.is_tapped() && !self.is_logged {
            // Nobody looks, or nobody any more.
            return self.tap = None;
        }
        let mut tap = self.tap.take().unwrap_or_else(|| Box::new(Tap::at(scanner)));
        tap.pass(bytes, |tapped| self.tell(tapped));
        self.tap = Some(tap);
    }

    /// Bytes that come after the conversation is over, and are not read as messages.
    pub fn pass_on(&mut self, bytes: &[u8]) {
        let Some(mut tap) = self.tap.take() else { return };
        let mut left = self.after_the_end;
        tap.pass(bytes, |tapped| {
            if left > 0 {
                left -= 1;
                self.tell(tapped);
            }
        });
        self.after_the_end = left;
        self.tap = (left > 0).then_some(tap);
    }

    /// The end of the stream: a frame that had begun is told as it is.
    pub fn end(&mut self) {
        if let Some(tapped) = self.tap.take().and_then(|mut tap| tap.end()) {
            self.tell(tapped);
        }
    }

    fn tell(&self, tapped: Tapped) {
        if self.is_logged {
            wire::log_tapped(self.client, &tapped);
        }
        if self.opening.is_tapped() {
            // A broadcaster that has ended shows nobody anything.
            let incoming = Incoming::Tapped { client: self.client, at: Instant::now(), tapped };
            let _ = self.to_broadcaster.send(incoming);
        }
    }
}
