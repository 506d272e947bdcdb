//! Frames as a small server needs them: read one of a client, make one for a client.

use std::io::{self, Read};

pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub masked: bool,
    pub length: u64,
    pub payload: Vec<u8>,
}

/// Longer payloads are not read.
pub const MAX: u64 = 1 << 20;

pub fn read(stream: &mut impl Read) -> io::Result<Frame> {
    let mut two = [0; 2];
    stream.read_exact(&mut two)?;
    let bytes = match two[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut long = [0; 8];
    stream.read_exact(&mut long[8 - bytes..])?;
    let length = if bytes == 0 { u64::from(two[1] & 0x7f) } else { u64::from_be_bytes(long) };
    let masked = two[1] & 0x80 != 0;
    let mut mask = [0; 4];
    if masked {
        stream.read_exact(&mut mask)?;
    }
    let mut payload = vec![0; if length > MAX { 0 } else { length as usize }];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok(Frame {
        fin: two[0] & 0x80 != 0,
        rsv: two[0] >> 4 & 7,
        opcode: two[0] & 0x0f,
        masked,
        length,
        payload,
    })
}

pub fn encode(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => bytes.push(length as u8),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}
