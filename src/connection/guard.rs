//! What RFC 6455 forbids a client, judged as soon as a frame's header is there.
//!
//! Part of the connection's stream, below tungstenite, on the WebSocket's thread. tungstenite finds most of these
//! faults too, but only once the whole payload has arrived, and some not at all: lengths that are not minimal, and a
//! message of endless empty fragments, which would keep it busy for ever. And it has one limit for frames of all kinds,
//! where the longest message may be shorter than a control frame.

use crate::close::{CloseReason, MESSAGE_TOO_BIG, POLICY_VIOLATION, PROTOCOL_ERROR};
use crate::wire::{FrameHead, FrameScanner, Opcode, Scan};

/// Longest payload of a control frame in bytes (RFC 6455, 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// Fragments of one message without a byte of payload; more than this make no progress.
const MAX_EMPTY_FRAGMENTS: u32 = 128;

/// Follows one client's frames.
pub struct FrameGuard {
    scanner: FrameScanner,
    /// Longest message in bytes, and so longest data frame.
    max_message: usize,
    /// A fragmented message is on its way.
    fragmented: bool,
    empty_fragments: u32,
}

/// The fault of a message, or a part of one, that is longer than this.
pub fn too_long(max_message: usize) -> CloseReason {
    let reason = format!("a message may have {max_message} bytes here");
    CloseReason::composed(MESSAGE_TOO_BIG, reason)
}

impl FrameGuard {
    pub fn new(max_message: usize) -> Self {
        let scanner = FrameScanner::default();
        FrameGuard { scanner, max_message, fragmented: false, empty_fragments: 0 }
    }

    /// Looks at bytes as they come in.
    ///
    /// # Errors
    /// The fault, and how many of the bytes stand before the header that has it.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), (usize, CloseReason)> {
        let mut at = 0;
        loop {
            let (begin, consumed, verdict) = match self.scanner.scan(&bytes[at..]) {
                Scan::NeedMore => return Ok(()),
                Scan::Wrong { begin, wrong } => {
                    let fault = CloseReason::composed(PROTOCOL_ERROR, wrong.to_string());
                    (begin, 0, Err(fault))
                }
                Scan::Head { begin, consumed, head } => (begin, consumed, self.judge(&head)),
            };
            verdict.map_err(|fault| (at + begin, fault))?;
            at += consumed;
        }
    }

    /// Where in a frame the stream stands.
    pub fn scanner(&self) -> &FrameScanner {
        &self.scanner
    }

    fn judge(&mut self, head: &FrameHead) -> Result<(), CloseReason> {
        if head.reserved != 0 {
            return protocol_error(
                "a reserved bit (RSV) is set, but no extension was agreed (RFC 6455, 5.2)",
            );
        }
        if head.mask.is_none() {
            return protocol_error("a client must mask its frames (RFC 6455, 5.1)");
        }
        if !head.minimal {
            return protocol_error("the length is not in its shortest form (RFC 6455, 5.2)");
        }
        if head.opcode.is_control() {
            return match head {
                FrameHead { fin: false, .. } => {
                    protocol_error("a control frame must not be fragmented (RFC 6455, 5.5)")
                }
                FrameHead { length, .. } if *length > MAX_CONTROL_PAYLOAD as u64 => {
                    protocol_error("a control frame holds at most 125 bytes (RFC 6455, 5.5)")
                }
                _ => Ok(()),
            };
        }
        match (head.opcode == Opcode::Continuation, self.fragmented) {
            (true, false) => return protocol_error("a continuation of nothing (RFC 6455, 5.4)"),
            (false, true) => {
                return protocol_error("a new message inside a fragmented one (RFC 6455, 5.4)");
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
            return Err(CloseReason::new(POLICY_VIOLATION, "a message in endless empty fragments"));
        }
        Ok(())
    }
}

fn protocol_error(reason: &'static str) -> Result<(), CloseReason> {
    Err(CloseReason::new(PROTOCOL_ERROR, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<(), (usize, u16)> {
        FrameGuard::new(100).check(bytes).map_err(|(at, fault)| (at, fault.code()))
    }

    #[test]
    fn good_frames_pass_and_the_first_wrong_header_is_found_behind_them() {
        let good = b"\x01\x81abcd.\x89\x80abcd\x80\x81abcd.\x88\x82abcd..";
        assert_eq!(check(good), Ok(()));
        let mut with_fault = good.to_vec();
        with_fault.extend(b"\xc1\x80abcd");
        assert_eq!(check(&with_fault), Err((good.len(), PROTOCOL_ERROR)));
    }

    #[test]
    fn each_forbidden_header_is_a_protocol_error() {
        for bytes in [
            &b"\xc1\x80abcd"[..],
            b"\xa1\x80abcd",
            b"\x91\x80abcd",
            b"\x83\x80abcd",
            b"\x8b\x80abcd",
            b"\x81\x05Hello",
            b"\x81\xfe\x00\x7dabcd",
            b"\x81\xff\0\0\0\0\0\0\xff\xffabcd",
            b"\x82\xff\x80\0\0\0\0\0\0\0abcd",
            b"\x09\x80abcd",
            b"\x89\xfe\x00\x7eabcd",
            b"\x80\x80abcd",
            b"\x01\x80abcd\x81\x80abcd",
        ] {
            assert_eq!(check(bytes).map_err(|(_, code)| code), Err(PROTOCOL_ERROR), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_data_frame_may_be_as_long_as_a_message_and_a_control_frame_as_125_bytes() {
        assert_eq!(check(b"\x81\xe4abcd"), Ok(()));
        assert_eq!(check(b"\x81\xe5abcd"), Err((0, MESSAGE_TOO_BIG)));

        assert_eq!(check(b"\x89\xfdabcd"), Ok(()));
    }

    #[test]
    fn endless_empty_fragments_end() {
        let mut bytes = b"\x01\x80abcd".to_vec();
        bytes.extend(b"\x00\x80abcd".repeat(127));
        assert_eq!(check(&bytes), Ok(()));
        bytes.extend(b"\x00\x80abcd");
        assert_eq!(check(&bytes).map_err(|(_, code)| code), Err(POLICY_VIOLATION));
    }
}
