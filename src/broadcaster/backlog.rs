//! What one client's kernel buffer did not take yet.
//!
//! The bytes are shared with every other client's backlog, so a message to a thousand slow readers is in memory once.
//! Used by the broadcaster alone; no call here ever waits.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::TcpStream;

use bytes::Bytes;
use socket2::SockRef;

use super::look::Look;
use crate::wire;

/// Chunks handed to the kernel in one call.
const CHUNKS_PER_SEND: usize = 64;

/// Memory that a chunk costs beside its bytes: its place in the queue and the upkeep of its allocation.
const CHUNK_UPKEEP: usize = 128;

/// Whole frames in the order in which they are to be sent, but for the first, of which a part may be gone.
#[derive(Debug)]
pub struct Backlog {
    chunks: VecDeque<Bytes>,
    /// Bytes of the first chunk that are sent.
    sent: usize,
    /// The first chunk is no whole frame, but the rest of one whose beginning was sent.
    rest_first: bool,
    /// Bytes of all chunks that are not.
    waiting: usize,
    /// Messages in all chunks since the beginning, less those forgotten.
    messages: u64,
    /// Set while somebody wants to see what the kernel takes.
    look: Option<Box<Look>>,
}

/// What [`Backlog::send_now`] came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes that the kernel took.
    pub bytes: usize,
    /// Its buffer is full; what is left waits.
    pub blocked: bool,
}

impl Backlog {
    /// `is_looked_at`: somebody wants to know what the kernel takes.
    pub fn new(is_looked_at: bool) -> Self {
        let look = is_looked_at.then(Box::default);
        Backlog {
            chunks: VecDeque::new(),
            sent: 0,
            rest_first: false,
            waiting: 0,
            messages: 0,
            look,
        }
    }

    /// Somebody looks, or nobody any more. What is seen begins with the next whole frame.
    pub fn look(&mut self, is_looked_at: bool) {
        if !is_looked_at {
            return self.look = None;
        }
        let skipped = match self.chunks.front() {
            Some(rest) if self.rest_first => rest.len(),
            Some(first) => wire::frame_end_after(first, self.sent),
            None => 0,
        };
        self.look.get_or_insert_with(|| Box::new(Look::from(skipped)));
    }

    /// Whole frames that the kernel took since the last call, if somebody looks.
    pub fn take_passed(&mut self) -> Vec<Bytes> {
        self.look.as_mut().map(|look| look.take_passed()).unwrap_or_default()
    }

    /// The beginning of a frame whose rest the kernel did not take, if somebody looks and there is one.
    pub fn take_unfinished(&mut self) -> Option<Bytes> {
        let (look, first) = (self.look.as_mut()?, self.chunks.front()?);
        Some(look.take_begun(first, self.sent)).filter(|begun| !begun.is_empty())
    }

    /// Queues whole frames that are so many messages.
    pub fn push(&mut self, frames: Bytes, messages: u64) {
        if !frames.is_empty() {
            self.messages += messages;
            self.waiting += frames.len();
            self.chunks.push_back(frames);
        }
    }

