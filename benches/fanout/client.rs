//! One client of the load generator: bytes come in, whole frames are counted, own messages answered.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stream::Stream;
use crate::text::{FrameMaker, TextFinder, masked};
use crate::timing::Timing;

/// The sample key of RFC 6455; a benchmark has no need of a secret one.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Bytes 0 and 1 of a header that has one extra length field of two or of eight bytes.
const LENGTH_IN_TWO_BYTES: u8 = 126;
const LENGTH_IN_EIGHT_BYTES: u8 = 127;

const OPCODE_TEXT: u8 = 1;
const OPCODE_CLOSE: u8 = 8;

/// The close code with which a slow reader is cut off, as the others hear of it.
const CUT_OFF: &[u8] = br#""code":4008"#;

/// What the server speaks above WebSocket.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Dialect {
    /// The chat's JSON.
    Chat,
    /// The same, and every client has a name that others can write to.
    Named,
    /// The chat's JSON over TLS.
    Encrypted,
    /// Engine.IO 4 and Socket.IO 5.
    SocketIo,
}

impl Dialect {
    fn path(self, index: usize) -> String {
        match self {
            Self::Chat | Self::Encrypted => "/ws".to_owned(),
            Self::Named => format!("/ws?name=m{index}"),
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
        }
    }

    /// The bytes before and after the text of a public message.
    fn around_text(self) -> (&'static str, &'static str) {
        match self {
            Self::Chat | Self::Named | Self::Encrypted => ("", ""),
            Self::SocketIo => (r#"42["message",""#, r#""]"#),
        }
    }
}

/// What clients have received together.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub welcomes: u64,
    /// Chat messages: these are the deliveries.
    pub messages: u64,
    /// Bytes of the messages' frames, headers included.
    pub message_bytes: u64,
    /// Everything else: who joined, who left.
    pub notices: u64,
    /// Of these: a client read too slowly and was cut off.
    pub cut_off: u64,
}

/// The same, and how long the messages took, where that is measured.
#[derive(Default)]
pub struct Heard {
    pub tally: Tally,
    pub timing: Option<Timing>,
}

pub struct Client {
    pub stream: Stream,
    /// Everything that came, heads and frames.
    pub received_bytes: u64,
    /// The code of the close frame that came.
    pub close_code: Option<u16>,
    upgraded: bool,
    /// Bytes of a head or frame whose end has not come yet.
    unfinished: Vec<u8>,
    finder: TextFinder,
    sender: Option<Sender>,
}

/// What a client needs that also sends.
struct Sender {
    identity: u16,
    public: FrameMaker,
    private: Option<FrameMaker>,
    sent: u32,
    returned: u32,
    /// It keeps a number of messages in flight: for each that comes back, one more goes out.
    answering: bool,
    /// What the kernel has not taken yet.
    outgoing: Vec<u8>,
}

