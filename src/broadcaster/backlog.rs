//! What one client's kernel buffer did not take yet.
//!
//! The bytes are shared with every other client's backlog, so a message to a thousand slow readers is in memory once.
//! Used by the broadcaster alone; no call here ever waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::TcpStream;

use bytes::Bytes;
use socket2::SockRef;

use crate::wire;

/// Pieces handed to the kernel in one call.
const PIECES_PER_SEND: usize = 64;

/// Whole frames in the order in which they are to be sent, but for the first, of which a part may be gone.
#[derive(Debug, Default)]
pub struct Backlog {
    chunks: VecDeque<Bytes>,
    /// Bytes of the first chunk that are sent.
    sent: usize,
    /// Bytes of all chunks that are not.
    waiting: usize,
}

/// What [`Backlog::flush`] came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Flush {
    /// Bytes that the kernel took.
    pub sent: usize,
    /// The kernel's buffer is full; what is left waits.
    pub full: bool,
}

impl Backlog {
    /// Queues whole frames.
    pub fn push(&mut self, frames: Bytes) {
        if !frames.is_empty() {
            self.waiting += frames.len();
            self.chunks.push_back(frames);
        }
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Hands the kernel what it takes now (`MSG_DONTWAIT`: reads of the same socket stay blocking).
    ///
    /// # Errors
    /// If the socket cannot be written to any more.
    pub fn flush(&mut self, socket: &TcpStream) -> io::Result<Flush> {
        let socket = SockRef::from(socket);
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let mut sent = 0;
        while !self.is_empty() {
            let offered;
            let result = if self.chunks.len() == 1 {
                let rest = &self.chunks[0][self.sent..];
                offered = rest.len();
                socket.send_with_flags(rest, flags)
            } else {
                let mut pieces = [IoSlice::new(&[]); PIECES_PER_SEND];
                let mut used = 0;
                for (piece, chunk) in pieces.iter_mut().zip(&self.chunks) {
                    let from = if used == 0 { self.sent } else { 0 };
                    *piece = IoSlice::new(&chunk[from..]);
                    used += 1;
                }
                offered = pieces[..used].iter().map(|piece| piece.len()).sum();
                socket.send_vectored_with_flags(&pieces[..used], flags)
            };
            match result {
                Ok(taken) => {
                    self.advance(taken);
                    sent += taken;
                    if taken < offered {
                        return Ok(Flush { sent, full: true });
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Flush { sent, full: true });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Flush { sent, full: false })
    }

    /// Forgets what waits, but for the rest of a frame that is partly sent: only behind a whole frame can another one
    /// be read.
    pub fn keep_started_frame(&mut self) {
        let started = self.chunks.pop_front().filter(|_| self.sent > 0);
        let sent = self.sent;
        self.clear();
        if let Some(chunk) = started {
            let end = wire::frame_end_after(&chunk, sent);
            self.push(chunk.slice(sent..end));
        }
    }

    pub fn clear(&mut self) {
        self.chunks.clear();
        self.sent = 0;
        self.waiting = 0;
    }

    fn advance(&mut self, mut taken: usize) {
        self.waiting -= taken;
        while let Some(first) = self.chunks.front() {
            let left = first.len() - self.sent;
            if taken < left {
                self.sent += taken;
                return;
            }
            taken -= left;
            self.sent = 0;
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_keeps_the_rest_of_a_started_frame() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"\x81\x03abc\x81\x02de"));
        backlog.push(Bytes::from_static(b"\x81\x01x"));
        backlog.advance(6);
        backlog.keep_started_frame();
        assert_eq!(backlog.waiting(), 3);
        assert_eq!(backlog.chunks, [&b"\x02de"[..]]);
    }

    #[test]
    fn forgetting_between_frames_keeps_nothing() {
        for sent in [0, 5, 9] {
            let mut backlog = Backlog::default();
            backlog.push(Bytes::from_static(b"\x81\x03abc\x81\x02de"));
            backlog.push(Bytes::from_static(b"\x81\x01x"));
            backlog.advance(sent);
            backlog.keep_started_frame();
            assert!(backlog.is_empty(), "after {sent} bytes");
        }
    }
}
