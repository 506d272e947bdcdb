//! An accepted TCP connection, before it is known what it is for.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::client_id::ClientId;
use crate::tap::Opening;

pub struct Tcp {
    pub id: ClientId,
    /// Shared with the broadcaster once the handshake is done: one descriptor per client.
    pub socket: Arc<TcpStream>,
    pub peer: SocketAddr,
    /// When it was accepted: for measuring, and for people.
    pub accepted: Instant,
    pub accepted_at: SystemTime,
}

impl Tcp {
    /// How it began, for a capture.
    pub fn opening(&self, requested: Instant, query: String, request: Vec<u8>, response: Vec<u8>) -> Opening {
        Opening {
            client: self.id,
            peer: self.peer,
            local: self.socket.local_addr().ok(),
            accepted: self.accepted,
            accepted_at: self.accepted_at,
            requested,
            query,
            request,
            response,
        }
    }
}
