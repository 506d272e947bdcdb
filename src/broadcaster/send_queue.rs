//! The send queue of one client: what its kernel buffer has not accepted yet.
//!
//! The bytes are shared with the queues of all other clients, so a message to a thousand slow readers is in memory once.
//! Used by the broadcaster alone; no call here ever waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};

use crate::tap::{Frames, SendTap};
use crate::transport::Transport;
use crate::websocket::frame;

/// Pieces handed to the kernel in one call.
const PIECES_PER_SEND: usize = 64;

/// Memory that a piece takes besides its bytes: its place in the queue, and its allocation.
const PIECE_OVERHEAD: usize = 128;

/// Whole frames, the next one first. A part of the first piece may have been sent.
#[derive(Debug, Default)]
pub struct SendQueue {
    pieces: VecDeque<Frames>,
    /// Bytes of the first piece that were sent.
    sent: usize,
    /// Bytes of all pieces that were not.
    waiting: usize,
    /// Messages in all pieces since the beginning, without those that were dropped.
    messages: u64,
}

/// The result of [`SendQueue::send_now`].
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that the kernel accepted.
    pub bytes: usize,
    /// Its buffer is full; what is left waits.
    pub blocked: bool,
}

impl SendQueue {
    /// Queues whole frames that hold this many messages.
    pub fn push(&mut self, frames: Frames, messages: u64) {
        if !frames.bytes.is_empty() {
            self.messages += messages;
            self.waiting += frames.bytes.len();
            self.pieces.push_back(frames);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Bytes of memory that this queue holds, as if no bytes were shared.
    pub fn memory(&self) -> usize {
        self.waiting + self.pieces.len() * PIECE_OVERHEAD
    }

    /// Messages queued and not dropped; once all is sent, messages sent.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Sends what the kernel accepts now.
    ///
    /// # Errors
    /// If the socket cannot be written to any more.
    pub fn send_now(&mut self, socket: &Transport, tap: &mut dyn SendTap) -> io::Result<Sent> {
        let mut bytes = 0;
        while !self.is_empty() {
            let (offered, result) = self.offer(socket);
            match result {
                Ok(accepted) => {
                    self.advance(accepted, tap);
                    bytes += accepted;
                    if accepted < offered {
                        return Ok(Sent { bytes, blocked: true });
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Sent { bytes, blocked: true });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Sent { bytes, blocked: !socket.flush()? })
    }

    /// One system call: how many bytes were offered, and how many were accepted.
    fn offer(&self, socket: &Transport) -> (usize, io::Result<usize>) {
        if let (Some(only), 1) = (self.pieces.front(), self.pieces.len()) {
            let rest = &only.bytes[self.sent..];
            return (rest.len(), socket.send(&[IoSlice::new(rest)]));
        }
        let mut slices = [IoSlice::new(&[]); PIECES_PER_SEND];
        let mut offered = 0;
        let mut from = self.sent;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(&piece.bytes[from..]);
            offered += slice.len();
            from = 0;
        }
        let used = self.pieces.len().min(PIECES_PER_SEND);
        (offered, socket.send(&slices[..used]))
    }

    /// The kernel accepted this many bytes.
    fn advance(&mut self, mut accepted: usize, tap: &mut dyn SendTap) {
        self.waiting -= accepted;
        while accepted > 0 {
            let first = self.pieces.front().expect("invariant: the kernel accepts what it was offered");
            let to = first.bytes.len().min(self.sent + accepted);
            tap.sent(first, self.sent, to);
            accepted -= to - self.sent;
            self.sent = to;
            if to == first.bytes.len() {
                self.pieces.pop_front();
                self.sent = 0;
            }
        }
    }

    /// Drops what is queued, except the rest of a frame that is partly sent: the next frame is readable only after it.
    pub fn keep_started_frame(&mut self, tap: &mut dyn SendTap) {
        if let Some((first, sent, end)) = self.take_all() {
            tap.dropped(&first, sent, end);
            let bytes = first.bytes.slice(sent..end);
            self.push(Frames { bytes, is_rest: true, ..first }, 0);
        }
    }

    /// Drops what is queued.
    pub fn clear(&mut self, tap: &mut dyn SendTap) {
        if let Some((first, sent, _)) = self.take_all() {
            tap.cut_off(&first, sent);
        }
    }

    /// Empties the queue. Returns what was its first piece, how much of it was sent, and where the frame ends that was being
    /// sent. That frame stays counted; the messages after it do not.
    fn take_all(&mut self) -> Option<(Frames, usize, usize)> {
        let SendQueue { mut pieces, sent, messages, .. } = std::mem::take(self);
        self.messages = messages;
        let first = pieces.pop_front()?;
        let end = match first.is_rest {
            true => first.bytes.len(),
            false => frame::frame_end_after(&first.bytes, sent),
        };
        let later = pieces.iter().map(|piece| &piece.bytes[..]);
        let dropped: u64 = later.chain([&first.bytes[end..]]).map(frame::messages_in).sum();
        self.messages = messages.saturating_sub(dropped);
        Some((first, sent, end))
    }
}

#[cfg(test)]
mod tests;
