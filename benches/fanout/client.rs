//! One client of the load generator: bytes come in, whole frames are counted, own messages answered.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::text::{FrameMaker, TextFinder};

/// The sample key of RFC 6455; a benchmark has no need of a secret one.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Bytes 0 and 1 of a header that has one extra length field of two or of eight bytes.
const LENGTH_IN_TWO_BYTES: u8 = 126;
const LENGTH_IN_EIGHT_BYTES: u8 = 127;

const OPCODE_TEXT: u8 = 1;
const OPCODE_CLOSE: u8 = 8;

/// What all clients together have received.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub welcomes: u64,
    /// Chat messages: these are the deliveries.
    pub messages: u64,
    /// Bytes of the messages' frames, headers included.
    pub message_bytes: u64,
    /// Everything else: who joined, who left.
    pub notices: u64,
}

pub struct Client {
    pub stream: TcpStream,
    upgraded: bool,
    /// Bytes of a head or frame whose end has not come yet.
    unfinished: Vec<u8>,
    sender: Option<Sender>,
}

/// Keeps a fixed number of messages in flight: for each that comes back, one more goes out.
struct Sender {
    identity: u16,
    frames: FrameMaker,
    finder: TextFinder,
    sent: u32,
    returned: u32,
    sending: bool,
    /// The frames of one write, kept for its capacity.
    outgoing: Vec<u8>,
}

impl Client {
    /// Connects and asks for the upgrade; the answer is read with everything else.
    ///
    /// The kernel completes a connection to the own machine at once, so this blocks for microseconds.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        write!(
            stream,
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            upgraded: false,
            unfinished: Vec::new(),
            sender: None,
        })
    }

    /// Makes this client a sender and sends its first `in_flight` messages.
    pub fn begin_sending(&mut self, identity: u16, in_flight: u32) -> io::Result<()> {
        let sender = self.sender.insert(Sender {
            identity,
            frames: FrameMaker::new(identity),
            finder: TextFinder::default(),
            sent: 0,
            returned: 0,
            sending: true,
            outgoing: Vec::new(),
        });
        sender.send(in_flight, &mut self.stream)
    }

    /// One message from a sender.
    pub fn send_one(&mut self) -> io::Result<()> {
        self.sender.as_mut().map_or(Ok(()), |sender| sender.send(1, &mut self.stream))
    }

    pub fn end_sending(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.sending = false;
        }
    }

    pub fn sent(&self) -> u64 {
        self.sender.as_ref().map_or(0, |sender| u64::from(sender.sent))
    }

    /// Reads until the socket is empty and counts what came.
    pub fn read(&mut self, buffer: &mut [u8], tally: &mut Tally) -> io::Result<()> {
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
            self.take(&buffer[..kept + read], tally)?;
            // A read that left room has emptied the socket: a second one would only say so.
            if read < space {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8], tally: &mut Tally) -> io::Result<()> {
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
        let mut own_returned = 0;
        while let Some(frame) = first_frame(bytes) {
            own_returned += self.take_frame(&frame, tally)?;
            bytes = &bytes[frame.length..];
        }
        self.unfinished.extend_from_slice(bytes);
        match &mut self.sender {
            Some(sender) if sender.sending => sender.send(own_returned, &mut self.stream),
            _ => Ok(()),
        }
    }

    /// Counts a frame; 1 if it is the client's own message coming back, else 0.
    fn take_frame(&mut self, frame: &Frame, tally: &mut Tally) -> io::Result<u32> {
        if frame.opcode != OPCODE_TEXT {
            return match frame.opcode {
                OPCODE_CLOSE => Err(closed(frame.payload)),
                other => Err(io::Error::other(format!("a frame with the opcode {other}"))),
            };
        }
        if frame.payload.starts_with(br#"{"type":"message""#) {
            tally.messages += 1;
            tally.message_bytes += frame.length as u64;
            return self.sender.as_mut().map_or(Ok(0), |sender| sender.check(frame.payload));
        }
        if frame.payload.starts_with(br#"{"type":"welcome""#) {
            tally.welcomes += 1;
        } else if frame.payload.starts_with(br#"{"type":"error""#) {
            return Err(io::Error::other(String::from_utf8_lossy(frame.payload).into_owned()));
        } else {
            tally.notices += 1;
        }
        Ok(0)
    }
}

impl Sender {
    fn send(&mut self, count: u32, stream: &mut TcpStream) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.outgoing.clear();
        for _ in 0..count {
            self.frames.append(self.sent, &mut self.outgoing);
            self.sent += 1;
        }
        // All that can be in flight fits many times into a socket's buffer, so the kernel takes it
        // whole; should it not, the run fails and says so.
        let written = stream.write(&self.outgoing)?;
        if written < self.outgoing.len() {
            return Err(io::Error::other("the window is larger than the socket's buffer"));
        }
        Ok(())
    }

    /// 1 if this is our own message, which must be the next in order.
    fn check(&mut self, payload: &[u8]) -> io::Result<u32> {
        match self.finder.find(payload) {
            None => Err(io::Error::other("a message without our text")),
            Some((sender, number)) if sender == self.identity => {
                if number != self.returned {
                    let expected = self.returned;
                    let reason = format!("message {number} came back in place of {expected}");
                    return Err(io::Error::other(reason));
                }
                self.returned += 1;
                Ok(1)
            }
            Some(_) => Ok(0),
        }
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
        LENGTH_IN_TWO_BYTES => {
            (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))
        }
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

fn closed(payload: &[u8]) -> io::Error {
    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
    let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
    io::Error::other(format!("the server closed a client with {code} {reason}"))
}
