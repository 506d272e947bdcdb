//! The faults of a client, and the close code for each.
//!
//! On the connection's thread. Faults of single frames are found by `frame_rules`, all others by tungstenite or the session.

use std::fmt;

use tungstenite::error::{Error, ProtocolError};

use super::frame_rules::too_long;
use crate::broadcaster::{Cause, TcpEnd};
use crate::close_code::{self, CloseReason};

pub const BINARY: CloseReason = CloseReason::new(
    close_code::UNSUPPORTED_DATA,
    "binary: the chat accepts text only; binary frames are for /echo",
);
pub const ONLY_LISTEN: CloseReason = CloseReason::new(
    close_code::UNSUPPORTED_DATA,
    "only_listen: the inspector only sends: it accepts no messages",
);
pub const TOO_FAST: CloseReason =
    CloseReason::new(close_code::POLICY_VIOLATION, "too_fast: too many messages a second");
const NOT_UTF8: CloseReason =
    CloseReason::new(close_code::INVALID_PAYLOAD, "not_unicode: the text is not valid UTF-8");

/// The error with which reading ends at a fault of the client.
#[derive(Debug)]
pub struct ClientFault(pub CloseReason);

impl fmt::Display for ClientFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for ClientFault {}

/// What an error of tungstenite or of the socket means for the connection. `max_message` in bytes.
pub fn cause_of(error: Error, max_message: usize) -> Cause {
    match error {
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(ClientFault(fault)) => Cause::Fault(fault.clone()),
            None => Cause::Cut(TcpEnd::from(&error)),
        },
        // tungstenite's name for the end of the stream; a real reset is an `Io` error.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Cut(TcpEnd::Fin),
        Error::Utf8(_) => Cause::Fault(NOT_UTF8),
        Error::Capacity(_) => Cause::Fault(too_long(max_message)),
        Error::Protocol(fault) => {
            Cause::Fault(CloseReason::composed(close_code::PROTOCOL_ERROR, format!("protocol: {fault}")))
        }
        // No client can cause these.
        ours => {
            Cause::Fault(CloseReason::composed(close_code::INTERNAL_ERROR, format!("server_fault: {ours}")))
        }
    }
}
