//! One client as the broadcaster sees it: its socket, which part of a round it gets, its send queue, and how far its closing
//! is.
//!
//! Used by the broadcaster alone; no call here ever waits for the client.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::blocked::Blocked;
use super::cause::Party;
use super::closing::Closing;
use super::endpoint::Endpoint;
use super::incoming::Opened;
use super::send_queue::SendQueue;
use crate::admission::Admission;
use crate::client_id::ClientId;
use crate::limits::Permit;
use crate::tap::{Frames, Privacy, Purpose, SendTap};
use crate::transport::Transport;
use crate::websocket::frame;

pub struct Client {
    pub id: ClientId,
    /// Shared with the connection's thread, which only reads it.
    socket: Arc<Transport>,
    /// Counts it among the WebSockets until this entry is dropped.
    _permit: Permit,
    /// Its right to be here, which can be revoked.
    pub admission: Admission,
    pub accepted: Instant,
    pub purpose: Purpose,
    /// What it wants is known: no first message has to come.
    pub is_introduced: bool,
    /// The chat got a `Joined` for it, so it must get a `Left`, too.
    pub has_joined: bool,
    /// One more field for its `welcome`.
    pub welcome_field: Option<(&'static str, String)>,
    part: RoundPart,
    /// What this client alone gets in this round, in order.
    own: Vec<OwnFrames>,
    queue: SendQueue,
    /// Set while the kernel's buffer is full: when to try again.
    pub blocked: Option<Blocked>,
    pub closing: Closing,
    /// TCP failed: nothing is sent any more.
    failed: bool,
    /// Bytes that the kernel accepted.
    pub sent_bytes: u64,
    pub tap: Box<dyn SendTap>,
}

/// Which part of a round's batch a client gets: it may join or leave in the middle of it.
#[derive(Default)]
struct RoundPart {
    /// It is in the chat.
    is_member: bool,
    /// It came in this round, at this byte.
    from: usize,
    /// It leaves in this round, at this byte.
    until: Option<usize>,
}

/// Frames for one client, inserted into its part of the batch in place of `replaces`:
///
/// ```text
/// the batch       [ message 7 ][ message 8 ][ message 9 ]
/// what Ana gets   [ message 7 ][ message 8 with her ref ][ pong ][ message 9 ]
/// ```
struct OwnFrames {
    replaces: Range<usize>,
    frames: Frames,
}

impl Client {
    /// Until it joins it gets only frames of its own. Also returns its endpoint.
    pub fn new(id: ClientId, opened: Opened) -> (Client, Endpoint) {
        let Opened { socket, accepted, endpoint, admission, permit, tap, welcome_field } = opened;
        let client = Client {
            id,
            socket,
            _permit: permit,
            admission,
            accepted,
            purpose: endpoint.purpose(),
            is_introduced: false,
            has_joined: false,
            welcome_field,
            part: RoundPart::default(),
            own: Vec::new(),
            queue: SendQueue::default(),
            blocked: None,
            closing: Closing::default(),
            failed: false,
            sent_bytes: 0,
            tap,
        };
        (client, endpoint)
    }

    /// Inserts frames for this client alone into its part of the batch.
    pub fn insert(&mut self, replaces: Range<usize>, frames: Bytes, privacy: Privacy) {
        self.own.push(OwnFrames { replaces, frames: Frames::new(frames, privacy) });
    }

    /// It gets what comes at byte `from` of the present batch and later.
    pub fn join_batch(&mut self, from: usize) {
        self.part.is_member = self.part.until.is_none();
        self.part.from = from;
    }

    /// It gets nothing of the batch from byte `until` on, nor of a later one.
    pub fn leave_batch(&mut self, until: usize) {
        self.part.until = Some(self.part.until.map_or(until, |earlier| earlier.min(until)));
    }

