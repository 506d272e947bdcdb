//! Follows the bytes of one direction of a connection as they pass the socket, and tells the log of each frame.
//!
//! The connection's thread has one for what it reads, the broadcaster one for what the kernel took: what is told was
//! on the wire. Exists only while somebody looks, so that it costs nothing otherwise.

use log::{Level, debug, log_enabled, trace};

use super::frames::{FrameScanner, Scan};
use super::hex;
use crate::client_id::ClientId;

#[derive(Debug, Clone, Copy)]
pub enum Direction {
    FromClient,
    ToClient,
}

impl Direction {
    fn words(self) -> &'static str {
        match self {
            Direction::FromClient => "from client",
            Direction::ToClient => "to client",
        }
    }
}

#[derive(Debug)]
pub struct Tap {
    client: ClientId,
    direction: Direction,
    scanner: FrameScanner,
}

impl Tap {
    /// A tap, if the log is at `debug` or lower.
    pub fn new(client: ClientId, direction: Direction) -> Option<Box<Tap>> {
        let tap = Tap { client, direction, scanner: FrameScanner::default() };
        log_enabled!(Level::Debug).then(|| Box::new(tap))
    }

    /// The next bytes that passed.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        let (client, direction) = (self.client, self.direction.words());
        if log_enabled!(Level::Trace) {
            trace!("{client}: {direction}: bytes {}", hex(bytes));
        }
        // A wrong header ends the connection, so nothing is to be found behind it.
        while let Scan::Head { consumed, head, .. } = self.scanner.scan(bytes) {
            debug!("{client}: {direction}: {head}");
            bytes = &bytes[consumed..];
        }
    }
}
