//! An accepted TCP connection: what is known of it before it speaks, and how its thread waits for a time.
//!
//! Made by `accept`, used on the connection's thread. It must never read a byte.

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::system::Socket;
use crate::tap::Opening;
use crate::transport::Transport;

/// A socket's time-out comes late: Linux counts it in ticks, and by an eighth of a long one. So most of a wait is several shorter
/// ones, and the end is slept, which is exact: else what comes by HTTP would seem to be later than what comes by a WebSocket.
const COARSE: Duration = Duration::from_millis(25);

pub struct Tcp {
    pub id: ClientId,
    /// Shared with the broadcaster once the handshake is done: one descriptor per client.
    pub socket: Arc<Transport>,
    pub peer: SocketAddr,
    /// When it was accepted: for measuring, and for people.
    pub accepted: Instant,
    pub accepted_at: SystemTime,
}

impl Tcp {
    /// How it began, for a capture.
    pub fn opening(&self, requested: Instant, request: Vec<u8>, response: Vec<u8>) -> Opening {
        Opening {
            client: self.id,
            peer: self.peer,
            local: self.socket.tcp().local_addr().ok(),
            accepted: self.accepted,
            accepted_at: self.accepted_at,
            requested,
            query: query_in(&request),
            request,
            response,
            encryption: self.socket.encryption().cloned(),
        }
    }

    /// Waits this long, or until the client ends the connection or sends something. Returns whether the time is over.
    pub fn wait(&self, time: Duration) -> bool {
        wait(self.socket.socket(), time)
    }
}

/// Waits this long, or until the client ends the connection or sends something: then its thread is free at once. Returns
/// whether the time is over. What was sent is not read.
pub fn wait(socket: &Socket, time: Duration) -> bool {
    let deadline = Deadline::after(time);
    while let Some(remaining) = deadline.remaining() {
        if remaining <= COARSE {
            thread::sleep(remaining);
            return true;
        }
        if socket.set_read_timeout(Some((remaining - COARSE) * 4 / 5)).is_err() {
            return false;
        }
        match socket.peek(&mut [0]) {
            Err(error) if matches!(error.kind(), Interrupted | WouldBlock | TimedOut) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// What stands behind the first `?` of a request's target, also in a malformed head.
fn query_in(head: &[u8]) -> String {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let query = line.split_once('?').map_or("", |(_, query)| query);
    query.split([' ', '#']).next().unwrap_or_default().to_owned()
}
