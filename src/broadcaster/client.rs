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

use super::backlog::Backlog;
use super::batch::Round;
use super::closing::Closing;
use super::incoming::Newcomer;
use crate::accounts::Admission;
use crate::client_id::ClientId;
use crate::seats::Seat;
use crate::wire::{self, Opening, Party, Watched, What};

/// Wait before a client whose kernel buffer is full is tried again; doubled at each try that gets nothing through.
const SHORTEST_RETRY: Duration = Duration::from_millis(2);
const LONGEST_RETRY: Duration = Duration::from_millis(128);

pub struct Client {
    pub id: ClientId,
    /// Shared with the connection's thread, which only reads it.
    socket: Arc<TcpStream>,
    /// Its place among the WebSockets, given back when this entry is dropped.
    _seat: Seat,
    /// What let it in, where not everybody may come in. In a box: most of the time there is none.
    pub admission: Option<Box<Admission>>,
    /// How it began.
    pub opening: Arc<Opening>,
    /// The chat knows of it, so it is to know when it goes.
    pub is_member: bool,
    /// Set while somebody watches.
    watched: Option<Box<Watched>>,
    hearing: Hearing,
    /// What this client alone gets in this round, in order.
    own: Vec<Splice>,
    backlog: Backlog,
    /// Set while the kernel's buffer is full: no use in trying before the retry's time.
    blocked: Option<Blocked>,
    pub closing: Closing,
    /// TCP failed: nothing is sent any more. The connection's thread will say what it had read till then.
    failed: bool,
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
    /// The wait before the next try, and when it is over.
    wait: Duration,
    retry: Instant,
}

impl Client {
    /// A client in the chat hears all that comes from byte `since` of the present batch on; an echo hears nothing.
    pub fn new(id: ClientId, newcomer: Newcomer, listens: bool, since: usize) -> Self {
        let Newcomer { socket, seat, admission, opening } = newcomer;
        let backlog = Backlog::new(wire::is_drawn(&opening));
        Client {
            id,
            socket,
            _seat: seat,
            admission: admission.map(Box::new),
            opening,
            is_member: false,
            watched: None,
            hearing: Hearing { listens, since, until: None },
            own: Vec::new(),
            backlog,
            blocked: None,
            closing: Closing::not_begun(),
            failed: false,
            sent_bytes: 0,
        }
    }

    /// From now on it is watched so, or not at all; its own thread finds out by itself.
    pub fn watch(&mut self, watched: Option<Watched>) {
        self.opening.set_tapped(watched.is_some());
        self.watched = watched.map(Box::new);
        self.backlog.look(self.watched.is_some() || wire::is_drawn(&self.opening));
    }

    pub fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    pub fn tell_watchers(&mut self, at: Instant, what: impl FnOnce() -> What) {
        if let Some(watched) = &mut self.watched {
            watched.tell(at, what());
        }
    }

    /// Tells those who watch what they missed, if they did.
    pub fn tell_loss(&mut self) {
        if let Some(watched) = self.watched.as_mut().filter(|watched| watched.has_lost()) {
            watched.tell(Instant::now(), What::Nothing);
        }
    }

    /// Tells the log and those who watch of frames that the kernel took.
    fn tell_sent(&mut self, frames: Bytes, cut: bool) {
        if wire::is_drawn(&self.opening) {
            wire::log_frames(self.id, Party::Server, &frames, cut);
        }
        let what = || What::Frames { from: Party::Server, frames, cut };
        self.tell_watchers(Instant::now(), what);
    }

    /// Puts frames for this client alone into what it hears of the batch.
    pub fn splice(&mut self, replaced: Range<usize>, frames: Bytes) {
        self.own.push(Splice { replaced, frames });
    }

    /// It hears what comes from byte `since` of the present batch on.
    pub fn begin_hearing(&mut self, since: usize) {
        self.hearing.listens = self.hearing.until.is_none();
        self.hearing.since = since;
    }

    /// It hears nothing that comes at byte `until` of the batch or later.
    pub fn stop_hearing(&mut self, until: usize) {
        self.hearing.until = Some(self.hearing.until.map_or(until, |earlier| earlier.min(until)));
    }

