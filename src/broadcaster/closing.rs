//! Step 3 as a state machine: who began to close, who answered, who ended TCP, and what may be done next.
//!
//! A WebSocket is closed twice: by a close frame in each direction, then by TCP's end in each direction (RFC 6455, section
//! 7.1). No socket and no clock here; the broadcaster does what this state allows.

use std::fmt;
use std::io::{self, ErrorKind};

use bytes::Bytes;
use serde::Serialize;
use tungstenite::protocol::frame::{CloseFrame, Frame};

use crate::close_code::{self, CloseReason};

/// How the closing of a connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The client sent a close frame; `None` if it carried no code.
    Client(Option<CloseReason>),
    /// The client is at fault: it is told why, and nothing that it still sends is read (RFC 6455, 7.1.7).
    Fault(CloseReason),
    /// The client answered no ping. A close frame is sent in case it is there; to the others it was cut off.
    NoPong,
    /// The server wants to close: the client gets the time to answer.
    Server(CloseReason),
    /// TCP ended without a close frame.
    Cut(TcpEnd),
    /// The server ends TCP without a close frame: only when the client wants to see that.
    Dropped,
}

/// How the client's direction of TCP ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpEnd {
    /// In order, by a FIN.
    Fin,
    /// It had not ended by the deadline, so the server ended it.
    Forced,
    /// By a reset: the client's side dropped the connection at once.
    Reset,
    /// By another error of reading or writing, in the system's words.
    Failed(String),
    /// The connection's thread failed before it came to that.
    Unknown,
}

/// A side of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    Client,
    Server,
    /// Neither began: TCP ended without a close frame.
    Nobody,
}

/// What came from a client over the whole connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Received {
    pub messages: u64,
    /// Bytes after the handshake, frame headers included.
    pub bytes: u64,
}

/// The closing of one connection, both directions. The default is: open.
#[derive(Debug, Default)]
pub struct Closing {
    /// Set when it begins. What began first stays the cause.
    cause: Option<Cause>,
    /// How far our direction is.
    ours: Ours,
    /// What came from the client after, or in place of, our close frame.
    answer: Answer,
    /// The connection's thread is done: what came in, and how the client's direction of TCP ended.
    theirs: Option<(Received, TcpEnd)>,
    /// Which side ended TCP first.
    tcp_ended_by: Option<Party>,
    /// The server ended both directions at the deadline.
    forced: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Ours {
    /// Frames may still be sent; once closing has begun, the close frame is the last of them.
    #[default]
    Open,
    /// Ended in order: the kernel has the close frame and everything before it, and FIN follows.
    Sent,
    /// Ended without that.
    Cut,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    None,
    /// A close frame, of its own wish or as the answer to ours.
    CloseFrame,
    /// A fault, which ends all reading: no close frame will be seen.
    Fault,
}

const NO_PONG_REASON: &str = "no answer to our ping in time";
const NO_PONG: CloseReason = CloseReason::new(close_code::NO_PONG, NO_PONG_REASON);

impl Closing {
    pub fn has_begun(&self) -> bool {
        self.cause.is_some()
    }

    /// The close frame is about to be queued; or the client's answer has come.
    pub fn begin(&mut self, cause: Cause) {
        if let Cause::Client(_) = cause {
            self.answer = Answer::CloseFrame;
        }
        self.cause.get_or_insert(cause);
    }

    /// The client is at fault while we wait for its answer: nothing that it still sends is read (RFC 6455, 7.1.7).
    pub fn no_answer_will_come(&mut self) {
        self.answer = Answer::Fault;
    }

    /// Once everything is sent, our direction may end: not while the client may still answer our wish to close.
    pub fn may_end_ours(&self) -> bool {
        match &self.cause {
            _ if self.ours != Ours::Open => false,
            None => false,
            Some(Cause::Server(_)) => self.answer != Answer::None || self.theirs.is_some(),
            Some(_) => true,
        }
    }

    /// The kernel has the last byte, and our direction of TCP is ended.
    pub fn sent_all(&mut self) {
        self.ours = Ours::Sent;
        self.tcp_ended_by.get_or_insert(Party::Server);
    }

    /// Our direction of TCP is ended, whatever was still to be sent.
    pub fn ended_ours(&mut self) {
        if self.ours == Ours::Open {
            self.ours = Ours::Cut;
        }
        self.tcp_ended_by.get_or_insert(Party::Server);
    }

    /// The server ended both directions, whatever the client still does.
    pub fn forced(&mut self) {
        self.forced = true;
        self.ended_ours();
    }

    /// The connection's thread reads no more.
    pub fn tcp_ended(&mut self, received: Received, tcp: TcpEnd) {
        // A read that we ended ourselves looks like the client's FIN.
        let tcp = if self.forced && tcp == TcpEnd::Fin { TcpEnd::Forced } else { tcp };
        self.tcp_ended_by.get_or_insert(Party::Client);
        self.theirs = Some((received, tcp));
    }

