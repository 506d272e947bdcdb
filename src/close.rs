//! The close codes of RFC 6455, section 7.4, and our own: one table for the whole program.
//!
//! The connection thread names a code when the client is at fault, the broadcaster when the server is; only the
//! broadcaster turns one into a close frame. Plain data, usable from every thread.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use tungstenite::protocol::frame::{CloseFrame, Frame};

/// Longest reason in bytes: a control frame's payload is at most 125, two of them are the code (RFC 6455, 5.5).
pub const MAX_REASON: usize = 123;

pub const NORMAL: u16 = 1000;
pub const GOING_AWAY: u16 = 1001;
pub const PROTOCOL_ERROR: u16 = 1002;
pub const UNSUPPORTED_DATA: u16 = 1003;
/// Never on the wire: the close frame had no code.
pub const NO_STATUS: u16 = 1005;
/// Never on the wire: the connection ended without a close frame.
pub const ABNORMAL: u16 = 1006;
pub const INVALID_PAYLOAD: u16 = 1007;
pub const POLICY_VIOLATION: u16 = 1008;
pub const MESSAGE_TOO_BIG: u16 = 1009;
pub const INTERNAL_ERROR: u16 = 1011;
pub const SLOW_READER: u16 = 4008;
pub const NO_PONG: u16 = 4012;

/// What a code means, in words a student understands.
pub fn meaning(code: u16) -> &'static str {
    match code {
        NORMAL => "normal closure",
        GOING_AWAY => "going away",
        PROTOCOL_ERROR => "protocol error",
        UNSUPPORTED_DATA => "unsupported data",
        NO_STATUS => "no code in the close frame",
        ABNORMAL => "no close frame",
        INVALID_PAYLOAD => "text that is not UTF-8",
        POLICY_VIOLATION => "policy violation",
        MESSAGE_TOO_BIG => "message too big",
        1010 => "the client wanted an extension",
        INTERNAL_ERROR => "a fault of the server",
        SLOW_READER => "slow reader",
        NO_PONG => "no pong in time",
        3000..=3999 => "registered by a library",
        4000..=4999 => "private use",
        _ => "unknown code",
    }
}

/// A code and the words that go with it, as they stand in a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    pub code: u16,
    /// At most [`MAX_REASON`] bytes.
    pub reason: Cow<'static, str>,
}

impl CloseReason {
    pub const fn new(code: u16, reason: &'static str) -> Self {
        assert!(reason.len() <= MAX_REASON);
        CloseReason {
            code,
            reason: Cow::Borrowed(reason),
        }
    }
}

impl From<CloseFrame> for CloseReason {
    fn from(frame: CloseFrame) -> Self {
        CloseReason {
            code: frame.code.into(),
            reason: frame.reason.as_str().to_owned().into(),
        }
    }
}

/// `1001 (going away), reason "bye"`. The reason may be a stranger's text: control characters come out escaped.
impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.code, meaning(self.code))?;
        if !self.reason.is_empty() {
            write!(formatter, ", reason {:?}", self.reason)?;
        }
        Ok(())
    }
}

/// How the closing of a connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The client sent a close frame; `None` if it carried no code.
    Client(Option<CloseReason>),
    /// The client is at fault: it is told why, and nothing it still sends is read (RFC 6455, 7.1.7).
    Fault(CloseReason),
    /// The server wants to end it: the client is given the time to answer.
    Server(CloseReason),
    /// TCP ended without a close frame.
    Cut(TcpEnd),
}

/// How the client's direction of TCP ended, as its reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpEnd {
    /// In order, by a FIN.
    Fin,
    /// It had not ended when our patience did, so we ended it.
    Abandoned,
    /// By an error, in the system's words; `Connection reset by peer` for one.
    Failed(String),
}

impl fmt::Display for TcpEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpEnd::Fin => write!(formatter, "the client ended TCP"),
            TcpEnd::Abandoned => write!(
                formatter,
                "the client did not end TCP in time, so the server did"
            ),
            TcpEnd::Failed(error) => write!(formatter, "TCP failed: {error}"),
        }
    }
}

impl Cause {
    /// What the others are told in a `left` event. A client that never answered our ping was cut off, whatever we
    /// sent after it.
    pub fn told(&self) -> CloseReason {
        match self {
            Cause::Client(Some(reason)) => reason.clone(),
            Cause::Client(None) => CloseReason::new(NO_STATUS, ""),
            Cause::Fault(reason) | Cause::Server(reason) if reason.code == NO_PONG => CloseReason {
                code: ABNORMAL,
                reason: reason.reason.clone(),
            },
            Cause::Fault(reason) | Cause::Server(reason) => reason.clone(),
            Cause::Cut(_) => CloseReason::new(ABNORMAL, ""),
        }
    }

    /// The close frame that the server sends; `None` where there is nobody to read one.
    pub fn frame(&self) -> Option<Bytes> {
        match self {
            Cause::Client(reason) => Some(close_frame(reason.as_ref())),
            Cause::Fault(reason) | Cause::Server(reason) => Some(close_frame(Some(reason))),
            Cause::Cut(_) => None,
        }
    }
}

/// Who and why: `by the client: 1001 (going away)`.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Client(Some(reason)) => write!(formatter, "by the client: {reason}"),
            Cause::Client(None) => write!(
                formatter,
                "by the client: close frame without a code (1005)"
            ),
            Cause::Fault(reason) | Cause::Server(reason) => {
                write!(formatter, "by the server: {reason}")
            }
            Cause::Cut(how) => write!(formatter, "without a close frame (1006): {how}"),
        }
    }
}

/// The bytes of a close frame as a server sends it: unmasked; without a reason an empty one (RFC 6455, 5.5.1).
fn close_frame(reason: Option<&CloseReason>) -> Bytes {
    let payload = reason.map(|reason| CloseFrame {
        code: reason.code.into(),
        reason: reason.reason.as_ref().into(),
    });
    let frame = Frame::close(payload);
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing into memory cannot fail; were it to, nothing is sent rather than half a frame.
    if frame.format(&mut bytes).is_err() {
        bytes.clear();
    }
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_carries_its_code_in_network_order_and_its_reason() {
        let reason = CloseReason::new(GOING_AWAY, "bye");
        assert_eq!(&close_frame(Some(&reason))[..], b"\x88\x05\x03\xe9bye");
        assert_eq!(&close_frame(None)[..], b"\x88\x00");
    }

    #[test]
    fn a_strangers_reason_cannot_forge_a_log_line() {
        let reason = CloseReason {
            code: 1000,
            reason: "x\nINFO conn 1: forged".into(),
        };
        assert!(!reason.to_string().contains('\n'));
    }
}
