//! The frames of one round, for everybody, in one stretch of bytes.
//!
//! A server's frames are not masked (RFC 6455, 5.1), so every client gets the very same bytes: an event is encoded
//! once, and a round of many events leaves in one system call a client.

use bytes::{BufMut, Bytes, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::chat::Event;

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
    /// Reused for each event's JSON.
    json: Vec<u8>,
}

impl Batch {
    /// Bytes so far: the place where the next event will begin.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Adds an event for everybody.
    pub fn push(&mut self, event: &Event<'_>) {
        encode(event, &mut self.json, &mut self.frames);
        self.events += 1;
    }

    /// An event for somebody alone: encoded, but no part of the batch.
    pub fn encode_alone(&mut self, event: &Event<'_>) -> Bytes {
        let mut frame = BytesMut::new();
        encode(event, &mut self.json, &mut frame);
        frame.freeze()
    }

    /// The round's bytes; an empty batch remains.
    pub fn take(&mut self) -> Round {
        Round { frames: self.frames.split().freeze(), events: std::mem::take(&mut self.events) }
    }
}

/// One event as one unmasked text frame.
fn encode(event: &Event<'_>, json: &mut Vec<u8>, frames: &mut BytesMut) {
    json.clear();
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    let begin = frames.len();
    // Neither step can fail, as both write plain data into memory; were one to, the event is left out whole.
    let encoded = serde_json::to_writer(&mut *json, event).is_ok()
        && header.format(json.len() as u64, &mut (&mut *frames).writer()).is_ok();
    if encoded {
        frames.extend_from_slice(json);
    } else {
        frames.truncate(begin);
    }
}
