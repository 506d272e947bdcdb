use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use data_encoding::HEXLOWER;

use super::*;

#[test]
fn the_proof_of_rfc_6455_section_1_3() {
    let request =
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let opening = Opening {
        client: ClientId(1),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        local: None,
        accepted: Instant::now(),
        accepted_at: SystemTime::now(),
        requested: Instant::now(),
        query: String::new(),
        request: request.to_vec(),
        response: response.to_vec(),
        encryption: None,
    };
    let captured = Captured::new(opening, Some(Purpose::Chat), None);
    let proof = captured.proof().expect("it was a handshake");
    assert_eq!(proof.key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(HEXLOWER.encode(&proof.digest), "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
    assert_eq!(proof.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
