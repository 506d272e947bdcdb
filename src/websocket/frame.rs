//! Finds the frames in a stream of bytes (RFC 6455, section 5.2), however the bytes were cut into reads.
//!
//! No socket and no clock: bytes in, frame headers out. Every frame is checked here before tungstenite reads it, so this
//! must be fast; a test compares it with tungstenite's `FrameHeader`.

use std::fmt;

use bytes::{BufMut, BytesMut};

/// Two bytes, eight of length, four of masking key.
const MAX_HEADER: usize = 14;

/// The highest bit of a frame's first byte.
const FIN: u8 = 0x80;

/// The highest bit of the second.
const MASK: u8 = 0x80;

/// The opcodes that RFC 6455 defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    /// `None` if it is reserved.
    fn of(number: u8) -> Option<Opcode> {
        match number {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xa => Some(Opcode::Pong),
            _ => None,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }

    /// The four bits.
    pub fn number(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Opcode::Continuation => "continuation",
            Opcode::Text => "text",
            Opcode::Binary => "binary",
            Opcode::Close => "close",
            Opcode::Ping => "ping",
            Opcode::Pong => "pong",
        }
    }
}

/// A frame's header, complete. Its payload may still be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    pub fin: bool,
    /// The three reserved bits, RSV1 highest: 0 to 7.
    pub reserved: u8,
    pub opcode: Opcode,
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
    /// Bits of the field that holds the length: 7, 16 or 64.
    pub length_bits: u8,
    /// The length is in the shortest field that can hold it, as it must be.
    pub minimal: bool,
}

/// `text frame, FIN, masked, 5 bytes`
impl fmt::Display for FrameHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} frame", self.opcode.name())?;
        if self.fin {
            write!(formatter, ", FIN")?;
        }
        if self.reserved != 0 {
            write!(formatter, ", RSV {:03b}", self.reserved)?;
        }
        if self.mask.is_some() {
            write!(formatter, ", masked")?;
        }
        write!(formatter, ", {} bytes", self.length)
    }
}

/// A header that no frame may have. The beginning of the next frame is unknown then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongHeader {
    /// An opcode that RFC 6455 reserves: 3 to 7, 11 to 15.
    ReservedOpcode(u8),
    /// The highest bit of a 64-bit length is set.
    LengthTooLarge,
}

impl fmt::Display for WrongHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WrongHeader::ReservedOpcode(opcode) => {
                write!(formatter, "opcode {opcode:#x} is reserved (RFC 6455, 5.2)")
            }
            WrongHeader::LengthTooLarge => {
                write!(formatter, "the highest bit of a 64-bit length must be 0 (RFC 6455, 5.2)")
            }
        }
    }
}

/// The header at the beginning of `bytes` and its length in bytes; `None` while it is not complete.
///
/// # Errors
/// If no frame may begin so.
pub fn read_head(bytes: &[u8]) -> Result<Option<(FrameHead, usize)>, WrongHeader> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (length_bits, length, rest) = match (second & !MASK, rest) {
        (126, [a, b, rest @ ..]) => (16, u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, rest) => match rest.split_first_chunk() {
            Some((length, rest)) => (64, u64::from_be_bytes(*length), rest),
            None => return Ok(None),
        },
        (126, _) => return Ok(None),
        (short, rest) => (7, u64::from(short), rest),
    };
    let (mask, rest) = match (second & MASK, rest) {
        (0, rest) => (None, rest),
        (_, [a, b, c, d, rest @ ..]) => (Some([*a, *b, *c, *d]), rest),
        _ => return Ok(None),
    };
    let number = first & 0x0f;
    let opcode = Opcode::of(number).ok_or(WrongHeader::ReservedOpcode(number))?;
    if length >> 63 != 0 {
        return Err(WrongHeader::LengthTooLarge);
    }
    let minimal = match length_bits {
        7 => true,
        16 => length >= 126,
        _ => length > u64::from(u16::MAX),
    };
    let (fin, reserved) = (first & FIN != 0, first >> 4 & 0b111);
    let head = FrameHead { fin, reserved, opcode, mask, length, length_bits, minimal };
    Ok(Some((head, bytes.len() - rest.len())))
}

/// What [`FrameScanner::scan`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan {
    /// A frame begins at byte `begin`, or earlier where that is 0, and its header ends after `consumed` bytes.
    Head { begin: usize, consumed: usize, head: FrameHead },
    /// No further header is complete; every byte was consumed.
    NeedMore,
    /// The same, but no frame may begin so.
    Wrong { begin: usize, wrong: WrongHeader },
}

/// The position of the stream: in a header, in a payload, or between two frames.
#[derive(Debug, Default)]
pub struct FrameScanner {
    /// The first bytes of a header that is not complete.
    partial: [u8; MAX_HEADER],
    partial_length: usize,
    /// Payload bytes that still belong to the last header.
    payload_left: u64,
    /// That header's frame is the last of a message.
    ends_message: bool,
}

