//! Step 6, rounds: the design of this project's server in small, with its names.
//!
//! Adds: the broadcaster receives what is queued, then sends to each client once: a round (`cargo bench --bench ladder`).
//! Wrong: what `src/` has and this has not. The checker's `fault-unmasked` … `fault-long`, `close-sigterm` and `origin` show it.
//! * a close code for each fault: `websocket/fault.rs`; for slow readers and a server that ends: `broadcaster/closing.rs`
//! * other sites' pages are refused: `http/origin.rs`; clients that have vanished are noticed: `websocket/session.rs` (pings)
//! * bounds: clients and threads in `limits.rs`, messages in `frame_rules.rs`, their rate in `rate_limit.rs`, time in `deadline.rs`
//! * a batch that all send queues share: `broadcaster/round.rs`; a thread that sleeps when all is sent: `broadcaster/timers.rs`
//! * names, private messages, history, coming back: `chat/`; a log: `logger.rs`; accounts, the inspector: `features/`

#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::{collections::BTreeMap, env, io, thread, time::Duration};

use bytes::{Buf, BytesMut};
use crossbeam_channel::{Receiver, Sender};
use socket2::SockRef;
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
const SEND_QUEUE: usize = 1 << 20; // bytes that may wait for a client before it is cut off
const RETRY: Duration = Duration::from_millis(10); // from a send that a socket did not accept to the next one
const ROUND_INCOMING: usize = 64; // a round ends after this many `Incoming`s, even if more are queued

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

/// What the broadcaster knows of a client: its socket, and its send queue: the bytes that the socket did not accept yet.
struct Client(Arc<TcpStream>, BytesMut);

/// Sends what the socket accepts now. `false`: the client has gone, or reads too slowly.
fn send_now(Client(socket, queue): &mut Client) -> bool {
    let sent = SockRef::from(&**socket).send_with_flags(queue, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
    queue.advance(*sent.as_ref().unwrap_or(&0));
    let has_gone = sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock);
    let is_too_slow = queue.len() > SEND_QUEUE;
    let _ = is_too_slow.then(|| socket.shutdown(Shutdown::Both)); // its own thread, which reads, ends, too
    !has_gone && !is_too_slow
}

/// The one thread that writes. It never waits for a client.
struct Broadcaster {
    incoming: Receiver<Incoming>,
    clients: BTreeMap<ClientId, Client>,
}

impl Broadcaster {
    fn run(mut self) {
        loop {
            if let Ok(first) = self.incoming.recv_timeout(RETRY) {
                self.receive(first);
                for incoming in self.incoming.clone().try_iter().take(ROUND_INCOMING - 1) {
                    self.receive(incoming);
                }
            }
            self.clients.retain(|_, client| client.1.is_empty() || send_now(client));
        }
    }

    fn receive(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Opened(id, socket) => drop(self.clients.insert(id, Client(socket, BytesMut::new()))),
            Incoming::Message(text) => queue(self.clients.values_mut(), &text_frame(text)),
            Incoming::Frames(id, frames) => queue(self.clients.get_mut(&id), &frames),
            Incoming::Ended(id) => drop(self.clients.remove(&id).as_mut().map(send_now)), // the answer to its close frame
        }
    }
}

fn queue<'a>(clients: impl IntoIterator<Item = &'a mut Client>, frames: &[u8]) {
    clients.into_iter().for_each(|client| client.1.extend_from_slice(frames));
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
