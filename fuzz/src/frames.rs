//! Frames as the client's side makes and reads them: written a second time, so that the server is not measured by itself.

pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;

const MASK: [u8; 4] = *b"\x37\xfa\x21\x3d";

/// One header (RFC 6455, 5.2).
pub struct Header {
    pub fin: bool,
    pub reserved: u8,
    pub opcode: u8,
    pub mask: Option<[u8; 4]>,
    pub length: u64,
    /// The length stands in the fewest bytes that hold it.
    pub is_minimal: bool,
    /// Bytes of the header itself.
    pub size: usize,
}

impl Header {
    /// The header at the beginning, if it is whole.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let [first, second, ..] = *bytes else { return None };
        let (length, least, size) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 126, 4),
            127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 65_536, 10),
            length => (length.into(), 0, 2),
        };
        let is_masked = second & 0x80 != 0;
        let mask = if is_masked { Some(*bytes.get(size..)?.first_chunk()?) } else { None };
        Some(Header {
            fin: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: first & 0xf,
            mask,
            length,
            is_minimal: length >= least,
            size: size + if is_masked { 4 } else { 0 },
        })
    }

    pub fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// Neither side may begin a frame so, in a message or between two.
    pub fn is_wrong(&self, in_message: bool) -> bool {
        let control_is_wrong = self.is_control() && (!self.fin || self.length > 125);
        let continues = self.opcode == 0;
        self.reserved != 0
            || matches!(self.opcode, 3..=7 | 11..)
            || !self.is_minimal
            || self.length >> 63 != 0
            || control_is_wrong
            || (!self.is_control() && continues != in_message)
    }
}

/// A frame with the shortest length that fits.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0xfe);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// How a client's stream ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Between two frames, or within one.
    #[default]
    Anywhere,
    /// With a close frame.
    Close,
    /// With a header that no client may send.
    Fault,
}

/// A whole message.
pub struct Message {
    pub is_text: bool,
    pub payload: Vec<u8>,
    /// How many frames of the client came before the last one of this message, and whether that is the only one.
    pub frame: usize,
    pub is_single: bool,
    /// The byte behind it.
    pub end: usize,
}

/// What a client sent, as RFC 6455 has it.
#[derive(Default)]
pub struct Sent {
    pub messages: Vec<Message>,
    pub end: End,
    /// The byte at which that is.
    pub at: usize,
}

impl Sent {
    pub fn of(bytes: &[u8]) -> Sent {
        let mut sent = Sent::default();
        let mut message: Option<(bool, Vec<u8>)> = None;
        for frame in 0.. {
            let rest = &bytes[sent.at..];
            let Some(header) = Header::read(rest) else { break };
            let Some(mask) = header.mask.filter(|_| !header.is_wrong(message.is_some())) else {
                return Sent { end: End::Fault, ..sent };
            };
            let Some(behind) = rest[header.size..].get(header.length as usize..) else { break };
            let payload = &rest[header.size..rest.len() - behind.len()];
            let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
            sent.at = bytes.len() - behind.len();
            match header.opcode {
                CLOSE => return Sent { end: End::Close, ..sent },
                _ if header.is_control() => {}
                opcode => {
                    let (is_text, mut so_far) = message.take().unwrap_or((opcode == TEXT, Vec::new()));
                    so_far.extend(payload);
                    if header.fin {
                        let (payload, is_single, end) = (so_far, opcode != 0, sent.at);
                        sent.messages.push(Message { is_text, payload, frame, is_single, end });
                    } else {
                        message = Some((is_text, so_far));
                    }
                }
            }
        }
        sent
    }

    /// It ends with a close frame.
    pub fn is_closed(&self) -> bool {
        self.end == End::Close
    }
}
