//! The stream that tungstenite gets: reads come from the socket, writes go to the broadcaster.
//!
//! tungstenite's `WebSocket` cannot be split in two, and its `read` also writes: it answers pings. If this thread
//! wrote to the socket while the broadcaster does, the frames of both would tear each other apart. So finished bytes
//! travel through the channel like everything else, and this thread never writes to the socket after the handshake.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::ahead::ReadAhead;
use super::guard::FrameGuard;
use super::wiretap::Wiretap;
use crate::broadcaster::Incoming;
use crate::client_id::ClientId;
use crate::close::CloseReason;
use crate::wire::Opening;
use bytes::Bytes;
use crossbeam_channel::Sender;

pub struct ClientStream {
    client: ClientId,
    socket: Arc<TcpStream>,
    to_broadcaster: Sender<Incoming>,
    guard: FrameGuard,
    wiretap: Wiretap,
    ahead: ReadAhead,
    /// Found by the guard; told once the bytes before it are read.
    fault: Option<CloseReason>,
    received: u64,
}

/// The error with which reading ends at a fault of the client.
#[derive(Debug)]
pub struct ClientFault(pub CloseReason);

impl fmt::Display for ClientFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Error for ClientFault {}

impl ClientStream {
    pub fn new(
        socket: Arc<TcpStream>,
        opening: Arc<Opening>,
        early: Vec<u8>,
        max_message: usize,
        to_broadcaster: Sender<Incoming>,
    ) -> Self {
        ClientStream {
            client: opening.accepted.client,
            socket,
            guard: FrameGuard::new(max_message),
            wiretap: Wiretap::new(opening, to_broadcaster.clone()),
            to_broadcaster,
            ahead: ReadAhead::new(early),
            fault: None,
            received: 0,
        }
    }

    /// Bytes read so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that were read ahead, when the conversation is over.
    pub fn rest(&mut self) -> Vec<u8> {
        let rest = self.ahead.rest();
        self.received += rest.len() as u64;
        rest
    }

    /// What goes on listening when the conversation is over.
    pub fn wiretap(&mut self) -> &mut Wiretap {
        &mut self.wiretap
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let told = |fault: CloseReason| Err(io::Error::other(ClientFault(fault)));
        if let Some(fault) = self.fault.clone() {
            return told(fault);
        }
        let length = self.ahead.read(&*self.socket, buffer)?;
        self.received += length as u64;
        self.wiretap.pass(&buffer[..length], self.guard.scanner());
        match self.guard.check(&buffer[..length]) {
            Ok(()) => Ok(length),
            Err((good, fault)) => {
                self.fault = Some(fault.clone());
                if good > 0 { Ok(good) } else { told(fault) }
            }
        }
    }
}

impl Write for ClientStream {
    /// Takes all of it, and waits while the channel is full: that is how a flood is slowed down.
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let incoming =
            Incoming::Frames { client: self.client, frames: Bytes::copy_from_slice(frames) };
        match self.to_broadcaster.send(incoming) {
            Ok(()) => Ok(frames.len()),
            Err(_) => Err(io::Error::new(ErrorKind::BrokenPipe, "the broadcaster has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
