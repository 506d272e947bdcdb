//! Draws frames in the log: one line each at the level `debug`, all bits and bytes at `trace`.
//!
//! Called on the connections' threads (received frames) and the broadcaster's (sent frames), if the log has that level. Must never
//! log a secret.
//!
//! ```text
//! conn 3: from client: text frame, FIN, masked, 5 bytes
//! conn 3: |  81                       1 000 0001  FIN, RSV 000, opcode 1: text
//! conn 3: |  85                       1 0000101   MASK, length 5
//! conn 3: |  37 fa 21 3d              masking key
//! conn 3: |  7f 9f 4d 51 58           payload as it came
//! conn 3: |  48 65 6c 6c 6f           unmasked
//! conn 3: |                           "Hello"
//! ```

use std::ops::Range;

use log::{Level, debug, log_enabled, trace};

use super::frame_tap::Tapped;
use super::hex::{spaced_hex, unmasked};
use super::secrets;
use crate::broadcaster::Party;
use crate::client_id::ClientId;
use crate::close_code;
use crate::tap::Privacy;
use crate::websocket::frame::{FrameHead, KeptFrame, KeptFrames, Opcode};

/// Bytes of one payload that are drawn; only the number of the rest is.
const DRAWN_PAYLOAD: usize = 64;

/// Payload bytes per line.
const LINE: usize = 8;

/// Logs what a tap found.
pub fn log_tapped(client: ClientId, tapped: &Tapped, privacy: Privacy) {
    match tapped {
        Tapped::Frame { frame, .. } if privacy == Privacy::Secret => {
            let head = KeptFrames { rest: frame }.next().map(|kept| kept.head.to_string());
            debug!("{client}: from client: {}, with its secrets", head.unwrap_or_default());
        }
        Tapped::Frame { frame, cut } => log_frames(client, Party::Client, frame, *cut),
        Tapped::Broken { header, wrong } => {
            debug!("{client}: from client: no frame may begin with {}: {wrong}", spaced_hex(header, &[]));
        }
    }
}

/// Logs frames. Long ones are shortened; with `cut`, the last is incomplete.
pub fn log_frames(client: ClientId, from: Party, bytes: &[u8], cut: bool) {
    let direction = if from == Party::Client { "from client" } else { "to client" };
    let mut frames = KeptFrames { rest: bytes };
    while let Some(kept) = frames.next() {
        let cut = if cut && frames.rest.is_empty() { ", cut off" } else { "" };
        debug!("{client}: {direction}: {}{cut}", kept.head);
        if log_enabled!(Level::Trace) {
            for line in draw(&kept, from) {
                trace!("{client}: |  {line}");
            }
        }
    }
    if !frames.rest.is_empty() {
        let header = spaced_hex(frames.rest, &[]);
        debug!("{client}: {direction}: an incomplete header: {header}");
    }
}

/// The lines of all frames, at any log level.
pub fn draw_all(from: Party, bytes: &[u8]) -> Vec<String> {
    KeptFrames { rest: bytes }.flat_map(|kept| draw(&kept, from)).collect()
}

/// The lines of one frame.
fn draw(frame: &KeptFrame<'_>, from: Party) -> Vec<String> {
    let KeptFrame { head, header, payload } = frame;
    let line = |bytes: &[u8], meaning: String| format!("{:<23}  {meaning}", spaced_hex(bytes, &[]));
    let bit = |set: bool| u8::from(set);
    let fin = if head.fin { "FIN" } else { "not FIN" };
    let mask = if head.mask.is_some() { "MASK" } else { "not MASK" };
    let mut lines = vec![line(
        &header[..1],
        format!(
            "{} {:03b} {:04b}  {fin}, RSV {:03b}, opcode {:x}: {}",
            bit(head.fin),
            head.reserved,
            head.opcode.number(),
            head.reserved,
            head.opcode.number(),
            head.opcode.name()
        ),
    )];
    let key = if head.mask.is_some() { 4 } else { 0 };
    let (length, key) = header[1..].split_at(header.len() - 1 - key);
    let in_bits = match head.length_bits {
        7 => String::new(),
        bits => format!(" in the next {bits} bits"),
    };
    let first = length[0];
    let drawn = format!("{} {:07b}   {mask}, length {}{in_bits}", first >> 7, first & 0x7f, head.length);
    lines.push(line(&length[..1], drawn));
    if length.len() > 1 {
        lines.push(line(&length[1..], format!("length {}", head.length)));
    }
    if !key.is_empty() {
        lines.push(line(key, "masking key".to_owned()));
    }

    let plain = head.mask.map(|mask| unmasked(mask, payload));
    let read = plain.as_deref().unwrap_or(payload);
    let secret = if from == Party::Client { Vec::new() } else { secrets::in_payload(read) };
    let drawn = payload.len().min(DRAWN_PAYLOAD);
    for begin in (0..drawn).step_by(LINE) {
        let place = begin..drawn.min(begin + LINE);
        // The positions of secret bytes in this line.
        let here: Vec<_> =
            secret.iter().map(|range| range.start.max(begin) - begin..range.end.max(begin) - begin).collect();
        let hex = |bytes: &[u8]| spaced_hex(&bytes[place.clone()], &here);
        // Only the first line has the label.
        let label = |name| if begin == 0 { name } else { "" };
        if plain.is_some() {
            lines.push(format!("{:<23}  {}", hex(payload), label("payload as it came")));
            lines.push(format!("{:<23}  {}", hex(read), label("unmasked")));
        } else {
            lines.push(format!("{:<23}  {}", hex(read), label("payload")));
        }
    }
    if drawn > 0 {
        lines.push(format!("{:<23}  {}", "", text(head, &read[..drawn], &secret)));
    }
    if head.length > drawn as u64 {
        lines.push(format!("and {} bytes more", head.length - drawn as u64));
    }
    lines
}

/// The payload as text; of a close frame its code and reason.
fn text(head: &FrameHead, payload: &[u8], secret: &[Range<usize>]) -> String {
    let mut bytes = payload.to_vec();
    for range in secret {
        let end = range.end.min(bytes.len());
        bytes[range.start.min(end)..end].fill(b'*');
    }
    match bytes.split_first_chunk() {
        Some((code, reason)) if head.opcode == Opcode::Close => {
            let code = u16::from_be_bytes(*code);
            let reason = String::from_utf8_lossy(reason);
            format!("code {code} ({}), reason {reason:?}", close_code::meaning(code))
        }
        _ => format!("{:?}", String::from_utf8_lossy(&bytes)),
    }
}

#[cfg(test)]
mod tests;
