//! One client as the broadcaster sees it: its socket, what it hears of a round, what it has not taken yet, and how
//! far its closing is.
//!
//! Used by the broadcaster alone; no call here ever waits for the client.

use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::backlog::Backlog;
use super::batch::Round;
use super::closing::{Closing, TcpEnd};
use crate::client_id::ClientId;
use crate::wire::{Direction, Tap};

/// Wait before a client whose kernel buffer is full is tried again; doubled at each try that gets nothing through.
const SHORTEST_RETRY: Duration = Duration::from_millis(2);
const LONGEST_RETRY: Duration = Duration::from_millis(128);

pub struct Client {
    pub id: ClientId,
    /// Shared with the connection's thread, which only reads it.
    socket: Arc<TcpStream>,
    /// When TCP was accepted.
    pub opened: Instant,
    hearing: Hearing,
    /// What this client alone gets in this round, in order.
    own: Vec<Splice>,
    backlog: Backlog,
    /// Set while the kernel's buffer is full: no use in trying before the retry's time.
    blocked: Option<Blocked>,
    pub closing: Closing,
    /// Bytes that the kernel took.
    pub sent_bytes: u64,
}

/// Which part of a round's batch a client hears.
struct Hearing {
    /// It is in the chat.
    listens: bool,
    /// It came in this round, at this byte.
    since: usize,
    /// It leaves in this round, at this byte.
    until: Option<usize>,
}

/// Frames for one client, put into what it hears of the batch in place of `replaced`:
///
/// ```text
/// the batch          [ message 7 ][ message 8 ][ message 9 ]
/// what Ana hears     [ message 7 ][ message 8 with her ref ][ pong ][ message 9 ]
/// ```
struct Splice {
    replaced: Range<usize>,
    frames: Bytes,
}

#[derive(Debug, Clone, Copy)]
struct Blocked {
    /// The last time that the kernel took a byte.
    progress: Instant,
    retry: Duration,
}

impl Client {
    /// A client in the chat hears all that comes from byte `since` of the present batch on; an echo hears nothing.
    pub fn new(
        id: ClientId,
        socket: Arc<TcpStream>,
        listens: bool,
        opened: Instant,
        since: usize,
    ) -> Self {
        Client {
            id,
            socket,
            opened,
            hearing: Hearing { listens, since, until: None },
            own: Vec::new(),
            backlog: Backlog::new(Tap::new(id, Direction::ToClient)),
            blocked: None,
            closing: Closing::not_begun(),
            sent_bytes: 0,
        }
    }

    /// Puts frames for this client alone into what it hears of the batch.
    pub fn splice(&mut self, replaced: Range<usize>, frames: Bytes) {
        self.own.push(Splice { replaced, frames });
    }

    /// It hears nothing that comes at byte `until` of the batch or later.
    pub fn stop_hearing(&mut self, until: usize) {
        self.hearing.until = Some(until);
    }

    /// Moves what this client hears of the round into its backlog, in the round's order.
    pub fn queue(&mut self, round: &Round) {
        let batch = &round.frames;
        let heard = self.hearing.part_of(batch.len());
        if self.own.is_empty() && heard == (0..batch.len()) {
            return self.backlog.push(batch.clone(), round.events);
        }
        let mut at = heard.start;
        for Splice { replaced, frames } in std::mem::take(&mut self.own) {
            let before = replaced.start.min(heard.end);
            if at < before {
                self.backlog.push_frames(batch.slice(at..before));
            }
            at = at.max(replaced.end);
            self.backlog.push_frames(frames);
        }
        if at < heard.end {
            self.backlog.push_frames(batch.slice(at..heard.end));
        }
    }

    /// Lets the kernel take what it will, unless that is known to be nothing; ends our direction of TCP if that was
    /// the last of it. Returns when to try again, if the kernel did not take everything.
    ///
    /// # Errors
    /// How TCP failed.
    pub fn send_now(&mut self, now: Instant) -> Result<Option<Instant>, TcpEnd> {
        let sent = self
            .backlog
            .send_now(&self.socket)
            .map_err(|error| TcpEnd::Failed(error.to_string()))?;
        self.sent_bytes += sent.bytes as u64;
        self.blocked = match self.blocked {
            _ if !sent.blocked => None,
            Some(blocked) if sent.bytes == 0 => {
                Some(Blocked { retry: (blocked.retry * 2).min(LONGEST_RETRY), ..blocked })
            }
            _ => Some(Blocked { progress: now, retry: SHORTEST_RETRY }),
        };
        // Everything sent before still arrives, as it would not if the socket were just dropped (RFC 6455, 7.1.1).
        if self.has_nothing_to_send() && self.closing.may_end_ours() {
            let _ = self.socket.shutdown(Shutdown::Write);
            self.closing.ended_ours();
        }
        Ok(self.blocked.map(|blocked| now + blocked.retry))
    }

    /// The kernel's buffer is full.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// For how long the kernel has taken nothing, though something waits.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        self.blocked
            .map_or(Duration::ZERO, |blocked| now.saturating_duration_since(blocked.progress))
    }

    /// Bytes of memory that wait for this client, upkeep included.
    pub fn waiting(&self) -> usize {
        self.backlog.memory()
    }

    /// How many messages were sent, the one that is on its way included.
    pub fn sent_messages(&self) -> u64 {
        self.backlog.sent_messages()
    }

    /// Forgets what waits, but for the rest of a frame that has begun, so that a close frame can still be read.
    pub fn forget_backlog(&mut self) {
        self.backlog.keep_started_frame();
    }

    /// It has had its time: ends TCP in both directions, which wakes the connection's thread if it still reads.
    pub fn abandon(&mut self) {
        self.closing.abandoned();
        self.end_both_directions();
    }

    /// TCP failed, so nothing that waits can reach it.
    pub fn tcp_failed(&mut self) {
        self.closing.ended_ours();
        self.end_both_directions();
    }

    fn end_both_directions(&mut self) {
        self.backlog.clear();
        self.own.clear();
        self.blocked = None;
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Nothing is left to do for it: its thread is done and everything is sent.
    pub fn is_over(&self) -> bool {
        self.closing.their_end_has_come() && self.has_nothing_to_send()
    }

    fn has_nothing_to_send(&self) -> bool {
        self.backlog.is_empty() && self.own.is_empty()
    }
}

impl Hearing {
    /// The part of this round's batch, `length` bytes long; from the next round on it is all or nothing.
    fn part_of(&mut self, length: usize) -> Range<usize> {
        let since = std::mem::take(&mut self.since);
        let until = self.until.take();
        if !self.listens {
            return length..length;
        }
        self.listens = until.is_none();
        since..until.unwrap_or(length)
    }
}
