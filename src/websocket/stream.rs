//! The stream that tungstenite gets: reads come from the socket, writes go to the broadcaster.
//!
//! tungstenite's `WebSocket` cannot be split in two, and its `read` also writes: it answers pings. If this thread wrote to the
//! socket while the broadcaster does, the frames of both would be mixed. So finished frames go through the channel
//! like everything else, and this thread never writes to the socket after the handshake.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::Sender;

use super::fault::ClientFault;
use super::frame_rules::FrameRules;
use super::read_ahead::ReadAhead;
use crate::broadcaster::Incoming;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::tap::ReadTap;
use crate::transport::Transport;

pub struct ClientStream {
    client: ClientId,
    socket: Arc<Transport>,
    to_broadcaster: Sender<Incoming>,
    rules: FrameRules,
    ahead: ReadAhead,
    /// Found by the rules; reported once the bytes before it are read.
    fault: Option<CloseReason>,
    received: u64,
    tap: Box<dyn ReadTap>,
}

impl ClientStream {
    /// `early` is what came after the request's head.
    pub fn new(
        client: ClientId,
        socket: Arc<Transport>,
        to_broadcaster: Sender<Incoming>,
        max_message: usize,
        early: Vec<u8>,
        tap: Box<dyn ReadTap>,
    ) -> Self {
        let (rules, ahead) = (FrameRules::new(max_message), ReadAhead::new(early));
        ClientStream { client, socket, to_broadcaster, rules, ahead, fault: None, received: 0, tap }
    }

    /// Bytes read so far, those that were read ahead included.
    pub fn received(&self) -> u64 {
        self.received + self.ahead.len() as u64
    }

    pub fn tap(&mut self) -> &mut dyn ReadTap {
        &mut *self.tap
    }

    /// The tap, and the bytes that were read ahead and will not become a message.
    pub fn into_rest(self) -> (Box<dyn ReadTap>, Vec<u8>) {
        (self.tap, self.ahead.into_rest())
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let failed = |fault: CloseReason| Err(io::Error::other(ClientFault(fault)));
        if let Some(fault) = self.fault.clone() {
            return failed(fault);
        }
        let length = self.ahead.read(&*self.socket, !self.to_broadcaster.is_empty(), buffer)?;
        self.received += length as u64;
        self.tap.read(&buffer[..length], self.rules.scanner());
        match self.rules.check(&buffer[..length]) {
            Ok(()) => Ok(length),
            Err((good, fault)) => {
                self.fault = Some(fault.clone());
                if good > 0 { Ok(good) } else { failed(fault) }
            }
        }
    }
}

impl Write for ClientStream {
    /// tungstenite writes whole frames, and all of them are accepted: no frame is split between two `Frames`. Waits while the
    /// channel is full.
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let incoming = Incoming::Frames { client: self.client, frames: Bytes::copy_from_slice(frames) };
        match self.to_broadcaster.send(incoming) {
            Ok(()) => Ok(frames.len()),
            Err(_) => Err(io::Error::new(ErrorKind::BrokenPipe, "the server has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
