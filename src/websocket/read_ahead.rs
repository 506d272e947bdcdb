//! Reads more than tungstenite asks for while a client sends a lot. So tungstenite's own buffer, which every client has all the
//! time, can be small.
//!
//! Part of the client's stream, on the connection's thread.

use std::io::{self, Cursor, ErrorKind, Read};
use std::thread;

/// Bytes that are read at once while a lot is coming.
const AHEAD: usize = 4 * 1024;

/// After a read of this many bytes the next one reads ahead, too; after fewer it is as small as tungstenite asks for.
const A_LOT: usize = 512;

pub struct ReadAhead {
    /// Read, but not handed on yet; at first what came right after the request's head. Takes no memory when idle; after a
    /// burst it does until the next byte or time-out.
    bytes: Cursor<Vec<u8>>,
    /// The last read filled all the room it had, or brought a lot: more may be there, or come.
    is_busy: bool,
}

impl ReadAhead {
    pub fn new(mut early: Vec<u8>) -> Self {
        // It held the request's head: an idle client must not keep that room.
        early.shrink_to_fit();
        ReadAhead { bytes: Cursor::new(early), is_busy: false }
    }

    /// The next bytes: of those that are here already, else of the socket's. `is_behind`: messages wait for the broadcaster. Then it runs
    /// first, where there are fewer cores than threads: more bytes are here afterwards, and one read, one round and one send are for more
    /// messages. Otherwise each byte that comes would wake this thread and stop the broadcaster.
    pub fn read(&mut self, socket: impl Read, is_behind: bool, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_empty() {
            if is_behind {
                thread::yield_now();
            }
            if !self.is_busy {
                let length = read_on(socket, buffer)?;
                self.is_busy = length == buffer.len();
                return Ok(length);
            }
            self.is_busy = false;
            let mut bytes = std::mem::take(&mut self.bytes).into_inner();
            bytes.resize(AHEAD, 0);
            let length = read_on(socket, &mut bytes)?;
            self.is_busy = length >= A_LOT;
            bytes.truncate(length);
            self.bytes = Cursor::new(bytes);
        }
        let length = self.bytes.read(buffer)?;
        if self.is_empty() && !self.is_busy {
            self.bytes = Cursor::default();
        }
        Ok(length)
    }

    /// Bytes that were read and are not handed on.
    pub fn len(&self) -> usize {
        self.bytes.get_ref().len() - self.bytes.position() as usize
    }

    /// The bytes that were read and are not handed on.
    pub fn into_rest(self) -> Vec<u8> {
        let from = self.bytes.position() as usize;
        self.bytes.into_inner().split_off(from)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads; if a signal interrupts it, again.
fn read_on(mut socket: impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