    /// Moves what this client hears of the round into its backlog, in the round's order.
    pub fn queue(&mut self, round: &Round) {
        let batch = &round.frames;
        let heard = self.hearing.part_of(batch.len());
        if self.failed {
            return self.own.clear();
        }
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
    /// If TCP failed.
    pub fn send_now(&mut self, now: Instant) -> io::Result<Option<Instant>> {
        let sent = self.backlog.send_now(&self.socket);
        for frames in self.backlog.take_passed() {
            self.tell_sent(frames, false);
        }
        let sent = sent?;
        self.sent_bytes += sent.bytes as u64;
        let (progress, wait) = match self.blocked {
            Some(blocked) if sent.bytes == 0 => {
                (blocked.progress, (blocked.wait * 2).min(LONGEST_RETRY))
            }
            _ => (now, SHORTEST_RETRY),
        };
        self.blocked = sent.blocked.then_some(Blocked { progress, wait, retry: now + wait });
        // Everything sent before still arrives, as it would not if the socket were just dropped (RFC 6455, 7.1.1).
        if self.has_nothing_to_send() && self.closing.may_end_ours() {
            let _ = self.socket.shutdown(Shutdown::Write);
            self.closing.sent_all();
            if self.closing.by() == Some(Party::Client) {
                self.tell_watchers(Instant::now(), || What::Answered);
            }
        }
        Ok(self.blocked.map(|blocked| blocked.retry))
    }

    /// The kernel's buffer is full.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// It is blocked, and this is the time for the next try: a retry set before another try is void.
    pub fn retries_at(&self, due: Instant) -> bool {
        self.blocked.is_some_and(|blocked| blocked.retry == due)
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

    /// Forgets what waits, but for the rest of a frame that has begun, so that a close frame can still be read. It
    /// hears nothing later either: behind a gap nothing may come that looks as if there were none.
    pub fn forget(&mut self) {
        self.backlog.keep_started_frame();
        self.own.clear();
        self.stop_hearing(0);
    }

    /// It has had its time: ends TCP in both directions, which wakes the connection's thread if it still reads.
    pub fn abandon(&mut self) {
        self.closing.abandoned();
        self.end_both_directions();
    }

    /// TCP failed, so nothing that waits can reach it.
    pub fn tcp_failed(&mut self) {
        self.failed = true;
        self.closing.ended_ours();
        self.end_both_directions();
    }

    fn end_both_directions(&mut self) {
        if let Some(begun) = self.backlog.take_unfinished() {
            self.tell_sent(begun, true);
        }
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::seats::Seats;

    /// What a client gets of one round of the batch `abcdef` (six events of a byte, in real life whole frames).
    fn gets(listens: bool, since: usize, prepare: impl FnOnce(&mut Client)) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let mut peer =
            TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
        let (socket, _) = listener.accept().expect("the peer came");
        let mut client = {
            let seat = Seats::new(1).take().expect("a free seat");
            let opening = Opening::of_a_test();
            let newcomer = Newcomer { socket: Arc::new(socket), seat, admission: None, opening };
            Client::new(ClientId(1), newcomer, listens, since)
        };
        prepare(&mut client);
        client.queue(&Round { frames: Bytes::from_static(b"abcdef"), events: 6 });
        assert!(matches!(client.send_now(Instant::now()), Ok(None)));
        drop(client);
        let mut got = String::new();
        peer.read_to_string(&mut got).expect("TCP ends in order");
        got
    }

    fn own(client: &mut Client, replaced: Range<usize>, frames: &'static str) {
        client.splice(replaced, Bytes::from_static(frames.as_bytes()));
    }

    #[test]
    fn a_round_reaches_each_client_in_order_with_what_is_its_own() {
        assert_eq!(gets(true, 0, |_| {}), "abcdef");
        assert_eq!(gets(true, 2, |client| own(client, 2..2, "welcome ")), "welcome cdef");
        assert_eq!(gets(true, 0, |client| own(client, 1..2, "B")), "aBcdef");
        let both = |client: &mut Client| {
            own(client, 1..2, "B");
            own(client, 4..4, "-");
            own(client, 4..5, "");
        };
        assert_eq!(gets(true, 0, both), "aBcd-f");
    }

    #[test]
    fn who_leaves_within_a_round_hears_the_part_before() {
        let leaves = |client: &mut Client| {
            own(client, 1..1, "+");
            client.stop_hearing(3);
            own(client, 3..3, " close");
        };
        assert_eq!(gets(true, 0, leaves), "a+bc close");
        assert_eq!(gets(true, 2, leaves), "+c close");
    }

    #[test]
    fn an_echo_gets_its_own_and_nothing_of_the_chat() {
        let twice = |client: &mut Client| {
            own(client, 2..2, "one ");
            own(client, 5..5, "two");
        };
        assert_eq!(gets(false, 2, twice), "one two");
        assert_eq!(gets(false, 0, |_| {}), "");
    }

    #[test]
    fn who_is_cut_off_hears_nothing_behind_the_gap() {
        let cut_off = |client: &mut Client| {
            own(client, 1..1, "lost");
            client.forget();
            client.stop_hearing(4);
            own(client, 4..4, "close");
        };
        assert_eq!(gets(true, 0, cut_off), "close");
    }

    #[test]
    fn nothing_reaches_a_client_whose_tcp_failed() {
        let failed = |client: &mut Client| {
            own(client, 1..1, "own");
            client.tcp_failed();
        };
        assert_eq!(gets(true, 0, failed), "");
    }
}
