//! How a connection began: TCP, the request as it came, the answer as it went. Kept for whoever watches later.
//!
//! Made by the connection's thread when the answer is ready to be sent, then shared with the broadcaster; what in it is secret
//! was hidden before.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;

use super::key::WireKey;
use super::secrets;
use crate::client_id::ClientId;

/// A TCP connection that was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    pub client: ClientId,
    pub peer: SocketAddr,
    /// For measuring.
    pub now: Instant,
    /// For people.
    pub at: SystemTime,
}

/// What a connection turned out to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Chat,
    Echo,
    /// Someone else's connection is watched on it; it is never shown itself.
    Watching,
    /// It did not become a WebSocket: the answer's status.
    Refused(u16),
}

/// The beginning of one connection.
#[derive(Debug)]
pub struct Opening {
    pub accepted: Accepted,
    pub local: Option<SocketAddr>,
    pub purpose: Purpose,
    /// What lets somebody watch it.
    pub key: Option<WireKey>,
    /// Byte for byte, but for the secrets; at most as long as a head may be.
    pub request: Vec<u8>,
    /// Byte for byte.
    pub response: Vec<u8>,
    /// When the request was complete, and when its answer was ready.
    pub asked: Instant,
    pub answered: Instant,
    /// The connection's thread is to tell what it reads. From the first byte on, until the broadcaster has found out
    /// whether anybody watches.
    tapped: AtomicBool,
}

/// What `Sec-WebSocket-Accept` is made of.
pub struct Proof {
    pub key: String,
    /// SHA-1 of the key and the GUID of RFC 6455.
    pub digest: Vec<u8>,
    pub accept: String,
}

impl Opening {
    /// `request` is the head as it came, perhaps not whole; its secrets are hidden here.
    pub fn new(
        accepted: Accepted,
        local: Option<SocketAddr>,
        purpose: Purpose,
        key: Option<WireKey>,
        (mut request, asked): (Vec<u8>, Instant),
        mut response: Vec<u8>,
    ) -> Opening {
        secrets::hide_in_head(&mut request);
        secrets::hide_in_head(&mut response);
        // Kept for as long as the connection.
        request.shrink_to_fit();
        response.shrink_to_fit();
        let answered = Instant::now();
        Opening {
            accepted,
            local,
            purpose,
            key,
            request,
            response,
            asked,
            answered,
            tapped: AtomicBool::new(true),
        }
    }

    /// The connection's thread is to tell what it reads.
    pub fn is_tapped(&self) -> bool {
        self.tapped.load(Ordering::Relaxed)
    }

    pub fn set_tapped(&self, tapped: bool) {
        self.tapped.store(tapped, Ordering::Relaxed);
    }

    /// Bytes of its heads.
    pub fn memory(&self) -> usize {
        self.request.len() + self.response.len()
    }

    /// Time since TCP was accepted.
    pub fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.accepted.now)
    }

    /// How the accept value comes about, if this was a handshake.
    pub fn proof(&self) -> Option<Proof> {
        let key = header(&self.request, "sec-websocket-key")?;
        let accept = header(&self.response, "sec-websocket-accept")?;
        // What was sent must be what it is said to be made of.
        let digest = BASE64.decode(accept.as_bytes()).ok()?;
        (derive_accept_key(key.as_bytes()) == accept).then_some(Proof { key, digest, accept })
    }
}

#[cfg(test)]
impl Opening {
    /// One of which nothing matters.
    pub fn of_a_test() -> std::sync::Arc<Opening> {
        let (now, at) = (Instant::now(), SystemTime::now());
        let peer = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 1));
        let accepted = Accepted { client: ClientId(1), peer, now, at };
        Opening::new(accepted, None, Purpose::Echo, None, (Vec::new(), now), Vec::new()).into()
    }
}

/// A header's value in a head.
fn header(head: &[u8], wanted: &str) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn the_proof_of_rfc_6455_section_1_3() {
        let request = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
            Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let response =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let (now, at) = (Instant::now(), SystemTime::now());
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let accepted = Accepted { client: ClientId(1), peer, now, at };
        let request = (request.to_vec(), now);
        let opening = Opening::new(accepted, None, Purpose::Chat, None, request, response.to_vec());
        let proof = opening.proof().expect("it was a handshake");
        assert_eq!(proof.key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(HEXLOWER.encode(&proof.digest), "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
        assert_eq!(proof.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
