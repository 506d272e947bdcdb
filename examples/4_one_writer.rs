//! Step 4, one writer: a single thread writes to all sockets, so no lock is needed.
//!
//! Adds: a channel and the broadcaster. tungstenite's pongs take the same way: its stream's `Write` is the channel.
//! Wrong: the broadcaster waits for each client: one that stops reading stops the chat for everybody.
//! See it: the checker's line `stalled-reader`. Next: `5_never_wait` sends only what a socket accepts at once.

#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::{collections::BTreeMap, env, io, thread};

use crossbeam_channel::{Receiver, Sender};
use tiny_http::{HTTPVersion, Header, Response};
use tungstenite::error::{Error, ProtocolError::MissingConnectionUpgradeHeader};
use tungstenite::protocol::{Role, frame::Frame, frame::coding::Data, frame::coding::OpCode};
use tungstenite::{Bytes, HandshakeError, Message, WebSocket};

/// What goes through the channel.
enum Incoming {
    Opened(ClientId, Arc<TcpStream>),
    Message(Bytes),
    Frames(ClientId, Bytes),
    Ended(ClientId),
}

type ClientId = usize;
const CHANNEL: usize = 1024; // `Incoming`s that may wait: beyond it the clients' threads do, and TCP slows the clients down

fn main() -> io::Result<()> {
    let port = env::args().nth(1).unwrap_or("8080".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}/", listener.local_addr()?);
    let (to_broadcaster, incoming) = crossbeam_channel::bounded(CHANNEL);
    thread::spawn(|| Broadcaster { incoming, clients: BTreeMap::new() }.run());
    for (id, socket) in listener.incoming().flatten().enumerate() {
        let to_broadcaster = to_broadcaster.clone();
        thread::spawn(move || connection(id, &Arc::new(socket), &to_broadcaster));
    }
    Ok(())
}

/// The life of one connection, on its own thread.
fn connection(id: ClientId, socket: &Arc<TcpStream>, channel: &Sender<Incoming>) -> io::Result<()> {
    if let Err(HandshakeError::Failure(error)) = tungstenite::accept(&**socket) {
        return answer_http(&error, socket);
    }
    let send = |incoming| channel.send(incoming).map_err(io::Error::other);
    send(Incoming::Opened(id, socket.clone()))?;
    let stream = ClientStream(id, socket.clone(), channel.clone());
    let mut websocket = WebSocket::from_raw_socket(stream, Role::Server, None);
    while let Ok(message) = websocket.read() {
        if let Message::Text(text) = message {
            send(Incoming::Message(text.into()))?;
        }
    }
    send(Incoming::Ended(id))
}

/// The stream that tungstenite gets: reads come from the socket, writes (pongs, close frames) go to the broadcaster.
struct ClientStream(ClientId, Arc<TcpStream>, Sender<Incoming>);

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.1).read(buffer)
    }
}

impl Write for ClientStream {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let incoming = Incoming::Frames(self.0, Bytes::copy_from_slice(frames));
        self.2.send(incoming).map(|()| frames.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one thread that writes.
struct Broadcaster {
    incoming: Receiver<Incoming>,
    clients: BTreeMap<ClientId, Arc<TcpStream>>,
}

impl Broadcaster {
    fn run(mut self) {
        while let Ok(incoming) = self.incoming.recv() {
            match incoming {
                Incoming::Opened(id, socket) => drop(self.clients.insert(id, socket)),
                Incoming::Message(text) => write(self.clients.values(), &text_frame(text)),
                Incoming::Frames(id, frames) => write(self.clients.get(&id), &frames),
                Incoming::Ended(id) => drop(self.clients.remove(&id)),
            }
        }
    }
}

fn write<'a>(sockets: impl IntoIterator<Item = &'a Arc<TcpStream>>, frames: &[u8]) {
    // If it fails, the client's own thread finds out, too.
    sockets.into_iter().for_each(|socket| drop((&**socket).write_all(frames)));
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
