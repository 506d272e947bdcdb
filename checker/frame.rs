//! Frames of RFC 6455, section 5.2: those that a client sends, right and wrong ones, and those that a server may send.
//! Bytes in, frames out; knows no socket.

use crate::text::{Text, text};

/// A server's frame that announces more is taken for a torn one. Nothing that we make a server say is so long.
const MAX_FRAME: u64 = 4 << 20;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

#[derive(Clone, Debug)]
pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub mask: Option<[u8; 4]>,
    pub header: Vec<u8>,
    /// Unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole masked frame, as a client must send it.
    pub fn new(opcode: u8, payload: &[u8]) -> Frame {
        let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
        Frame { fin: true, rsv: 0, opcode, mask, header: Vec::new(), payload: payload.to_vec() }
    }

    pub fn close(code: u16, reason: &str) -> Frame {
        Frame::new(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
    }

    /// Fills in the header, and returns the bytes for the wire.
    pub fn encode(&mut self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.payload.len() {
            length @ 0..=125 => bytes.push(masked | length as u8),
            length @ 126..=0xffff => {
                bytes.push(masked | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(masked | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(self.mask.unwrap_or_default().iter().take(if masked == 0 { 0 } else { 4 }));
        self.header.clone_from(&bytes);
        let mask = self.mask.unwrap_or_default();
        let begin = bytes.len();
        bytes.extend(&self.payload);
        // Eight bytes at once: a build for tests is slow with single ones.
        let eight = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("invariant: eight bytes"));
        let masks = eight(&[mask, mask].concat());
        let mut chunks = bytes[begin..].chunks_exact_mut(8);
        for chunk in &mut chunks {
            let masked = eight(chunk) ^ masks;
            chunk.copy_from_slice(&masked.to_ne_bytes());
        }
        let rest = chunks.into_remainder().iter_mut();
        rest.zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        bytes
    }

    /// The code of a close frame; 1005 if it has none.
    pub fn close_code(&self) -> u16 {
        self.payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]))
    }
}

/// What the bytes begin with.
pub enum Parsed {
    Incomplete,
    /// And how many bytes it took.
    Whole(Frame, usize),
    /// No frame of a server begins like this.
    Broken(Text),
}

/// The first frame of what a server sent.
pub fn parse(bytes: &[u8]) -> Parsed {
    let [first, second, rest @ ..] = bytes else { return Parsed::Incomplete };
    let (fin, rsv, opcode) = (first & 0x80 != 0, first >> 4 & 7, first & 0x0f);
    if rsv != 0 {
        return Parsed::Broken(text!(
            "the first byte of a frame, {first:#04x}, has reserved bits set",
            "el primer byte de una trama, {first:#04x}, tiene bits reservados activados"
        ));
    }
    if !matches!(opcode, 0..=2 | 8..=10) {
        return Parsed::Broken(text!(
            "the first byte of a frame, {first:#04x}, has the unknown opcode {opcode}",
            "el primer byte de una trama, {first:#04x}, tiene un opcode desconocido, {opcode}"
        ));
    }
    if second & 0x80 != 0 {
        return Parsed::Broken(text!("a server's frame is masked", "una trama del servidor lleva máscara"));
    }
    if opcode >= 8 && (!fin || second & 0x7f > 125) {
        return Parsed::Broken(text!(
            "a control frame is in fragments or longer than 125 bytes",
            "una trama de control está fragmentada u ocupa más de 125 bytes"
        ));
    }
    let (length, size) = match second & 0x7f {
        126 if rest.len() < 2 => return Parsed::Incomplete,
        126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), 4),
        127 if rest.len() < 8 => return Parsed::Incomplete,
        127 => (rest[..8].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)), 10),
        short => (u64::from(short), 2),
    };
    if size == 4 && length < 126 || size == 10 && length <= 0xffff {
        return Parsed::Broken(text!(
            "the length {length} of a frame is not in its shortest form",
            "la longitud {length} de una trama no está en su forma más corta"
        ));
    }
    if length > MAX_FRAME {
        return Parsed::Broken(text!(
            "a frame announces {length} bytes, which no one sent",
            "una trama anuncia {length} bytes que nadie ha enviado"
        ));
    }
    let end = size + length as usize;
    let Some(payload) = bytes.get(size..end) else { return Parsed::Incomplete };
    let (header, payload) = (bytes[..size].to_vec(), payload.to_vec());
    Parsed::Whole(Frame { fin, rsv, opcode, mask: None, header, payload }, end)
}
