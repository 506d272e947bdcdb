//! What connection threads tell the broadcaster: the only way from them to a client's socket.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Instant;

use bytes::Bytes;

use crate::chat::Command;
use crate::client_id::ClientId;
use crate::close::{Cause, TcpEnd};

/// One step in the life of a connection. Each connection's own come in the order in which its thread sent them:
/// `Opened`, any number of `Said` and `Frames`, one or more `Closing`, `Ended`.
pub enum Incoming {
    /// Step 1 is done: the 101 answer is sent, and from now on only the broadcaster writes to `socket`.
    Opened {
        client: ClientId,
        socket: Arc<TcpStream>,
        room: Room,
        opened: Instant,
    },
    /// Step 2: a member of the chat sent a text message.
    Said { client: ClientId, command: Command },
    /// Step 2: whole frames for this client alone: a ping, a pong, an echo.
    Frames { client: ClientId, frames: Bytes },
    /// Step 3: the conversation is over, or the client answered our close frame.
    Closing { client: ClientId, cause: Cause },
    /// TCP is at its end; the connection's thread says nothing more.
    Ended {
        client: ClientId,
        received: Received,
        tcp: TcpEnd,
    },
    /// Send what is queued, close everybody with 1001 and end.
    ShutDown,
}

/// Where a WebSocket belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// The chat, wishing for this name.
    Chat { wish: Option<String> },
    /// Its own echo: hears nobody and is heard by nobody.
    Echo,
}

/// What came from a client over the whole connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Received {
    pub messages: u64,
    /// Bytes after the handshake, frame headers included.
    pub bytes: u64,
}

/// Numbers that `/health` tells. Written by the broadcaster, but for `slots`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Members of the chat.
    pub clients: AtomicUsize,
    /// Messages said since the start.
    pub messages: AtomicU64,
    /// WebSockets, the echoes among them; counted by connection threads against `--max-clients`.
    pub slots: AtomicUsize,
}
