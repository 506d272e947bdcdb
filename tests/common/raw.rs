//! A raw client: sends any bytes, and reads the bytes that come.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use super::{Server, Uninterrupted};

/// Key and accept value of RFC 6455, section 1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The head of a correct opening handshake.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The lines that make a request a handshake.
pub const GOOD: [&str; 4] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// A handshake in which the line of [`GOOD`] with this beginning is replaced by other lines, or by none.
pub fn handshake_with(replaced: &str, lines: &[&str]) -> String {
    let mut all = GOOD.to_vec();
    let place = all.iter().position(|line| line.starts_with(replaced));
    let place = place.expect("one of the good lines");
    all.splice(place..=place, lines.iter().copied());
    let lines = all.iter().map(|line| format!("{line}\r\n"));
    request("GET", "/ws", &lines.collect::<String>())
}

/// A request's head. `more` are whole header lines; the empty line comes of itself.
pub fn request(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

/// An answer's head without what may change from one time to the next.
pub fn lasting_head(head: &str) -> String {
    const CHANGES: [&str; 3] = ["Date: ", "X-Connection: ", "X-Response-Head: "];
    let changes = |line: &str| CHANGES.iter().any(|begin| line.starts_with(begin));
    head.split_inclusive("\r\n").filter(|line| !changes(line)).collect()
}

/// Everything until TCP ends; a reset fails the test.
pub fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("TCP did not end in order: {error}"));
    bytes
}

/// Nor comes a reset right behind the end of TCP, where reading does not see it: elsewhere it would destroy what is
/// not read yet.
#[track_caller]
pub fn assert_not_reset(server: &Server, socket: &TcpStream) {
    // While another request is answered, it would arrive.
    ask(server, request("HEAD", "/health", ""));
    let error = socket.take_error().expect("a socket can be asked");
    assert!(error.is_none(), "TCP was reset: {error:?}");
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(this, _)| this.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body of a refusal: a short sentence in plain text, on one line.
    #[track_caller]
    pub fn sentence(&self) -> String {
        let text = self.text();
        let plain = self.header("content-type") == Some("text/plain; charset=utf-8");
        let short = text.lines().count() == 1 && text.len() < 250;
        assert!(plain && short && text.ends_with(".\n"), "{self:?}");
        text.trim_end().to_owned()
    }
}

/// Reads one answer. `without_body` for HEAD.
pub fn read_answer(socket: &mut impl Read, without_body: bool) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("no answer: {error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    // A 304 says how long the file is that it does not send.
    if !without_body && status != 304 {
        answer.body = vec![0; length];
        socket.read_exact(&mut answer.body).expect("the body comes whole");
    }
    answer
}

/// Sends a request on a fresh connection and reads the answer.
pub fn ask(server: &Server, request: impl AsRef<[u8]>) -> Answer {
    ask_on(&mut server.connect(), request)
}

/// The same on an open connection.
#[track_caller]
pub fn ask_on(socket: &mut TcpStream, request: impl AsRef<[u8]>) -> Answer {
    let request = request.as_ref();
    socket.write_all(request).expect("the server takes bytes");
    read_answer(socket, request.starts_with(b"HEAD"))
}

/// A frame as a client sends it, masked.
pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    frame_masked_by([0x37, 0xfa, 0x21, 0x3d], first_byte, payload)
}

/// The same with this masking key.
pub fn frame_masked_by(mask: [u8; 4], first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame with a length field of `bits` bits, right or wrong, and a payload of any length.
pub fn told_in(bits: u8, first_byte: u8, length: u64, payload: usize) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match bits {
        7 => frame.push(0x80 | length as u8),
        16 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.resize(frame.len() + 4 + payload, b'x');
    frame
}

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A WebSocket without any library.
pub struct RawClient {
    pub socket: TcpStream,
    reader: BufReader<Uninterrupted>,
}

impl RawClient {
    pub fn open(server: &Server, path: &str) -> RawClient {
        RawClient::open_with(server, handshake(path).as_bytes())
    }

    /// Opens with this head, perhaps with frames directly after it.
    pub fn open_with(server: &Server, bytes: &[u8]) -> RawClient {
        let mut socket = server.connect();
        let answer = ask_on(&mut socket, bytes);
        assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)));
        RawClient::over(socket)
    }

    /// On a connection whose handshake is done.
    pub fn over(socket: TcpStream) -> RawClient {
        let reader = socket.try_clone().expect("a descriptor is left");
        let reader = BufReader::new(Uninterrupted(reader));
        RawClient { socket, reader }
    }

    /// Opens the chat and waits for the welcome: from then on nothing that is said is missed.
    pub fn join(server: &Server, name: &str) -> RawClient {
        let mut client = RawClient::open(server, &format!("/ws?name={name}"));
        let welcome = client.wait_for(TEXT);
        assert!(welcome.starts_with(br#"{"type":"welcome""#));
        client
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server takes bytes");
    }

    /// The same where the server may have ended the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next frame: first byte and payload; `None` at the end of TCP.
    ///
    /// # Panics
    /// If TCP was reset, or ended within a frame; if the frame is masked, or its length not in its shortest form.
    pub fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        match self.reader.read(&mut head[..1]).expect("the connection is not reset") {
            0 => return None,
            _ => self.reader.read_exact(&mut head[1..]).expect("a frame comes whole"),
        }
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.reader.read_exact(&mut length).expect("a frame comes whole");
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.reader.read_exact(&mut length).expect("a frame comes whole");
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let shortest = match head[1] {
            126 => length >= 126,
            127 => length > 0xffff,
            _ => true,
        };
        assert!(shortest, "a length of {length} has a shorter form");
        let mut payload = vec![0; length as usize];
        self.reader.read_exact(&mut payload).expect("a frame comes whole");
        Some((head[0], payload))
    }

    /// Skips frames until one with this first byte, and returns its payload.
    pub fn wait_for(&mut self, first_byte: u8) -> Vec<u8> {
        loop {
            let (first, payload) = self.frame().expect("TCP has not ended yet");
            if first == first_byte {
                return payload;
            }
        }
    }

    /// The close frame's code and reason. Then TCP must end, with nothing after the close frame.
    pub fn wait_for_end(&mut self) -> (u16, String) {
        let payload = self.wait_for(CLOSE);
        assert_eq!(self.frame(), None, "nothing comes behind a close frame");
        match payload.split_first_chunk() {
            Some((code, reason)) => {
                (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("a reason is UTF-8"))
            }
            None => (1005, String::new()),
        }
    }
}
