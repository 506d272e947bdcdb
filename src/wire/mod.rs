//! What went over the wire, frame by frame: for the log now, for the inspector later.
//!
//! Fed by the connection thread (bytes read) and by the broadcaster (bytes written), never the other way round.
//! It reads along and never changes a byte.

mod frames;
mod tap;

pub use frames::{
    FrameHead, FrameScanner, Opcode, Scan, WrongHeader, frame_end_after, whole_frames,
};

pub use tap::{Direction, Tap};

use std::fmt::Write;

/// Bytes of one stretch that `trace` shows; the rest is counted only.
const SHOWN_BYTES: usize = 128;

/// `81 85 37 fa 21 3d 7f 9f 4d 51 58`, cut at [`SHOWN_BYTES`].
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(3 * bytes.len().min(SHOWN_BYTES));
    for (position, byte) in bytes.iter().take(SHOWN_BYTES).enumerate() {
        let space = if position == 0 { "" } else { " " };
        let _ = write!(text, "{space}{byte:02x}");
    }
    if bytes.len() > SHOWN_BYTES {
        let _ = write!(text, " and {} more", bytes.len() - SHOWN_BYTES);
    }
    text
}
