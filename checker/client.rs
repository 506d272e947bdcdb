//! One WebSocket of the checker. It sends what it is told, right or wrong, and takes nothing of the server for granted.
//!
//! Used by one thread; a second one may read through a `twin`. Every wait has a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::Connection;
use crate::frame::{CLOSE, CONTINUATION, Frame, PING, PONG, Parsed, TEXT, parse};
use crate::head::request_lines;
use crate::target::Target;
use crate::text::{Text, text};
use crate::verdict::Failure;

/// More bytes than this in one wait are a flood. The longest of our texts comes back a few times at most.
const MAX_WAITED: usize = 32 << 20;
/// A message counts as this number of bytes more: many short ones are a flood, too.
const MESSAGE: usize = 1024;

pub struct Client {
    connection: Arc<Connection>,
    buffer: Vec<u8>,
    /// Fragments of a text that is not complete.
    fragments: Vec<u8>,
}

/// Why nothing more can be read.
#[derive(Debug)]
pub enum End {
    Timeout,
    Close(u16),
    /// TCP ended without a close frame.
    Cut(Text),
    Broken(Text),
    Flood,
}

impl End {
    pub fn text(&self) -> Text {
        match self {
            End::Timeout => text!("nothing came in time", "no llegó nada a tiempo"),
            End::Close(code) => {
                text!("the server closed with code {code}", "el servidor cerró con el código {code}")
            }
            End::Cut(why) | End::Broken(why) => why.clone(),
            End::Flood => text!("the server sends without end", "el servidor envía sin parar"),
        }
    }

    /// For a check that needs what did not come.
    pub fn does_not(&self, before: &Text) -> Failure {
        Failure::DoesNot(before.and(&self.text()))
    }
}

impl Client {
    /// The handshake; the sentence says why there is none.
    pub fn open(target: &Target, stream: TcpStream) -> Result<Client, Text> {
        let lines = request_lines(&target.host, &target.path);
        let (connection, answer) =
            Connection::ask(target, stream, &lines, 1).map_err(|failure| failure.text().clone())?;
        match answer.fault().or_else(|| answer.accept_fault()) {
            Some(fault) => Err(fault),
            None => {
                Ok(Client { connection: Arc::new(connection), buffer: answer.rest, fragments: Vec::new() })
            }
        }
    }

    /// The same connection for a second thread; only one of the two may read.
    pub fn twin(&self) -> Client {
        Client { connection: Arc::clone(&self.connection), buffer: Vec::new(), fragments: Vec::new() }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.connection.stream
    }

    pub fn send(&self, target: &Target, mut frame: Frame) -> io::Result<()> {
        let bytes = frame.encode();
        self.connection.frame("client", &frame);
        self.send_bytes(target, &bytes)
    }

    /// Tells the recording of bytes that break a rule.
    pub fn record_broken(&self, from: &str, bytes: &[u8], why: &str) {
        self.connection.broken(from, bytes, why);
    }

    pub fn send_bytes(&self, target: &Target, bytes: &[u8]) -> io::Result<()> {
        target.spend(bytes.len())?;
        self.stream().write_all(bytes)
    }

    /// Says something to everybody.
    pub fn say(&self, target: &Target, text: &str) -> Result<(), Failure> {
        self.send(target, Frame::new(TEXT, target.wrapped(text).as_bytes())).map_err(|error| {
            Failure::DoesNot(text!(
                "the server took no more bytes: {error}",
                "el servidor no aceptó más bytes: {error}"
            ))
        })
    }

    /// The next frame.
    pub fn frame(&mut self, deadline: Instant) -> Result<Frame, End> {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            match parse(&self.buffer) {
                Parsed::Whole(frame, length) => {
                    self.buffer.drain(..length);
                    self.connection.frame("server", &frame);
                    return Ok(frame);
                }
                Parsed::Broken(why) => {
                    self.connection.broken("server", &self.buffer, &why.en);
                    return Err(End::Broken(why));
                }
                Parsed::Incomplete => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream().set_read_timeout(Some(left)).is_err() {
                return Err(End::Timeout);
            }
            match self.stream().read(&mut chunk) {
                Ok(0) => {
                    return Err(
                        self.cut("fin", text!("the server ended TCP", "el servidor cortó la conexión TCP"))
                    );
                }
                Ok(length) => self.buffer.extend(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(End::Timeout);
                }
                Err(_) => {
                    return Err(self.cut(
                        "reset",
                        text!("the server reset TCP", "el servidor cortó de golpe la conexión TCP (RST)"),
                    ));
                }
            }
        }
    }

    fn cut(&self, tcp: &'static str, why: Text) -> End {
        self.connection.closed("server", tcp, &why.en);
        End::Cut(why)
    }

    /// The next text, its fragments joined. Pings are answered.
    pub fn message(&mut self, target: &Target, deadline: Instant) -> Result<String, End> {
        let mut waited = 0;
        loop {
            let frame = self.frame(deadline)?;
            waited += frame.payload.len() + MESSAGE;
            if waited > MAX_WAITED {
                return Err(End::Flood);
            }
            match frame.opcode {
                PING => drop(self.send(target, Frame::new(PONG, &frame.payload))),
                PONG => {}
                CLOSE => return Err(End::Close(frame.close_code())),
                TEXT | CONTINUATION => {
                    self.fragments.extend(&frame.payload);
                    if frame.fin {
                        let bytes = std::mem::take(&mut self.fragments);
                        return String::from_utf8(bytes).map_err(|_| {
                            End::Broken(text!(
                                "the server sent a text that is not UTF-8",
                                "el servidor envió un texto que no es UTF-8"
                            ))
                        });
                    }
                }
                _ => self.fragments.clear(),
            }
        }
    }

    /// Waits until this was heard; other messages are skipped.
    pub fn hear(&mut self, target: &Target, said: &str, deadline: Instant) -> Result<(), End> {
        let mut skipped = 0;
        loop {
            let message = self.message(target, deadline)?;
            if target.is(&message, said) {
                return Ok(());
            }
            skipped += message.len() + MESSAGE;
            if skipped > MAX_WAITED {
                return Err(End::Flood);
            }
        }
    }

    /// Waits for the close frame, whatever comes before it.
    pub fn closed(&mut self, target: &Target, deadline: Instant) -> Result<u16, End> {
        let mut skipped = 0;
        loop {
            match self.message(target, deadline) {
                Err(End::Close(code)) => return Ok(code),
                Err(end) => return Err(end),
                Ok(message) => skipped += message.len() + MESSAGE,
            }
            if skipped > MAX_WAITED {
                return Err(End::Flood);
            }
        }
    }

    /// Ends TCP in both directions, also for a twin that reads.
    pub fn end(&self) {
        self.connection.end();
    }
}