    /// How the client's direction ended, once it has.
    pub fn tcp_end(&self) -> Option<&TcpEnd> {
        self.theirs.as_ref().map(|(_, tcp)| tcp)
    }

    /// Which side ended TCP first.
    pub fn tcp_ended_by(&self) -> Option<Party> {
        self.tcp_ended_by
    }

    /// What came in, once that is known.
    pub fn received(&self) -> Received {
        self.theirs.as_ref().map(|(received, _)| *received).unwrap_or_default()
    }

    /// How it began, if it has begun.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Which side began.
    pub fn by(&self) -> Option<Party> {
        self.cause().map(Cause::by)
    }

    /// The close frame of the side that did not begin has come, or gone.
    pub fn is_answered(&self) -> bool {
        match &self.cause {
            Some(Cause::Client(_)) => self.ours == Ours::Sent,
            Some(Cause::Fault(_) | Cause::NoPong | Cause::Server(_)) => {
                self.answer == Answer::CloseFrame
            }
            Some(Cause::Cut(_) | Cause::Dropped) | None => false,
        }
    }
}

impl Cause {
    /// What the others are told in a `left` event.
    pub fn left_reason(&self) -> CloseReason {
        match self {
            Cause::Client(Some(reason)) | Cause::Fault(reason) | Cause::Server(reason) => {
                reason.clone()
            }
            Cause::Client(None) => CloseReason::new(close_code::NO_STATUS, ""),
            Cause::NoPong => CloseReason::new(close_code::ABNORMAL, NO_PONG_REASON),
            Cause::Cut(_) | Cause::Dropped => CloseReason::new(close_code::ABNORMAL, ""),
        }
    }

    /// Which side began.
    pub fn by(&self) -> Party {
        match self {
            Cause::Client(_) => Party::Client,
            Cause::Fault(_) | Cause::NoPong | Cause::Server(_) | Cause::Dropped => Party::Server,
            Cause::Cut(_) => Party::Nobody,
        }
    }

    /// What stands in the close frame, or would if there were one.
    pub fn reason(&self) -> CloseReason {
        match self {
            Cause::NoPong => NO_PONG,
            cause => cause.left_reason(),
        }
    }

    /// The close frame that the server sends: unmasked; empty if the client's had no code (RFC 6455, 5.5.1). `None` where no one
    /// would read it.
    pub fn frame(&self) -> Option<Bytes> {
        let payload = match self {
            Cause::Cut(_) | Cause::Dropped => return None,
            Cause::Client(None) => None,
            cause => {
                let reason = cause.reason();
                Some(CloseFrame { code: reason.code().into(), reason: reason.reason().into() })
            }
        };
        let frame = Frame::close(payload);
        let mut bytes = Vec::with_capacity(frame.len());
        frame.format(&mut bytes).expect("invariant: writing into memory cannot fail");
        Some(Bytes::from(bytes))
    }
}

impl From<&io::Error> for TcpEnd {
    fn from(error: &io::Error) -> TcpEnd {
        match error.kind() {
            ErrorKind::ConnectionReset => TcpEnd::Reset,
            _ => TcpEnd::Failed(error.to_string()),
        }
    }
}

/// `closed by the server: 1001 (going away), answered by the client`
impl fmt::Display for Closing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cause) = &self.cause else { return write!(formatter, "open") };
        write!(formatter, "closed {cause}")?;
        match (cause, &self.theirs) {
            (Cause::Cut(_) | Cause::Dropped, _) => Ok(()),
            (Cause::Client(_), _) if self.is_answered() => {
                write!(formatter, ", answered by the server")
            }
            (_, _) if self.is_answered() => write!(formatter, ", answered by the client"),
            (_, Some((_, tcp))) => write!(formatter, "; {tcp}"),
            (_, None) => Ok(()),
        }
    }
}

/// Who and why: `by the client: 1001 (going away)`.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Client(Some(reason)) => write!(formatter, "by the client: {reason}"),
            Cause::Client(None) => {
                formatter.write_str("by the client: close frame without a code (1005)")
            }
            Cause::Fault(reason) | Cause::Server(reason) => {
                write!(formatter, "by the server: {reason}")
            }
            Cause::NoPong => write!(formatter, "by the server: {NO_PONG}"),
            Cause::Dropped => formatter
                .write_str("by the server without a close frame (1006), as the client wished"),
            Cause::Cut(end) => write!(formatter, "without a close frame (1006): {end}"),
        }
    }
}

impl fmt::Display for TcpEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpEnd::Fin => formatter.write_str("the client ended TCP"),
            TcpEnd::Forced => {
                formatter.write_str("the client did not end TCP in time, so the server did")
            }
            TcpEnd::Reset => formatter.write_str("the client reset TCP"),
            TcpEnd::Failed(error) => write!(formatter, "TCP failed: {error}"),
            TcpEnd::Unknown => formatter.write_str("it is not known how TCP ended"),
        }
    }
}

#[cfg(test)]
mod tests;
