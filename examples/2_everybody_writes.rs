//! Step 2, everybody writes: a chat. Each connection's thread writes to the sockets of all clients.
//!
//! Adds: a list of all sockets, which all threads share.
//! Wrong: two threads that write to one socket tear each other's frames apart, as soon as its buffer is full.
//! See it: the checker's line `torn-frames`. Next: `3_locks` lets one thread at a time write to a socket.

#![forbid(unsafe_code)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{collections::BTreeMap, env, io, thread};

use tiny_http::{HTTPVersion, Header, Response};
use tungstenite::error::{Error, ProtocolError::MissingConnectionUpgradeHeader};
use tungstenite::protocol::{frame::Frame, frame::coding::Data, frame::coding::OpCode};
use tungstenite::{Bytes, HandshakeError, Message};

type Clients = Arc<Mutex<BTreeMap<usize, Arc<TcpStream>>>>;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}/", listener.local_addr()?);
    let clients = Clients::default();
    for (id, socket) in listener.incoming().flatten().enumerate() {
        let clients = clients.clone();
        thread::spawn(move || connection(id, &Arc::new(socket), &clients));
    }
    Ok(())
}

/// The life of one connection, on its own thread.
fn connection(id: usize, socket: &Arc<TcpStream>, clients: &Clients) -> io::Result<()> {
    let mut websocket = match tungstenite::accept(&**socket) {
        Ok(websocket) => websocket,
        Err(HandshakeError::Failure(error)) => return answer_http(&error, socket),
        Err(HandshakeError::Interrupted(_)) => return Ok(()),
    };
    clients.lock().expect("no thread panics with the list").insert(id, socket.clone());
    while let Ok(message) = websocket.read() {
        if let Message::Text(text) = message {
            everyone(clients, &text_frame(text.into()));
        }
    }
    clients.lock().expect("no thread panics with the list").remove(&id);
    Ok(())
}

fn everyone(clients: &Clients, frame: &[u8]) {
    // A copy of the list, so that it is not locked while this thread writes.
    let copy: Vec<_> = clients.lock().expect("no thread panics with the list").values().cloned().collect();
    for socket in copy {
        // If it fails, its own thread finds out, too.
        let _ = (&*socket).write_all(frame);
    }
}

fn text_frame(text: Bytes) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::message(text, OpCode::Data(Data::Text), true).format(&mut bytes).expect("a Vec takes all bytes");
    bytes
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
