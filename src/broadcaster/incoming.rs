//! What goes through the channel to the broadcaster: for a WebSocket the only way to its socket.
//!
//! Mostly made on a connection's thread, consumed on the broadcaster's. Holds finished values only: nothing in it has to be parsed
//! or waited for.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::cause::{Cause, Received, TcpEnd};
use super::endpoint::Endpoint;
use super::job::Job;
use crate::admission::Admission;
use crate::chat::{Command, Refusal};
use crate::client_id::ClientId;
use crate::limits::Permit;
use crate::tap::SendTap;
use crate::transport::Transport;

/// The steps of one connection come in the order in which its thread sent them: `Opened`, any number of `Command`, `Refused`,
/// `Frames` and `Run`, one `StoppedReading`, `Ended`. If the thread fails, `Ended` comes without `StoppedReading`. An
/// `Incoming` is small, because it is copied into the channel and out of it: what is large and rare is in a box.
pub enum Incoming {
    /// Step 1 is done: the 101 response is sent. From now on only the broadcaster writes to the socket.
    Opened { client: ClientId, opened: Box<Opened> },
    /// Step 2: the first message said what the address did not.
    Introduced { client: ClientId, endpoint: Box<Endpoint> },
    /// Step 2: a member of the chat sent a command, most often a message.
    Command { client: ClientId, command: Command },
    /// Step 2: a member sent what was not understood or not allowed.
    Refused { client: ClientId, refusal: Box<Refusal> },
    /// Step 2: whole frames for this client alone: a ping, a pong, an echo.
    Frames { client: ClientId, frames: Bytes },
    /// Step 3: the connection's thread reads no further message, for this cause. If the server had begun to close, it may be the
    /// client's answer.
    StoppedReading { client: ClientId, cause: Cause },
    /// TCP has ended; the connection's thread sends nothing more.
    Ended { client: ClientId, received: Received, tcp: TcpEnd },
    /// A feature wants this done on the broadcaster's thread.
    Run(Job),
    /// News for the [`Order`](super::Order), from other servers.
    News,
    /// From the signals' thread: send what is queued, close every connection with 1001 and end.
    ShutDown,
}

/// What a new WebSocket hands over.
pub struct Opened {
    pub socket: Arc<Transport>,
    /// When TCP was accepted.
    pub accepted: Instant,
    pub endpoint: Endpoint,
    pub admission: Admission,
    /// Counts it among the WebSockets until it is dropped.
    pub permit: Permit,
    pub tap: Box<dyn SendTap>,
    /// One more field for its `welcome`.
    pub welcome_field: Option<(&'static str, String)>,
}
