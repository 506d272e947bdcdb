//! One client: what it sends is kept, and what it receives is read on a thread of its own, so that the server never waits.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};
use websocket_classroom::broadcaster::CLOSE_DEADLINE;
use websocket_classroom::close_code;

use super::super::frames::{End, Sent, masked};
use super::received::Received;
use super::server::TEACHER_KEY;
use super::watched;

/// Longer than the server takes for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the system may hold for a client that does not read.
const SMALL_BUFFER: usize = 16 * 1024;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Chat,
    Echo,
    Wire,
    /// Whatever its bytes ask for.
    Unknown,
}

/// When a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    AtOnce,
    /// Only when all is over.
    Late,
}

#[derive(Debug)]
pub struct Client {
    /// `None` once it was reset.
    socket: Option<TcpStream>,
    endpoint: Endpoint,
    reading: Reading,
    born: Instant,
    /// Behind the handshake, if it was one in order.
    sent: Vec<u8>,
    has_ended: bool,
    /// Lets a late reader begin.
    begin: Option<Sender<()>>,
    pieces: Receiver<io::Result<Vec<u8>>>,
    received: Vec<u8>,
    /// Messages that were looked at while something was waited for.
    waited_for: usize,
}

impl Client {
    /// Connects, and sends nothing.
    pub fn connect(address: SocketAddr) -> Client {
        Client::connect_as(address, Endpoint::Unknown, Reading::AtOnce)
    }

    /// Connects and shakes hands in order, in the chat under this name. To the echo the bytes are sent at once, behind the
    /// request's head.
    pub fn open(address: SocketAddr, to: Endpoint, reading: Reading, bytes: &[u8]) -> Client {
        // There is no such address without the inspector.
        let is_known = to != Endpoint::Wire || cfg!(feature = "inspector");
        let endpoint = if is_known { to } else { Endpoint::Unknown };
        let mut client = Client::connect_as(address, endpoint, reading);
        let name: String = form_urlencoded::byte_serialize(bytes).collect();
        match to {
            Endpoint::Chat | Endpoint::Unknown => {
                client.shake_hands(&format!("/ws?name={name}"), b"");
            }
            Endpoint::Echo => client.shake_hands("/echo", bytes),
            Endpoint::Wire => client.shake_hands(&format!("/wire?key={TEACHER_KEY}"), b""),
        }
        client
    }

    /// Connects to continue a session of the chat.
    pub fn come_back(address: SocketAddr, query: &str) -> Client {
        let mut client = Client::connect_as(address, Endpoint::Chat, Reading::AtOnce);
        client.shake_hands(&format!("/ws?{query}"), b"");
        client
    }

