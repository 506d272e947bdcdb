//! How a connection's closing began, and how its TCP ended: for the log, the close frame and the `left` event.
//!
//! Made by the connection's thread where the client closes or is at fault, by the broadcaster where the server closes.

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
    /// The client is at fault: it gets the reason, and nothing that it still sends is read (RFC 6455, 7.1.7).
    Fault(CloseReason),
    /// The client answered no ping. A close frame is sent in case it still reads. The `left` event says 1006.
    NoPong,
    /// The server wants to close: the client gets the time to answer.
    Server(CloseReason),
    /// TCP ended without a close frame.
    Cut(TcpEnd),
    /// The server ends TCP without a close frame: only if the client asked for that.
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
    /// TCP ended without a close frame.
    #[serde(rename = "nobody")]
    Neither,
}

/// What came from a client over the whole connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Received {
    pub messages: u64,
    /// Bytes after the handshake, frame headers included.
    pub bytes: u64,
}

const NO_PONG_REASON: &str = "no_pong: no answer to our ping in time";
const NO_PONG: CloseReason = CloseReason::new(close_code::NO_PONG, NO_PONG_REASON);

impl Cause {
    /// Code and reason of the `left` event, for the other members.
    pub fn left_reason(&self) -> CloseReason {
        match self {
            Cause::Client(Some(reason)) | Cause::Fault(reason) | Cause::Server(reason) => reason.clone(),
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
            Cause::Cut(_) => Party::Neither,
        }
    }

    /// What stands in the close frame, or would if there were one.
    pub fn reason(&self) -> CloseReason {
        match self {
            Cause::NoPong => NO_PONG,
            cause => cause.left_reason(),
        }
    }

    /// The close frame that the server sends: unmasked; empty if the client's had no code (RFC 6455, 5.5.1). `None` if TCP ends
    /// without one.
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

/// Which side, and why: `by the client: 1001 (going away)`.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Client(Some(reason)) => write!(formatter, "by the client: {reason}"),
            Cause::Client(None) => formatter.write_str("by the client: close frame without a code (1005)"),
            Cause::Fault(reason) | Cause::Server(reason) => {
                write!(formatter, "by the server: {reason}")
            }
            Cause::NoPong => write!(formatter, "by the server: {NO_PONG}"),
            Cause::Dropped => {
                formatter.write_str("by the server without a close frame (1006), as the client asked")
            }
            Cause::Cut(end) => write!(formatter, "without a close frame (1006): {end}"),
        }
    }
}

impl fmt::Display for TcpEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpEnd::Fin => formatter.write_str("the client ended TCP"),
            TcpEnd::Forced => formatter.write_str("the client did not end TCP in time, so the server did"),
            TcpEnd::Reset => formatter.write_str("the client reset TCP"),
            TcpEnd::Failed(error) => write!(formatter, "TCP failed: {error}"),
            TcpEnd::Unknown => formatter.write_str("it is not known how TCP ended"),
        }
    }
}
