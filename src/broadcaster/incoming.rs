//! What connection threads tell the broadcaster: the only way from them to a client's socket.
//!
//! Made on a connection's thread, used up on the broadcaster's. Holds finished values only: nothing in it needs to be
//! parsed or waited for.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Instant;

use bytes::Bytes;

use super::closing::{Cause, TcpEnd};
use crate::accounts::{Admission, Ended};
use crate::backplane::News;
use crate::chat::{Command, Entrance, Refusal};
use crate::client_id::ClientId;
use crate::seats::Seat;
use crate::wire::{Opening, Shown, Tapped, Watch};

/// One step in the life of a connection. Each connection's own come in the order in which its thread sent them:
/// `Opened`, any number of `Said`, `Frames` and `Tapped`, one `Closing`, `Ended`. Small, as it is copied into the channel and
/// out of it: what is large and rare is in a box.
pub enum Incoming {
    /// Step 1 is done: the 101 answer is sent, and from now on only the broadcaster writes to its socket.
    Opened { client: ClientId, newcomer: Newcomer, endpoint: Box<Endpoint> },
    /// Step 2: a member of the chat sent a text message, understood or not.
    Said { client: ClientId, said: Result<Command, Refusal> },
    /// Step 2: whole frames for this client alone: a ping, a pong, an echo.
    Frames { client: ClientId, frames: Bytes },
    /// Step 3: nothing more is read as a message. If the server had begun the closing, this is the client's answer.
    Closing { client: ClientId, cause: Cause },
    /// TCP is at its end; the connection's thread says nothing more.
    Ended { client: ClientId, received: Received, tcp: TcpEnd },
    /// Something was read from a client that may be watched; comes before what it means.
    Tapped { client: ClientId, at: Instant, tapped: Tapped },
    /// A request was refused while somebody watched.
    Refused(Arc<Opening>),
    /// The inspector has events for a watcher.
    Shown(Shown),
    /// Admissions have ended: whoever holds one must go. Nobody who comes later can be of an account that is gone.
    SignedOut(Ended),
    /// News of the backplane, where several servers share the chat.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    Backplane(News),
    /// Send what is queued, close everybody with 1001 and end.
    ShutDown,
}

/// What a new WebSocket hands over.
pub struct Newcomer {
    pub socket: Arc<TcpStream>,
    /// Its place among the WebSockets.
    pub seat: Seat,
    /// What let it in, where not everybody may come in.
    pub admission: Option<Admission>,
    /// How it began.
    pub opening: Arc<Opening>,
}

/// What a WebSocket was opened for.
#[derive(Debug, Clone)]
pub enum Endpoint {
    Chat(Entrance),
    /// Its own echo: hears nobody and is heard by nobody.
    Echo,
    /// Sees what happens on other connections.
    Wire(Watch),
}

/// What came from a client over the whole connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Received {
    pub messages: u64,
    /// Bytes after the handshake, frame headers included.
    pub bytes: u64,
}

/// Numbers that `/health` tells; written by the broadcaster alone.
#[derive(Debug, Default)]
pub struct Counters {
    /// Members of the chat.
    pub clients: AtomicUsize,
    /// Messages said since the start.
    pub messages: AtomicU64,
    /// The servers that share the chat cannot be reached.
    pub out_of_touch: AtomicBool,
    /// Those who watch; not told, but the connection threads need it.
    pub watchers: AtomicUsize,
}
