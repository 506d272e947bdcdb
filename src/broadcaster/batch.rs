//! The frames of one round, for everybody, in one stretch of bytes.
//!
//! A server's frames are not masked (RFC 6455, 5.1), so every client gets the very same bytes: an event is encoded
//! once, and a round of many events leaves in one system call a client.

use bytes::{Bytes, BytesMut};

use crate::wire::put_text_frame;

/// A finished batch: whole frames, each of them one event.
pub struct Round {
    pub frames: Bytes,
    pub events: u64,
}

/// A batch that is being put together.
#[derive(Debug, Default)]
pub struct Batch {
    frames: BytesMut,
    events: u64,
}

impl Batch {
    /// Bytes so far: the place where the next event will begin.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Adds an event for everybody.
    pub fn push(&mut self, json: &[u8]) {
        put_text_frame(json, &mut self.frames);
        self.events += 1;
    }

    /// The round's bytes; an empty batch remains.
    pub fn take(&mut self) -> Round {
        Round { frames: self.frames.split().freeze(), events: std::mem::take(&mut self.events) }
    }
}

/// Events for somebody alone, in one stretch of bytes, too.
pub fn frames(events: &[&Bytes]) -> Bytes {
    let mut frames = BytesMut::new();
    for json in events {
        put_text_frame(json, &mut frames);
    }
    frames.freeze()
}