    fn connect_as(address: SocketAddr, endpoint: Endpoint, reading: Reading) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is left");
        if reading == Reading::Late {
            // Before it connects, so that the server's side knows how little that is.
            socket.set_recv_buffer_size(SMALL_BUFFER).expect("a buffer can be small");
        }
        socket.connect_timeout(&address.into(), PATIENCE).expect("the server accepts");
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true).expect("an option can be set");
        socket.set_write_timeout(Some(PATIENCE)).expect("an option can be set");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option can be set");
        let (begin, may_begin) = channel();
        let (to_client, pieces) = channel();
        let reader = socket.try_clone().expect("a descriptor is left");
        thread::spawn(move || read(reader, &may_begin, &to_client));
        let mut client = Client {
            socket: Some(socket),
            endpoint,
            reading,
            born: Instant::now(),
            sent: Vec::new(),
            has_ended: false,
            begin: Some(begin),
            pieces,
            received: Vec::new(),
            waited_for: 0,
        };
        if reading == Reading::AtOnce {
            client.begin_to_read();
        }
        client
    }

    fn shake_hands(&mut self, target: &str, early: &[u8]) {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.send(&[head.as_bytes(), early].concat());
        self.sent = early.to_vec();
    }

    fn begin_to_read(&mut self) {
        self.begin = None;
    }

    /// Sends, if the server still reads.
    pub fn send(&mut self, bytes: &[u8]) {
        let Some(mut socket) = self.socket.as_ref().filter(|_| !self.has_ended) else { return };
        self.sent.extend_from_slice(bytes);
        if let Err(error) = socket.write_all(bytes) {
            let is_over = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(is_over.contains(&error.kind()), "the server does not read: {error}");
        }
    }

    pub fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&masked(first, payload));
    }

    /// Ends its direction of TCP.
    pub fn end(&mut self) {
        self.has_ended = true;
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    /// Forgets about the connection: what still comes is answered with a reset.
    pub fn reset(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            // The reader lets go of it, too.
            let _ = socket.shutdown(Shutdown::Read);
            self.begin_to_read();
        }
    }

    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn was_reset(&self) -> bool {
        self.socket.is_none()
    }

    /// Waits for the next event of this type.
    pub fn wait_for(&mut self, event_type: &str) -> Value {
        loop {
            let received = Received::of(&self.received);
            for (number, event) in received.events(self.waited_for) {
                self.waited_for = number + 1;
                if event["type"] == event_type {
                    return event;
                }
            }
            assert!(self.receive(), "no {event_type} comes: {received:?}");
        }
    }

    /// The query with which this client's session goes on, if it has one.
    pub fn session(&mut self) -> Option<String> {
        let is_in_the_chat = self.endpoint == Endpoint::Chat && self.reading == Reading::AtOnce;
        if !is_in_the_chat || self.was_reset() {
            return None;
        }
        self.waited_for = 0;
        let welcome = self.wait_for("welcome");
        let (session, epoch) = (welcome["session"].as_str()?, welcome["epoch"].as_str()?);
        Some(format!("session={session}&epoch={epoch}&after={}", welcome["last"]))
    }

    /// Takes what has come; `false` if that was all.
    fn receive(&mut self) -> bool {
        match self.pieces.recv() {
            Ok(Ok(piece)) => {
                self.received.extend(piece);
                true
            }
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
                assert!(self.was_reset(), "the server resets TCP");
                false
            }
            Ok(Err(error)) => {
                panic!("the server is silent: {error}, {:?}", Received::of(&self.received))
            }
            Err(_) => false,
        }
    }

    /// Reads to the end, and looks at all of it.
    pub fn check(mut self) {
        self.begin_to_read();
        while self.receive() {}
        let received = Received::of(&self.received);
        if self.was_reset() {
            return;
        }
        // A late reader may be given up.
        let had_time = self.reading == Reading::AtOnce || self.born.elapsed() < CLOSE_DEADLINE;
        assert!(received.left == 0 || !had_time, "the end is cut off: {self:?}");
        if self.endpoint == Endpoint::Unknown {
            return;
        }
        assert_eq!(received.statuses, [101]);
        let sent = Sent::of(&self.sent);
        // Else it is the client that ended in the middle of it all.
        let must_be_closed = sent.end != End::Anywhere && had_time;
        if must_be_closed && !received.was_shown("drop") {
            assert!(received.close.is_some(), "no close frame: {self:?}");
        }
        match self.endpoint {
            Endpoint::Echo => check_echo(&received, sent),
            Endpoint::Wire => {
                // The inspector takes its time, and a client that ends first may miss what it tells.
                check_events(&received, "watching", true);
                watched::check(received.events(0).map(|(_, event)| event));
            }
            Endpoint::Chat | Endpoint::Unknown => check_events(&received, "welcome", false),
        }
    }
}

/// What came back is what was sent, in order.
fn check_echo(received: &Received, sent: Sent) {
    let sent: Vec<_> = sent.messages.into_iter().map(|message| (message.is_text, message.payload)).collect();
    let is_echo = sent.starts_with(&received.messages);
    // A client that said goodbye is answered when all before it is.
    let is_whole = received.close != Some(close_code::NORMAL) || received.messages == sent;
    assert!(is_echo && is_whole, "{:?} is no echo of {sent:?}", received.messages);
}

/// All are events, of which this is the first.
fn check_events(received: &Received, first: &str, may_be_none: bool) {
    let kinds: Vec<Value> = received.events(0).map(|(_, event)| event["type"].clone()).collect();
    assert!(kinds.first().map_or(may_be_none, |kind| kind == first), "{kinds:?}");
    assert!(kinds.iter().all(Value::is_string), "{kinds:?}");
    let has_binary = received.messages.iter().any(|(is_text, _)| !is_text);
    assert!(!has_binary || received.was_shown("binary"), "{:?}", received.messages);
}

/// Reads to the end, once it may.
fn read(mut socket: TcpStream, may_begin: &Receiver<()>, to_client: &Sender<io::Result<Vec<u8>>>) {
    // Never told, only allowed.
    let _ = may_begin.recv();
    let mut buffer = vec![0; 65_536];
    loop {
        let piece = match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => Ok(buffer[..length].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_over = piece.is_err();
        if to_client.send(piece).is_err() || is_over {
            return;
        }
    }
}
