//! Step 1, echo: the smallest WebSocket server that works. Open its page in two tabs.
//!
//! Adds: the opening handshake (by tungstenite), a thread for each connection, and the page (by tiny_http) on the same port.
//! Wrong: the server has connections, but no chat: each client hears only itself.
//! See it: the checker's line `everybody-hears`. Next: `2_everybody_writes` keeps a list of the sockets.

#![forbid(unsafe_code)]

use std::net::{TcpListener, TcpStream};
use std::{env, io, thread};

use tiny_http::{HTTPVersion, Header, Response};
use tungstenite::error::{Error, ProtocolError::MissingConnectionUpgradeHeader};
use tungstenite::{HandshakeError, Message};

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}/", listener.local_addr()?);
    for socket in listener.incoming().flatten() {
        thread::spawn(move || connection(&socket));
    }
    Ok(())
}

/// The life of one connection, on its own thread.
fn connection(socket: &TcpStream) -> io::Result<()> {
    let mut websocket = match tungstenite::accept(socket) {
        Ok(websocket) => websocket,
        Err(HandshakeError::Failure(error)) => return answer_http(&error, socket),
        Err(HandshakeError::Interrupted(_)) => return Ok(()),
    };
    while let Ok(message) = websocket.read() {
        if let Message::Text(text) = message {
            let _ = websocket.send(Message::Text(text)); // if it fails, the next read does, too
        }
    }
    Ok(())
}

/// A request without `Connection: Upgrade` is a browser that wants the page. Anything else was a handshake, and wrong.
fn answer_http(error: &Error, socket: &TcpStream) -> io::Result<()> {
    let wants_page = matches!(error, Error::Protocol(MissingConnectionUpgradeHeader));
    let text = if wants_page { include_str!("page.html").to_owned() } else { error.to_string() };
    let status = if wants_page { 200 } else { 400 };
    let html = Header::from_bytes("Content-Type", "text/html; charset=utf-8").expect("two plain words");
    let response = Response::from_string(text).with_status_code(status).with_header(html);
    response.raw_print(socket, HTTPVersion(1, 1), &[], false, None)
}
