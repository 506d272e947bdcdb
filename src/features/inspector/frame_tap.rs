//! Finds the frames in what a connection's thread reads, however it was cut, and keeps what is shown of each.
//!
//! Belongs to that thread, and exists only while the connection is watched. It only listens and never changes a byte. (What is
//! sent needs none: the backlog knows where its frames end.)

use bytes::Bytes;

use crate::websocket::frame::{FrameHead, FrameScanner, WrongHeader, read_head};

/// Bytes of one payload that are kept and shown.
pub const KEPT_PAYLOAD: usize = 256;

/// What a tap found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped {
    /// A frame: its header, and the first bytes of its payload.
    Frame {
        frame: Bytes,
        /// It never became whole.
        cut: bool,
    },
    /// No frame may begin so; where the next one would is not known.
    Broken { header: Bytes, wrong: WrongHeader },
}

#[derive(Debug, Default)]
pub struct FrameTap {
    /// The frame that is arriving: as much of it as is kept.
    frame: Vec<u8>,
    /// Once its header is complete: the payload that is still to come.
    payload_left: Option<u64>,
    /// Bytes to skip: the rest of a frame that began before the tap did.
    skipped: u64,
    /// No frame can be found after a wrong header.
    lost_its_place: bool,
}

impl FrameTap {
    /// A tap that begins where this scanner stands.
    pub fn at(scanner: &FrameScanner) -> FrameTap {
        let (frame, skipped) = (scanner.partial_header().to_vec(), scanner.payload_left());
        FrameTap { frame, skipped, ..FrameTap::default() }
    }

    /// The next bytes that passed; `found` gets each frame when its last byte is there.
    pub fn pass(&mut self, mut bytes: &[u8], mut found: impl FnMut(Tapped)) {
        let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(bytes.len());
        self.skipped -= skipped as u64;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() && !self.lost_its_place {
            let Some(left) = self.payload_left else {
                let (byte, rest) = (bytes[0], &bytes[1..]);
                self.frame.push(byte);
                bytes = rest;
                match read_head(&self.frame) {
                    Ok(None) => {}
                    Ok(Some((head, _))) => self.begin_payload(&head, &mut found),
                    Err(wrong) => {
                        self.lost_its_place = true;
                        let header = Bytes::from(std::mem::take(&mut self.frame));
                        found(Tapped::Broken { header, wrong });
                    }
                }
                continue;
            };
            let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let kept = passed.min((KEPT_PAYLOAD + HEADER).saturating_sub(self.frame.len()));
            self.frame.extend_from_slice(&bytes[..kept]);
            bytes = &bytes[passed..];
            self.payload_left = Some(left - passed as u64);
            self.end_if_whole(&mut found);
        }
    }

    /// Nothing more will come: what there is of a frame.
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
