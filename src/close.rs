//! The close codes of RFC 6455, section 7.4, and our own: one table for the whole program.
//!
//! The connection thread names a code when the client is at fault, the broadcaster when the server wants to end, the
//! chat passes on how somebody left. Plain data, usable from every thread; only the broadcaster makes a frame of it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest reason in bytes: a control frame's payload is at most 125, two of them are the code (RFC 6455, 5.5).
pub const MAX_REASON: usize = 123;

/// The purpose of the connection is fulfilled.
pub const NORMAL: u16 = 1000;
/// The tab is closed, or the server shuts down.
pub const GOING_AWAY: u16 = 1001;
/// A frame that RFC 6455 forbids.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A kind of frame that is not taken here.
pub const UNSUPPORTED_DATA: u16 = 1003;
/// Never on the wire: the close frame had no code.
pub const NO_STATUS: u16 = 1005;
/// Never on the wire: the connection ended without a close frame.
pub const ABNORMAL: u16 = 1006;
/// Text that is not UTF-8.
pub const INVALID_PAYLOAD: u16 = 1007;
/// Against our own rules: too fast, or no progress.
pub const POLICY_VIOLATION: u16 = 1008;
/// Longer than `--max-message`.
pub const MESSAGE_TOO_BIG: u16 = 1009;
/// A fault of ours.
pub const INTERNAL_ERROR: u16 = 1011;
/// The server cannot take anybody just now (registered with IANA).
pub const TRY_AGAIN_LATER: u16 = 1013;
/// Our own: more waits for the client than may wait.
pub const SLOW_READER: u16 = 4008;
/// Our own: the client did not answer a ping.
pub const NO_PONG: u16 = 4012;
/// Our own: this server had lost touch with the others that share the chat, or all of them begin a new one.
pub const OUT_OF_TOUCH: u16 = 4013;
/// Our own: the sign-in holds no more.
pub const SIGNED_OUT: u16 = 4500;
/// Our own: the session goes on on another connection.
pub const SESSION_CONTINUED: u16 = 4501;

/// The code may stand in a close frame (RFC 6455, 7.4): it is defined or free to use, and not only a name for what was
/// never sent. The newest, 1014, is left out: tungstenite does not know it, and would take the client's answer for a fault.
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999)
}

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
        TRY_AGAIN_LATER => "try again later",
        SLOW_READER => "slow reader",
        NO_PONG => "no pong in time",
        OUT_OF_TOUCH => "out of touch with the other servers",
        SIGNED_OUT => "signed out",
        SESSION_CONTINUED => "continued on another connection",
        3000..=3999 => "registered by a library",
        4000..=4999 => "private use",
        _ => "unknown code",
    }
}

/// A code and the words that go with it, as they stand in a close frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReason {
    code: u16,
    /// At most [`MAX_REASON`] bytes.
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// A reason of ours; one that is too long does not compile.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        assert!(reason.len() <= MAX_REASON);
        CloseReason { code, reason: Cow::Borrowed(reason) }
    }

    /// A reason put together at run time, cut at [`MAX_REASON`] bytes.
    pub fn composed(code: u16, mut reason: String) -> Self {
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        CloseReason { code, reason: Cow::Owned(reason) }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn reason(&self) -> &str {
        &self.reason
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_reason_cannot_forge_a_log_line() {
        let reason = CloseReason::composed(1000, "x\nINFO conn 1: forged".to_owned());
        assert!(!reason.to_string().contains('\n'));
    }

    #[test]
    fn a_composed_reason_fits_a_close_frame() {
        assert_eq!(CloseReason::composed(1002, "ñ".repeat(100)).reason().len(), 122);
    }
}