impl Client {
    /// Connects and asks for the upgrade; the answer is read with everything else.
    pub fn connect(address: SocketAddr, dialect: Dialect, index: usize) -> io::Result<Self> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            dialect.path(index)
        );
        let stream = Stream::connect(address, dialect == Dialect::Encrypted, request.as_bytes())?;
        Ok(Self {
            stream,
            received_bytes: 0,
            close_code: None,
            upgraded: false,
            unfinished: Vec::new(),
            finder: TextFinder::default(),
            sender: None,
        })
    }

    /// Makes this client a sender that has not sent anything yet; `to` gets its private messages.
    pub fn become_sender(&mut self, identity: u16, dialect: Dialect, text_bytes: usize, to: Option<usize>) {
        let (before, after) = dialect.around_text();
        let private = |to| {
            let before = format!(r#"{{"type":"message","to":"m{to}","text":""#);
            FrameMaker::new(identity, text_bytes, &before, r#""}"#)
        };
        self.sender = Some(Sender {
            identity,
            public: FrameMaker::new(identity, text_bytes, before, after),
            private: to.map(private),
            sent: 0,
            returned: 0,
            answering: false,
            outgoing: Vec::new(),
        });
    }

    /// A sender sends its first `in_flight` messages, and one more for each that comes back.
    pub fn keep_in_flight(&mut self, in_flight: u32) -> io::Result<()> {
        let Some(sender) = &mut self.sender else { return Ok(()) };
        sender.answering = true;
        sender.send(in_flight, &mut self.stream)
    }

    /// One more message from a sender, which leaves with the next [`Client::flush`].
    pub fn queue(&mut self, is_private: bool) {
        let Some(sender) = &mut self.sender else { return };
        match &mut sender.private {
            Some(private) if is_private => private.append(sender.sent, &mut sender.outgoing),
            _ => sender.public.append(sender.sent, &mut sender.outgoing),
        }
        sender.sent += 1;
    }

    /// Sends what the kernel takes now.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sender.as_mut().map_or(Ok(()), |sender| sender.flush(&mut self.stream))
    }

    /// Some of what it has to send is still here.
    pub fn is_held_up(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.outgoing.is_empty())
    }

    pub fn end_sending(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.answering = false;
        }
    }

    pub fn sent(&self) -> u64 {
        self.sender.as_ref().map_or(0, |sender| u64::from(sender.sent))
    }

    /// Says goodbye as a browser does whose tab is closed; the caller then ends TCP.
    pub fn say_goodbye(&mut self) -> io::Result<()> {
        self.stream.write(&masked(OPCODE_CLOSE, &1001_u16.to_be_bytes())).map(drop)
    }

    /// Reads until the socket is empty and counts what came.
    pub fn read(&mut self, buffer: &mut [u8], heard: &mut Heard) -> io::Result<()> {
        loop {
            let kept = self.unfinished.len();
            buffer[..kept].copy_from_slice(&self.unfinished);
            self.unfinished.clear();
            let space = buffer.len() - kept;
            let read = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) if space == 0 => return Err(io::Error::other("a frame above the buffer")),
                Ok(0) => return Err(io::Error::other("the server ended the connection")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unfinished.extend_from_slice(&buffer[..kept]);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.received_bytes += read as u64;
            self.take(&buffer[..kept + read], heard)?;
            // A read that left room has emptied the socket: a second one would only say so.
            if read < space && !self.stream.is_encrypted() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8], heard: &mut Heard) -> io::Result<()> {
        if !self.upgraded {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                self.unfinished.extend_from_slice(bytes);
                return Ok(());
            };
            let (head, rest) = bytes.split_at(end + 4);
            if !head.starts_with(b"HTTP/1.1 101 ") {
                return Err(refusal(head));
            }
            self.upgraded = true;
            bytes = rest;
        }
        let now = heard.timing.as_ref().map(Timing::now);
        let mut own_returned = 0;
        while let Some(frame) = first_frame(bytes) {
            own_returned += self.take_frame(&frame, now, heard)?;
            bytes = &bytes[frame.length..];
        }
        self.unfinished.extend_from_slice(bytes);
        match &mut self.sender {
            Some(sender) if sender.answering => sender.send(own_returned, &mut self.stream),
            _ => Ok(()),
        }
    }

    /// Counts a frame; 1 if it is the client's own message coming back, else 0.
    fn take_frame(&mut self, frame: &Frame, now: Option<Duration>, heard: &mut Heard) -> io::Result<u32> {
        if frame.opcode != OPCODE_TEXT {
            return match frame.opcode {
                OPCODE_CLOSE => Err(self.closed(frame.payload)),
                other => Err(io::Error::other(format!("a frame with the opcode {other}"))),
            };
        }
        let Heard { tally, timing } = heard;
        let payload = frame.payload;
        if payload.starts_with(br#"{"type":"message""#) || payload.starts_with(b"42[") {
            tally.messages += 1;
            tally.message_bytes += frame.length as u64;
            if self.sender.is_none() && timing.is_none() {
                return Ok(0);
            }
            let Some((sender, number)) = self.finder.find(payload) else {
                return Err(io::Error::other("a message without our text"));
            };
            if let (Some(timing), Some(now)) = (timing, now) {
                timing.arrived(sender, number, now);
            }
            return self.sender.as_mut().map_or(Ok(0), |own| own.check(sender, number));
        }
        if payload.starts_with(br#"{"type":"welcome""#) || payload.starts_with(b"40") {
            tally.welcomes += 1;
        } else if payload.starts_with(br#"{"type":"error""#) {
            return Err(io::Error::other(String::from_utf8_lossy(payload).into_owned()));
        } else if payload.starts_with(b"0{") {
            // Engine.IO is open; this asks for Socket.IO's default room.
            self.stream.write_all(&masked(OPCODE_TEXT, b"40"))?;
        } else if payload == b"2" {
            // Engine.IO's ping.
            self.stream.write_all(&masked(OPCODE_TEXT, b"3"))?;
        } else {
            tally.notices += 1;
            if payload.starts_with(br#"{"type":"left""#)
                && payload.windows(CUT_OFF.len()).any(|window| window == CUT_OFF)
            {
                tally.cut_off += 1;
            }
        }
        Ok(0)
    }

    fn closed(&mut self, payload: &[u8]) -> io::Error {
        let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        self.close_code = Some(code);
        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
        io::Error::other(format!("the server closed a client with {code} {reason}"))
    }
}

impl Sender {
    fn send(&mut self, count: u32, stream: &mut Stream) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            self.public.append(self.sent, &mut self.outgoing);
            self.sent += 1;
        }
        // All that can be in flight fits many times into a socket's buffer, so the kernel takes it
        // whole; should it not, the run fails and says so.
        self.flush(stream)?;
        if !self.outgoing.is_empty() {
            return Err(io::Error::other("the window is larger than the socket's buffer"));
        }
        Ok(())
    }

    fn flush(&mut self, stream: &mut Stream) -> io::Result<()> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        match stream.write(&self.outgoing) {
            Ok(written) => drop(self.outgoing.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// 1 if this is our own message, which must be the next in order.
    fn check(&mut self, sender: u16, number: u32) -> io::Result<u32> {
        if sender != self.identity {
            return Ok(0);
        }
        if number != self.returned {
            let expected = self.returned;
            let reason = format!("message {number} came back in place of {expected}");
            return Err(io::Error::other(reason));
        }
        self.returned += 1;
        Ok(1)
    }
}

struct Frame<'a> {
    opcode: u8,
    payload: &'a [u8],
    /// Header and payload.
    length: usize,
}

/// The frame at the beginning of `bytes`, if it is there whole. A server's frames have no mask.
fn first_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (header_bytes, payload_bytes) = match *bytes.get(1)? {
        LENGTH_IN_TWO_BYTES => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        LENGTH_IN_EIGHT_BYTES => {
            let length = u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    let length = header_bytes + payload_bytes;
    let payload = bytes.get(header_bytes..length)?;
    Some(Frame { opcode: bytes[0] & 0x0f, payload, length })
}

fn refusal(head: &[u8]) -> io::Error {
    let head = String::from_utf8_lossy(head);
    let status = head.lines().next().unwrap_or_default();
    io::Error::other(format!("the server refused the handshake: {status}"))
}
