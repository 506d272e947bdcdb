//! Step 3, locks: one thread at a time writes to a socket.
//!
//! Adds: a lock for each socket, held while a frame is written.
//! Wrong: a client that stops reading stops every thread that writes to it; and tungstenite's pongs go past the lock.
//! See it: the checker's lines `stalled-reader` and `torn-pongs`. Next: `4_one_writer` has one thread that writes.

#![forbid(unsafe_code)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{collections::BTreeMap, env, io, thread};

use tiny_http::{HTTPVersion, Header, Response};
use tungstenite::error::{Error, ProtocolError::MissingConnectionUpgradeHeader};
use tungstenite::protocol::{frame::Frame, frame::coding::Data, frame::coding::OpCode};
use tungstenite::{Bytes, HandshakeError, Message};

struct Client {
    socket: TcpStream,
    /// Held while a frame is written.
    writing: Mutex<()>,
}

type Clients = Arc<Mutex<BTreeMap<usize, Arc<Client>>>>;

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}/", listener.local_addr()?);
    let clients = Clients::default();
    for (id, socket) in listener.incoming().flatten().enumerate() {
        let clients = clients.clone();
        let client = Client { socket, writing: Mutex::new(()) };
        thread::spawn(move || connection(id, &Arc::new(client), &clients));
    }
    Ok(())
}

/// The life of one connection, on its own thread.
fn connection(id: usize, client: &Arc<Client>, clients: &Clients) -> io::Result<()> {
    let mut websocket = match tungstenite::accept(&client.socket) {
        Ok(websocket) => websocket,
        Err(HandshakeError::Failure(error)) => return answer_http(&error, &client.socket),
        Err(HandshakeError::Interrupted(_)) => return Ok(()),
    };
    clients.lock().expect("no thread panics with the list").insert(id, client.clone());
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
    for client in copy {
        let _one_thread_at_a_time = client.writing.lock().expect("no thread panics while it writes");
        // If it fails, its own thread finds out, too.
        let _ = (&client.socket).write_all(frame);
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
