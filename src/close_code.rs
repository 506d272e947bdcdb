//! The close codes of RFC 6455, section 7.4, and our own: one table for the whole program.
//!
//! The connection's thread chooses a code when the client is at fault, the broadcaster when the server wants to close. The chat
//! announces with which code a member left. Plain data for every thread; only the broadcaster makes a frame of it.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest reason in bytes: a control frame's payload is at most 125, two of them are the code (RFC 6455, 5.5).
pub const MAX_REASON: usize = 123;

/// One close code, or a range of codes with the same meaning.
pub struct CloseCode {
    pub first: u16,
    pub last: u16,
    /// In the log, in words a student understands. Documents and page have a row for each, which a test compares.
    pub meaning: &'static str,
    /// A close frame may carry it (RFC 6455, 7.4). 1005 and 1006 only say that there was no code, or no frame.
    pub may_be_sent: bool,
    /// The page connects again by itself; else a person has to decide first.
    pub comes_back: bool,
    /// How long the name is kept for a member who may come back with its session.
    pub name_kept: Duration,
}

/// How long a name is kept: not at all, since the member wanted to go; for the time that a page takes to load again; for the time that a
/// dropped connection may take to come back.
const NO: Duration = Duration::ZERO;
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(30);

/// All valid codes, each once, in order. 1014 is missing: tungstenite does not know it and would treat the client's answer as a
/// fault.
#[rustfmt::skip]
pub const CLOSE_CODES: &[CloseCode] = &[
    //   code                meaning                                may be sent, comes back; name kept
    row(NORMAL,            "normal closure",                        [true,  true], NO),
    row(GOING_AWAY,        "going away",                            [true,  true], SHORT),
    row(PROTOCOL_ERROR,    "protocol error",                        [true,  true], NO),
    row(UNSUPPORTED_DATA,  "unsupported data",                      [true,  true], NO),
    row(NO_STATUS,         "no code in the close frame",            [false, true], NO),
    row(ABNORMAL,          "no close frame",                        [false, true], LONG),
    row(INVALID_PAYLOAD,   "text that is not UTF-8",                [true,  true], NO),
    row(POLICY_VIOLATION,  "policy violation",                      [true,  true], NO),
    row(MESSAGE_TOO_BIG,   "message too big",                       [true,  true], NO),
    row(1010,              "the client wanted an extension",        [true,  true], NO),
    row(INTERNAL_ERROR,    "a fault of the server",                 [true,  true], LONG),
    row(1012,              "the service restarts",                  [true,  true], NO),
    row(TRY_AGAIN_LATER,   "try again later",                       [true,  true], NO),
    range(3000..=3999,     "registered by a library",               [true,  true], NO),
    range(4000..=4007,     "private use",                           [true,  true], LONG),
    row(SLOW_READER,       "slow reader",                           [true,  true], LONG),
    range(4009..=4011,     "private use",                           [true,  true], LONG),
    row(NO_PONG,           "no pong in time",                       [true,  true], LONG),
    row(LOST_TOUCH,        "lost touch with the other servers",     [true,  true], LONG),
    range(4014..=4499,     "private use",                           [true,  true], LONG),
    row(SIGNED_OUT,        "signed out",                            [true,  false], NO),
    row(SESSION_CONTINUED, "continued on another connection",       [true,  false], NO),
    row(EXPELLED,          "closed by the teacher",                 [true,  false], NO),
    range(4503..=4999,     "private use",                           [true,  false], NO),
];

/// The purpose of the connection is fulfilled.
pub const NORMAL: u16 = 1000;
/// The tab is closed or loads again, or the server shuts down.
pub const GOING_AWAY: u16 = 1001;
/// A frame that RFC 6455 forbids.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A kind of frame that is not accepted here.
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
/// The server accepts no new member at the moment (registered with IANA).
pub const TRY_AGAIN_LATER: u16 = 1013;
/// Our own: the client's send queue is full.
pub const SLOW_READER: u16 = 4008;
/// Our own: the client did not answer a ping.
pub const NO_PONG: u16 = 4012;
/// Our own: this server had lost touch with the others that share the chat, or all of them begin a new chat.
pub const LOST_TOUCH: u16 = 4013;
/// Our own: the sign-in is no longer valid.
pub const SIGNED_OUT: u16 = 4500;
/// Our own: the session continues on another connection.
pub const SESSION_CONTINUED: u16 = 4501;
/// Our own: a teacher closed the member's connections; it may come back after a time.
pub const EXPELLED: u16 = 4502;

const fn row(code: u16, meaning: &'static str, columns: [bool; 2], name_kept: Duration) -> CloseCode {
    range(code..=code, meaning, columns, name_kept)
}

const fn range(
    codes: RangeInclusive<u16>,
    meaning: &'static str,
    columns: [bool; 2],
    name_kept: Duration,
) -> CloseCode {
    let [may_be_sent, comes_back] = columns;
    let (first, last) = (*codes.start(), *codes.end());
    CloseCode { first, last, meaning, may_be_sent, comes_back, name_kept }
}

/// The row of a code. A client may send any number; a code without a row is not valid.
pub fn find(code: u16) -> Option<&'static CloseCode> {
    CLOSE_CODES.iter().find(|row| (row.first..=row.last).contains(&code))
}

/// What a code means, in words a student understands.
pub fn meaning(code: u16) -> &'static str {
    find(code).map_or("unknown code", |row| row.meaning)
}

/// A code and the words that go with it, as they stand in a close frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReason {
    code: u16,
    /// At most [`MAX_REASON`] bytes.
    reason: Cow<'static, str>,
}

impl CloseReason {
    pub const SHUTTING_DOWN: CloseReason =
        CloseReason::new(GOING_AWAY, "shutting_down: the server is shutting down");
    pub const TRY_LATER: CloseReason =
        CloseReason::new(TRY_AGAIN_LATER, "unavailable: the server has lost touch with the others");
    pub const THREAD_FAILED: CloseReason =
        CloseReason::new(INTERNAL_ERROR, "server_fault: a fault of the server; it is in the server's log");

    /// A reason of ours: its key, by which a page finds its words in another language, then a sentence: `no_pong: no answer to our
    /// ping in time`. One that is too long, or has no key, does not compile.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        assert!(reason.len() <= MAX_REASON && (reason.is_empty() || has_key(reason.as_bytes())));
        CloseReason { code, reason: Cow::Borrowed(reason) }
    }

    /// A reason that is made at run time, cut at [`MAX_REASON`] bytes.
    pub fn composed(code: u16, mut reason: String) -> Self {
        // Whole characters alone.
        let end = (0..=MAX_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or(0));
        CloseReason { code, reason: Cow::Owned(reason) }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// It begins with small letters and `_`, then `: `.
const fn has_key(reason: &[u8]) -> bool {
    let mut length = 0;
    while length < reason.len() && (reason[length].is_ascii_lowercase() || reason[length] == b'_') {
        length += 1;
    }
    length > 0 && length + 1 < reason.len() && reason[length] == b':' && reason[length + 1] == b' '
}

/// `1001 (going away), reason "bye"`. The reason may be text from the client: control characters are escaped.
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
mod tests;