impl FrameScanner {
    /// Consumes bytes up to the end of the next header. Call it again with the rest until it returns [`Scan::NeedMore`].
    pub fn scan(&mut self, bytes: &[u8]) -> Scan {
        let skipped = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
        self.payload_left -= skipped as u64;
        let rest = &bytes[skipped..];
        if rest.is_empty() {
            return Scan::NeedMore;
        }

        let before = self.partial_length;
        let taken = rest.len().min(MAX_HEADER - before);
        self.partial[before..before + taken].copy_from_slice(&rest[..taken]);
        match read_head(&self.partial[..before + taken]) {
            Ok(None) => {
                self.partial_length = before + taken;
                Scan::NeedMore
            }
            Ok(Some((head, header_length))) => {
                self.partial_length = 0;
                self.payload_left = head.length;
                self.ends_message = head.fin && !head.opcode.is_control();
                Scan::Head { begin: skipped, consumed: skipped + header_length - before, head }
            }
            Err(wrong) => Scan::Wrong { begin: skipped, wrong },
        }
    }

    /// The first bytes of a header that is not complete.
    pub fn partial_header(&self) -> &[u8] {
        &self.partial[..self.partial_length]
    }

    /// Payload bytes that still belong to the last header.
    pub fn payload_left(&self) -> u64 {
        self.payload_left
    }

    /// The stream stands in the payload of the last frame of a message.
    pub fn is_in_end_of_message(&self) -> bool {
        self.payload_left > 0 && self.ends_message
    }

    /// The stream stands between two frames.
    #[cfg(test)]
    fn at_boundary(&self) -> bool {
        self.partial_length == 0 && self.payload_left == 0
    }
}

/// One event as one unmasked text frame, as a server sends it.
pub fn put_text_frame(json: &[u8], frames: &mut BytesMut) {
    put_frame(json, Opcode::Text, true, frames);
}

/// One unmasked frame, whole or a fragment.
pub fn put_frame(payload: &[u8], opcode: Opcode, is_final: bool, frames: &mut BytesMut) {
    frames.reserve(MAX_HEADER + payload.len());
    frames.put_u8(opcode.number() | if is_final { FIN } else { 0 });
    match payload.len() {
        length @ ..126 => frames.put_u8(length as u8),
        length @ ..0x1_0000 => {
            frames.put_u8(126);
            frames.put_u16(length as u16);
        }
        length => {
            frames.put_u8(127);
            frames.put_u64(length as u64);
        }
    }
    frames.extend_from_slice(payload);
}

/// The frames in bytes that hold only whole frames, as the server sends them: each header with all bytes of its frame.
pub fn whole_frames(mut bytes: &[u8]) -> impl Iterator<Item = (FrameHead, &[u8])> {
    std::iter::from_fn(move || {
        let Scan::Head { consumed, head, .. } = FrameScanner::default().scan(bytes) else {
            return None;
        };
        let (frame, rest) = bytes.split_at_checked(consumed + head.length as usize)?;
        bytes = rest;
        Some((head, frame))
    })
}

/// Messages whose last frame is in these whole frames; control frames do not count.
pub fn messages_in(frames: &[u8]) -> u64 {
    whole_frames(frames).filter(|(head, _)| head.fin && !head.opcode.is_control()).count() as u64
}

/// A frame as far as it was kept: all of its header, perhaps not all of its payload.
pub struct KeptFrame<'a> {
    pub head: FrameHead,
    pub header: &'a [u8],
    pub payload: &'a [u8],
}

/// The frames in bytes of which the last may be shortened.
pub struct KeptFrames<'a> {
    /// What is not read yet; at the end it may be the beginning of a header.
    pub rest: &'a [u8],
}

impl<'a> Iterator for KeptFrames<'a> {
    type Item = KeptFrame<'a>;

    fn next(&mut self) -> Option<KeptFrame<'a>> {
        let (head, header_length) = read_head(self.rest).ok()??;
        let (header, after) = self.rest.split_at(header_length);
        let length = usize::try_from(head.length).unwrap_or(usize::MAX).min(after.len());
        let (payload, rest) = after.split_at(length);
        self.rest = rest;
        Some(KeptFrame { head, header, payload })
    }
}

/// The end of the frame that byte `position` of `bytes` lies in, or `position` itself where a frame ends there or no
/// whole frame is found.
pub fn frame_end_after(bytes: &[u8], position: usize) -> usize {
    let mut end = 0;
    for (_, frame) in whole_frames(bytes) {
        if end >= position {
            break;
        }
        end += frame.len();
    }
    end.max(position)
}

#[cfg(test)]
mod tests;