    /// Moves this client's part of the round into its send queue, in the round's order.
    pub fn queue(&mut self, batch: &Bytes, events: u64) {
        let Range { start: mut at, end } = self.part.take_range(batch.len());
        if self.failed {
            return self.own.clear();
        }
        if self.own.is_empty() && at == 0 && end == batch.len() {
            return self.queue.push(Frames::new(batch.clone(), Privacy::Public), events);
        }
        for OwnFrames { replaces, frames } in std::mem::take(&mut self.own) {
            self.queue_public(batch, at..replaces.start.min(end));
            at = at.max(replaces.end);
            let messages = frame::messages_in(&frames.bytes);
            self.queue.push(frames, messages);
        }
        self.queue_public(batch, at..end);
    }

    fn queue_public(&mut self, batch: &Bytes, part: Range<usize>) {
        if !part.is_empty() {
            let messages = frame::messages_in(&batch[part.clone()]);
            self.queue.push(Frames::new(batch.slice(part), Privacy::Public), messages);
        }
    }

    /// Sends what the kernel accepts. After the last byte of a closing, ends our direction of TCP. Returns when to try again if the
    /// kernel did not accept everything.
    ///
    /// # Errors
    /// If TCP failed.
    pub fn send_now(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        let sent = self.queue.send_now(&self.socket, &mut *self.tap)?;
        self.sent_bytes += sent.bytes as u64;
        let is_end = self.has_nothing_to_send() && self.closing.may_end_ours();
        // Half-close: FIN follows the last byte. If the socket were dropped, that byte could be lost (RFC 6455, 7.1.1).
        let is_blocked = sent.blocked || (is_end && !self.socket.end_ours());
        let before = self.blocked.filter(|_| sent.bytes == 0);
        self.blocked = is_blocked.then(|| Blocked::after(before, now));
        if is_end && !is_blocked {
            self.closing.sent_all();
            if self.closing.by() == Some(Party::Client) {
                self.tap.answered();
            }
        }
        Ok(self.blocked.map(|blocked| blocked.retry))
    }

    /// Bytes of memory that wait for this client, overhead included.
    pub fn queued_bytes(&self) -> usize {
        self.queue.memory()
    }

    /// Messages that were sent, the one that is being sent included.
    pub fn sent_messages(&self) -> u64 {
        self.queue.messages()
    }

    /// Drops what is queued, except the rest of a started frame: a close frame is readable only after it. The client gets nothing
    /// more of the chat, since it could not see the gap.
    pub fn drop_queue(&mut self) {
        self.queue.keep_started_frame(&mut *self.tap);
        self.own.clear();
        self.leave_batch(0);
    }

    /// Its time to close is over: ends TCP in both directions, which wakes the connection's thread if it still reads.
    pub fn force_close(&mut self) {
        self.closing.forced();
        self.end_both_directions();
    }

    /// TCP failed, so nothing can be sent any more.
    pub fn tcp_failed(&mut self) {
        self.failed = true;
        self.closing.ended_ours();
        self.end_both_directions();
    }

    fn end_both_directions(&mut self) {
        self.queue.clear(&mut *self.tap);
        self.own.clear();
        self.blocked = None;
        self.socket.end_both();
    }

    /// Nothing is left to do for it: its thread is done and everything is sent.
    pub fn is_over(&self) -> bool {
        self.closing.tcp_end().is_some() && self.has_nothing_to_send()
    }

    fn has_nothing_to_send(&self) -> bool {
        self.queue.is_empty() && self.own.is_empty() && self.socket.is_flushed()
    }
}

impl RoundPart {
    /// The part of this round's batch, `length` bytes long; of a later round it gets all or nothing.
    fn take_range(&mut self, length: usize) -> Range<usize> {
        let from = std::mem::take(&mut self.from);
        let until = self.until.take();
        if !self.is_member {
            return length..length;
        }
        self.is_member = until.is_none();
        from..until.unwrap_or(length)
    }
}

#[cfg(test)]
mod tests;