    /// Queues whole frames, and counts the messages among them.
    pub fn push_frames(&mut self, frames: Bytes) {
        let messages = messages_in(&frames);
        self.push(frames, messages);
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Bytes of memory that are kept for this client alone, were nothing shared.
    pub fn memory(&self) -> usize {
        self.waiting + self.chunks.len() * CHUNK_UPKEEP
    }

    /// Messages queued and not forgotten; once all is sent, messages sent.
    pub fn sent_messages(&self) -> u64 {
        self.messages
    }

    /// Hands the kernel what it takes now (`MSG_DONTWAIT`: reads of the same socket stay blocking).
    ///
    /// # Errors
    /// If the socket cannot be written to any more.
    pub fn send_now(&mut self, socket: &TcpStream) -> io::Result<Sent> {
        let mut bytes = 0;
        while !self.is_empty() {
            let (offered, result) = self.offer(&SockRef::from(socket));
            match result {
                Ok(taken) => {
                    self.advance(taken);
                    bytes += taken;
                    if taken < offered {
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
        Ok(Sent { bytes, blocked: false })
    }

    /// One system call: how many bytes were offered, and how many were taken.
    fn offer(&self, socket: &SockRef<'_>) -> (usize, io::Result<usize>) {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        if let [chunk] = self.chunks.as_slices().0
            && self.chunks.len() == 1
        {
            // The usual case, and a cheaper call.
            let rest = &chunk[self.sent..];
            return (rest.len(), socket.send_with_flags(rest, flags));
        }
        let mut pieces = [IoSlice::new(&[]); CHUNKS_PER_SEND];
        let mut offered = 0;
        let mut from = self.sent;
        for (piece, chunk) in pieces.iter_mut().zip(&self.chunks) {
            *piece = IoSlice::new(&chunk[from..]);
            offered += piece.len();
            from = 0;
        }
        let used = self.chunks.len().min(CHUNKS_PER_SEND);
        (offered, socket.send_vectored_with_flags(&pieces[..used], flags))
    }

    /// Forgets what waits, but for the rest of a frame that is partly sent: only behind a whole frame can another one
    /// be read.
    pub fn keep_started_frame(&mut self) {
        let rest = self.forget();
        self.rest_first = !rest.is_empty();
        self.push(rest, 0);
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.forget();
    }

    /// Empties the queue and returns the rest of a frame that is partly sent, which stays counted as sent.
    fn forget(&mut self) -> Bytes {
        let mut chunks = std::mem::take(&mut self.chunks);
        let sent = std::mem::take(&mut self.sent);
        let rest_first = std::mem::take(&mut self.rest_first);
        self.waiting = 0;
        let Some(first) = chunks.pop_front() else { return Bytes::new() };
        let end = match rest_first {
            true => first.len(),
            false => wire::frame_end_after(&first, sent).min(first.len()),
        };
        let behind: u64 = chunks.iter().map(|chunk| messages_in(chunk)).sum();
        self.messages = self.messages.saturating_sub(behind + messages_in(&first[end..]));
        if let Some(look) = &mut self.look {
            look.keep_begun(&first, sent, end);
        }
        first.slice(sent..end)
    }

    fn advance(&mut self, mut taken: usize) {
        self.waiting -= taken;
        while let Some(first) = self.chunks.front() {
            let rest = &first[self.sent..];
            let passed = rest.len().min(taken);
            if let Some(look) = &mut self.look {
                look.pass(first, self.sent + passed, self.rest_first);
            }
            if taken < rest.len() {
                self.sent += taken;
                return;
            }
            taken -= passed;
            self.sent = 0;
            self.rest_first = false;
            self.chunks.pop_front();
        }
    }
}

/// Last frames of messages; pings, pongs and close frames are none.
fn messages_in(frames: &[u8]) -> u64 {
    wire::whole_frames(frames).filter(|(head, _)| head.fin && !head.opcode.is_control()).count()
        as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three messages in two chunks, of which so many bytes are sent.
    fn backlog(sent: usize) -> Backlog {
        let mut backlog = Backlog::new(false);
        backlog.push_frames(Bytes::from_static(b"\x81\x03abc\x81\x02de"));
        backlog.push_frames(Bytes::from_static(b"\x81\x01x"));
        backlog.advance(sent);
        backlog
    }

    #[test]
    fn forgetting_keeps_the_rest_of_a_started_frame() {
        let mut backlog = backlog(6);
        backlog.keep_started_frame();
        assert_eq!((backlog.waiting, backlog.sent_messages()), (3, 2));
        assert_eq!(backlog.chunks, [&b"\x02de"[..]]);
    }

    #[test]
    fn forgetting_twice_still_keeps_the_rest() {
        let mut backlog = backlog(6);
        backlog.keep_started_frame();
        backlog.advance(1);
        backlog.push_frames(Bytes::from_static(b"\x81\x01y"));
        backlog.keep_started_frame();
        assert_eq!(backlog.chunks, [&b"de"[..]]);
        assert_eq!(backlog.sent_messages(), 2);
    }

    #[test]
    fn forgetting_between_frames_keeps_nothing() {
        for (sent, messages) in [(0, 0), (5, 1), (9, 2)] {
            let mut backlog = backlog(sent);
            backlog.keep_started_frame();
            assert!(backlog.is_empty(), "after {sent} bytes");
            assert_eq!(backlog.sent_messages(), messages, "after {sent} bytes");
        }
    }

    #[test]
    fn small_frames_are_counted_with_their_upkeep() {
        let backlog = backlog(0);
        assert_eq!(backlog.memory(), 12 + 2 * CHUNK_UPKEEP);
    }
}
