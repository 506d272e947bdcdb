//! Finds the frames in the bytes that a connection's thread reads, and copies the first bytes of each.
//!
//! Belongs to that thread. Exists only while the connection is watched or logged. Must never change a byte. (Sent frames need no
//! such search: the send queue knows where they end.)

use bytes::Bytes;

use crate::websocket::frame::{FrameHead, FrameScanner, WrongHeader, read_head};

/// Bytes of one payload that watchers see.
pub const SHOWN_PAYLOAD: usize = 256;

/// What a tap found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped {
    /// A frame: its header, and the first bytes of its payload.
    Frame {
        frame: Bytes,
        /// The connection ended before the frame was complete.
        cut: bool,
    },
    /// Bytes that no frame may begin with. Where the next frame begins is unknown.
    Broken { header: Bytes, wrong: WrongHeader },
}

#[derive(Debug, Default)]
pub struct FrameTap {
    /// The first bytes of the frame that is arriving.
    frame: Vec<u8>,
    /// Bytes of its payload that have not come yet; `None` while its header is incomplete.
    payload_left: Option<u64>,
    /// Bytes to skip: the rest of a frame that began before this tap.
    to_skip: u64,
    /// A wrong header came: no frame can be found after it.
    is_broken: bool,
}

impl FrameTap {
    /// A tap that starts at the scanner's position.
    pub fn at(scanner: &FrameScanner) -> FrameTap {
        let (frame, to_skip) = (scanner.partial_header().to_vec(), scanner.payload_left());
        FrameTap { frame, to_skip, ..FrameTap::default() }
    }

    /// Takes the next bytes. `found` gets each frame when its last byte is there.
    pub fn pass(&mut self, mut bytes: &[u8], mut found: impl FnMut(Tapped)) {
        let skipped = usize::try_from(self.to_skip).unwrap_or(usize::MAX).min(bytes.len());
        self.to_skip -= skipped as u64;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() && !self.is_broken {
            let Some(left) = self.payload_left else {
                let (byte, rest) = (bytes[0], &bytes[1..]);
                self.frame.push(byte);
                bytes = rest;
                match read_head(&self.frame) {
                    Ok(None) => {}
                    Ok(Some((head, _))) => self.begin_payload(&head, &mut found),
                    Err(wrong) => {
                        self.is_broken = true;
                        let header = Bytes::from(std::mem::take(&mut self.frame));
                        found(Tapped::Broken { header, wrong });
                    }
                }
                continue;
            };
            let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let kept = passed.min((SHOWN_PAYLOAD + HEADER).saturating_sub(self.frame.len()));
            self.frame.extend_from_slice(&bytes[..kept]);
            bytes = &bytes[passed..];
            self.payload_left = Some(left - passed as u64);
            self.end_if_whole(&mut found);
        }
    }

    /// No more bytes will come. Returns the incomplete frame, if there is one.
    pub fn end(&mut self) -> Option<Tapped> {
        let frame = Bytes::from(std::mem::take(&mut self.frame));
        (!frame.is_empty()).then_some(Tapped::Frame { frame, cut: true })
    }

    fn begin_payload(&mut self, head: &FrameHead, found: &mut impl FnMut(Tapped)) {
        self.payload_left = Some(head.length);
        self.end_if_whole(found);
    }

    fn end_if_whole(&mut self, found: &mut impl FnMut(Tapped)) {
        if self.payload_left == Some(0) {
            self.payload_left = None;
            let frame = Bytes::from(std::mem::take(&mut self.frame));
            found(Tapped::Frame { frame, cut: false });
        }
    }
}

/// The longest header in bytes.
const HEADER: usize = 14;

#[cfg(test)]
mod tests;
