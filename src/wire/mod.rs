//! What went over the wire, frame by frame: for the log, and for those who watch on `/wire`.
//!
//! Fed by the connection threads (bytes read) and by the broadcaster (bytes that the kernel took), never the other way
//! round. It reads along and never changes a byte; while nobody looks there is nothing to do.
//!
//! To be read in this order: `frames` (what a frame is), `tap` (finding them), `drawing` (in the log), `secrets` (what is
//! not shown), `key` (who may watch), `opening`, `record` and `watched` (the way to the inspector), `inspector` and `event` (what
//! watchers get).

mod drawing;
mod event;
mod frames;
mod inspector;
mod key;
mod opening;
mod record;
mod secrets;
mod tap;
mod watched;

#[cfg(any(test, fuzzing))]
pub use drawing::draw_all;
pub use drawing::{is_drawn, log_frames, log_tapped};
pub use event::{Amount, Event, Party};
pub use frames::{
    FrameHead, FrameScanner, Opcode, Scan, frame_end_after, put_frame, put_text_frame, whole_frames,
};
pub use inspector::{Shown, run as run_inspector};
pub use key::{Watch, WireKey, new_teacher_key};
pub use opening::{Accepted, Opening, Purpose};
#[cfg(any(test, fuzzing))]
pub use record::Record;
pub use record::{Closed, Recipient, ToInspector, What, channel};
pub use tap::{Tap, Tapped};
pub use watched::Watched;

use std::ops::Range;

/// What stands for a hidden byte.
const HIDDEN: &str = "··";

/// `8185`, with `··` for each byte in `hidden`.
fn hex(bytes: &[u8], hidden: &[Range<usize>]) -> String {
    joined_hex(bytes, hidden, "")
}

/// `81 85`
fn spaced_hex(bytes: &[u8], hidden: &[Range<usize>]) -> String {
    joined_hex(bytes, hidden, " ")
}

fn joined_hex(bytes: &[u8], hidden: &[Range<usize>], between: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(3 * bytes.len());
    for (position, byte) in bytes.iter().enumerate() {
        if position > 0 {
            text.push_str(between);
        }
        if hidden.iter().any(|range| range.contains(&position)) {
            text.push_str(HIDDEN);
        } else {
            text.push(DIGITS[usize::from(byte >> 4)].into());
            text.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
    text
}

/// The payload behind its mask (RFC 6455, 5.3): each byte XOR the key's, the key over and over.
fn unmasked(mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}
