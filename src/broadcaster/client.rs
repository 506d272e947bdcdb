//! One client as the broadcaster sees it: its socket, what it hears of a round, what it has not taken yet, and how
//! far its closing is.
//!
//! Used by the broadcaster alone; no call here ever waits for the client.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use log::{Level, debug, log_enabled, trace};

use super::backlog::Backlog;
use super::batch::Round;
use super::incoming::Received;
use crate::client_id::ClientId;
use crate::close::{Cause, TcpEnd};
use crate::wire;

/// Wait before a full socket is tried again; doubled at each try that gets nothing through.
const SHORTEST_RETRY: Duration = Duration::from_millis(2);
const LONGEST_RETRY: Duration = Duration::from_millis(128);

pub struct Client {
    pub id: ClientId,
    /// Shared with the connection's thread, which only reads it.
    pub socket: Arc<TcpStream>,
    pub opened: Instant,
    /// Which bytes of the round's batch it hears.
    hears: Range<usize>,
    /// Frames of this round for this client alone.
    private: Vec<Private>,
    pub backlog: Backlog,
    /// Set while the kernel's buffer is full: no use in trying before the retry's time.
    pub full: Option<Full>,
    pub closing: Option<Closing>,
    /// We ended TCP in both directions.
    pub abandoned: bool,
    /// The connection's thread is done.
    pub ended: Option<(Received, TcpEnd)>,
    pub sent_messages: u64,
    pub sent_bytes: u64,
}

/// Frames that come at byte `at` of the batch, in place of the `skip` bytes there.
struct Private {
    at: usize,
    skip: usize,
    frames: Bytes,
}

#[derive(Debug, Clone, Copy)]
pub struct Full {
    /// The last time that the kernel took a byte.
    pub progress: Instant,
    pub retry: Duration,
}

pub struct Closing {
    pub cause: Cause,
    /// The client sent a close frame, too.
    pub answered: bool,
    /// Our direction of TCP is ended.
    pub fin: bool,
}

impl Client {
    /// A client that hears everything from byte `from` of the present batch on; an echo hears nothing of it.
    pub fn new(
        id: ClientId,
        socket: Arc<TcpStream>,
        in_chat: bool,
        opened: Instant,
        from: usize,
    ) -> Self {
        Client {
            id,
            socket,
            opened,
            hears: if in_chat { from..usize::MAX } else { 0..0 },
            private: Vec::new(),
            backlog: Backlog::default(),
            full: None,
            closing: None,
            abandoned: false,
            ended: None,
            sent_messages: 0,
            sent_bytes: 0,
        }
    }

    /// Puts frames for this client alone at `place` of the batch, instead of what stands there.
    pub fn insert(&mut self, place: Range<usize>, frames: Bytes) {
        self.private.push(Private {
            at: place.start,
            skip: place.len(),
            frames,
        });
    }

    /// It hears nothing that comes at byte `at` of the batch or later.
    pub fn stop_hearing(&mut self, at: usize) {
        self.hears.end = self.hears.end.min(at);
    }

    /// Moves what this client hears of the round into its backlog, in the round's order.
    pub fn queue(&mut self, round: &Round) {
        let batch = &round.frames;
        let mut at = self.hears.start.min(batch.len());
        let end = self.hears.end.min(batch.len());
        self.hears.start = 0;
        if self.hears.end != usize::MAX {
            self.hears.end = 0;
        }
        if self.private.is_empty() && at == 0 && end == batch.len() {
            return self.push(batch.clone(), round.events);
        }
        for private in std::mem::take(&mut self.private) {
            let public = batch.slice(at.min(private.at)..private.at.min(end));
            at = at.max(private.at + private.skip);
            for frames in [public, private.frames] {
                let messages = messages_in(&frames);
                self.push(frames, messages);
            }
        }
        if at < end {
            let rest = batch.slice(at..end);
            let messages = messages_in(&rest);
            self.push(rest, messages);
        }
    }

    fn push(&mut self, frames: Bytes, messages: u64) {
        if log_enabled!(Level::Debug) {
            for (head, frame) in wire::whole_frames(&frames) {
                debug!("{}: sends {head}", self.id);
                trace!("{}: sends bytes {}", self.id, wire::hex(frame));
            }
        }
        self.sent_messages += messages;
        self.backlog.push(frames);
    }

    /// Lets the kernel take what it will, and notes when to try again.
    ///
    /// # Errors
    /// If the socket is broken.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        let flush = self.backlog.flush(&self.socket)?;
        self.sent_bytes += flush.sent as u64;
        self.full = match self.full {
            _ if !flush.full => None,
            Some(full) if flush.sent == 0 => Some(Full {
                retry: (full.retry * 2).min(LONGEST_RETRY),
                ..full
            }),
            _ => Some(Full {
                progress: now,
                retry: SHORTEST_RETRY,
            }),
        };
        self.end_our_direction_if_done();
        Ok(())
    }

    /// Ends our direction of TCP when the last byte is with the kernel and the closing allows it. Everything sent
    /// before still arrives, as it would not if the socket were just dropped (RFC 6455, 7.1.1).
    pub fn end_our_direction_if_done(&mut self) {
        let Some(closing) = &mut self.closing else {
            return;
        };
        let may_end = closing.answered || !matches!(closing.cause, Cause::Server(_));
        if may_end
            && !closing.fin
            && !self.abandoned
            && self.backlog.is_empty()
            && self.private.is_empty()
        {
            closing.fin = true;
            let _ = self.socket.shutdown(Shutdown::Write);
        }
    }

    /// Ends TCP in both directions, which wakes the connection's thread if it still reads.
    pub fn abandon(&mut self) {
        self.backlog.clear();
        self.full = None;
        self.abandoned = true;
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Nothing is left to do for it: its thread is gone and everything is sent.
    pub fn is_over(&self) -> bool {
        self.ended.is_some() && self.backlog.is_empty() && self.private.is_empty()
    }
}

fn messages_in(frames: &[u8]) -> u64 {
    wire::whole_frames(frames)
        .filter(|(head, _)| head.fin && !head.opcode.is_control())
        .count() as u64
}
