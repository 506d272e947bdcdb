//! What RFC 6455 forbids a client, checked as soon as a frame's header has arrived.
//!
//! Part of the client's stream, below tungstenite, on the connection's thread. tungstenite finds most of these faults, too, but
//! only once the whole payload has arrived, and some not at all: lengths that are not minimal, and a message of endless empty
//! fragments, which would keep it busy for ever. It has one limit for frames of all kinds, though the longest message may be
//! shorter than a control frame. And it replaces a close code that must not be sent by a code of its own.

use tungstenite::protocol::WebSocketConfig;

use super::frame::{FrameHead, FrameScanner, Opcode, Scan};
use crate::close_code::{self, CloseReason, MESSAGE_TOO_BIG, POLICY_VIOLATION, PROTOCOL_ERROR};

/// Longest payload of a control frame in bytes (RFC 6455, 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// Fragments of one message without a byte of payload; more than this make no progress.
const MAX_EMPTY_FRAGMENTS: u32 = 128;

/// Bytes for a frame's header in tungstenite's write buffer, beside the longest payload.
const MAX_HEADER: usize = 16;

/// Bytes that tungstenite reads at once. It keeps a buffer of this size for every client; `read_ahead` reads more when more comes.
const READ_BUFFER: usize = 1280;

/// tungstenite's own limits. The rules here are exact: they know how long each kind of frame may be. `max_message` in bytes.
pub fn tungstenite_config(max_message: usize) -> WebSocketConfig {
    let longest_frame = max_message.max(MAX_CONTROL_PAYLOAD);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(longest_frame + MAX_HEADER)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(longest_frame))
}

/// Follows one client's frames.
pub struct FrameRules {
    scanner: FrameScanner,
    /// Longest message in bytes, and so longest data frame.
    max_message: usize,
    /// A fragmented message is on its way.
    fragmented: bool,
    empty_fragments: u32,
    /// A close frame is arriving: its mask, and its code as far as it has come.
    close_code: Option<([u8; 4], Vec<u8>)>,
}

/// The fault of a message, or a part of one, that is longer than this.
pub fn too_long(max_message: usize) -> CloseReason {
    let reason = format!("too_long: a message may have at most {max_message} bytes here");
    CloseReason::composed(MESSAGE_TOO_BIG, reason)
}

impl FrameRules {
    pub fn new(max_message: usize) -> Self {
        let scanner = FrameScanner::default();
        FrameRules { scanner, max_message, fragmented: false, empty_fragments: 0, close_code: None }
    }

    /// Checks bytes as they are read.
    ///
    /// # Errors
    /// The fault, and how many of the bytes come before the header that has it.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), (usize, CloseReason)> {
        let (mut at, mut frame) = (0, 0);
        loop {
            self.check_close_code(&bytes[at..]).map_err(|fault| (frame, fault))?;
            let (begin, consumed, verdict) = match self.scanner.scan(&bytes[at..]) {
                Scan::NeedMore => return Ok(()),
                Scan::Wrong { begin, wrong } => {
                    let fault = CloseReason::composed(PROTOCOL_ERROR, format!("bad_header: {wrong}"));
                    (begin, 0, Err(fault))
                }
                Scan::Head { begin, consumed, head } => (begin, consumed, self.check_head(&head)),
            };
            frame = at + begin;
            verdict.map_err(|fault| (frame, fault))?;
            at += consumed;
        }
    }

    /// The payload of a close frame begins with its code.
    fn check_close_code(&mut self, payload: &[u8]) -> Result<(), CloseReason> {
        let Some((mask, code)) = &mut self.close_code else { return Ok(()) };
        for byte in payload.iter().take(2 - code.len()) {
            code.push(byte ^ mask[code.len()]);
        }
        let &[high, low] = &code[..] else { return Ok(()) };
        self.close_code = None;
        let code = close_code::find(u16::from_be_bytes([high, low]));
        match code.is_some_and(|code| code.may_be_sent) {
            true => Ok(()),
            false => protocol_error("bad_close_code: a close code that must not be sent (RFC 6455, 7.4)"),
        }
    }

    /// The position of the stream in its frames.
    pub fn scanner(&self) -> &FrameScanner {
        &self.scanner
    }

    fn check_head(&mut self, head: &FrameHead) -> Result<(), CloseReason> {
        if head.reserved != 0 {
            return protocol_error(
                "reserved_bit: a reserved bit (RSV) is set, but no extension was agreed (RFC 6455, 5.2)",
            );
        }
        if head.mask.is_none() {
            return protocol_error("not_masked: a client must mask its frames (RFC 6455, 5.1)");
        }
        if !head.minimal {
            return protocol_error("length_form: the length is not in its shortest form (RFC 6455, 5.2)");
        }
        if head.opcode.is_control() {
            return match head {
                FrameHead { fin: false, .. } => protocol_error(
                    "fragmented_control: a control frame must not be fragmented (RFC 6455, 5.5)",
                ),
                FrameHead { length, .. } if *length > MAX_CONTROL_PAYLOAD as u64 => {
                    protocol_error("long_control: a control frame holds at most 125 bytes (RFC 6455, 5.5)")
                }
                FrameHead { opcode: Opcode::Close, length: 2.., mask: Some(mask), .. } => {
                    self.close_code = Some((*mask, Vec::with_capacity(2)));
                    Ok(())
                }
                _ => Ok(()),
            };
        }
        match (head.opcode == Opcode::Continuation, self.fragmented) {
            (true, false) => {
                return protocol_error(
                    "no_beginning: a continuation frame without a beginning (RFC 6455, 5.4)",
                );
            }
            (false, true) => {
                return protocol_error("interleaved: a new message inside a fragmented one (RFC 6455, 5.4)");
            }
            _ => {}
        }
        if head.length > self.max_message as u64 {
            return Err(too_long(self.max_message));
        }
        self.fragmented = !head.fin;
        self.empty_fragments = match head.length {
            0 if self.fragmented => self.empty_fragments + 1,
            _ if head.fin => 0,
            _ => self.empty_fragments,
        };
        if self.empty_fragments > MAX_EMPTY_FRAGMENTS {
            return Err(CloseReason::new(
                POLICY_VIOLATION,
                "empty_fragments: a message in endless empty fragments",
            ));
        }
        Ok(())
    }
}

fn protocol_error(reason: &'static str) -> Result<(), CloseReason> {
    Err(CloseReason::new(PROTOCOL_ERROR, reason))
}

#[cfg(test)]
mod tests;
