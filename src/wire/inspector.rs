//! The inspector: makes what happened on watched connections into events for those who watch.
//!
//! On a thread of its own, so that all the writing of hexadecimal and JSON takes nothing from the chat. It never
//! touches a socket: finished frames go back to the broadcaster, which writes them like everything else, but leaves
//! them out where a watcher is slow.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;

use super::event::{Event, Exchange, Frame, Party, Proof};
use super::frames::{FrameHead, KeptFrame, KeptFrames, Opcode, put_text_frame};
use super::opening::{Opening, Purpose};
use super::record::{Note, Notes, Recipient, Record, What};
use super::{hex, secrets, unmasked};
use crate::client_id::ClientId;

/// Bytes of one payload that are shown.
const SHOWN_PAYLOAD: usize = 256;

/// Events for one watcher are handed on when they have so many bytes, or nothing more is there.
const BATCH_BYTES: usize = 32 * 1024;

/// Connections that are remembered. Ends may be left out in a storm; past this all are forgotten, and what is lost is a
/// ping's time or a message's number.
const LANES: usize = 65_536;

/// Pings of one side that may wait for their pong.
const WAITING_PINGS: usize = 16;

/// Finished text frames for one watcher.
pub struct Shown {
    pub watcher: ClientId,
    pub frames: Bytes,
    pub events: u64,
}

/// What must be remembered of a connection from one frame to the next.
#[derive(Default)]
struct Lane {
    from_client: Side,
    from_server: Side,
}

/// The same of one direction.
#[derive(Default)]
struct Side {
    /// Messages begun so far.
    messages: u64,
    /// The last of them goes on.
    fragmented: bool,
    /// What was pinged, and when.
    pings: VecDeque<(Vec<u8>, u64)>,
}

/// The thread's loop: ends when nobody is left who could tell anything, or `deliver` says that nobody listens.
pub fn run(notes: &Notes, deliver: impl Fn(Shown) -> bool) {
    let mut inspector = Inspector::default();
    while let Some(first) = notes.wait() {
        let mut next = Some(first);
        while let Some(note) = next {
            inspector.take(note);
            next = if inspector.is_full() { None } else { notes.try_next() };
        }
        for (watcher, (frames, events)) in inspector.batches.drain() {
            if !deliver(Shown { watcher, frames: frames.freeze(), events }) {
                return;
            }
        }
        inspector.bytes = 0;
    }
}

#[derive(Default)]
struct Inspector {
    lanes: HashMap<ClientId, Lane>,
    /// What is to be handed on, and how many events that is.
    batches: HashMap<ClientId, (BytesMut, u64)>,
    /// Bytes of all batches.
    bytes: usize,
}

impl Inspector {
    fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Watching { watcher, found } => {
                let whom = if watcher.everyone { "everyone" } else { "key" };
                self.show(&[watcher], &Event::Watching { whom, found });
            }
            Note::Record(record) => self.record(&record),
        }
    }

    fn record(&mut self, record: &Record) {
        let Record { opening, recipients, at, lost, what } = record;
        let conn = opening.accepted.client.0;
        let us = opening.since(*at).as_micros() as u64;
        if *lost > 0 {
            self.show(recipients, &Event::Lost { conn: Some(conn), count: *lost });
        }
        match what {
            What::Opened { name, late, sent } => {
                let proof = opening.proof();
                let proof = proof.as_ref().map(|proof| Proof {
                    key: &proof.key,
                    sha1: HEXLOWER.encode(&proof.digest),
                    accept: &proof.accept,
                });
                let opened = Event::Opened {
                    conn,
                    endpoint: if opening.purpose == Purpose::Chat { "chat" } else { "echo" },
                    name: name.as_deref(),
                    exchange: exchange(opening),
                    proof,
                    us,
                    late: *late,
                    sent: *sent,
                };
                self.show(recipients, &opened);
            }
            What::Refused => {
                let Purpose::Refused(status) = opening.purpose else { return };
                let exchange = exchange(opening);
                self.show(recipients, &Event::Refused { conn, status, exchange });
            }
            What::Named(name) => self.show(recipients, &Event::Named { conn, name }),
            What::Frames { from, frames, cut } => {
                self.frames(record, us, *from, frames, *cut);
            }
            What::Broken { header, wrong } => {
                let header = hex(header, &[]);
                let from = Party::Client;
                let why = wrong.to_string();
                self.show(recipients, &Event::Broken { conn, us, from, header: &header, why });
            }
            What::Closing { by, reason } => {
                let (by, code, reason) = (*by, reason.code(), reason.reason());
                self.show(recipients, &Event::Closing { conn, us, by, code, reason });
            }
            What::Nothing => {}
            What::Answered => self.show(recipients, &Event::Answered { conn, us }),
            What::Closed(closed) => {
                self.lanes.remove(&opening.accepted.client);
                let event = Event::Closed {
                    conn,
                    us,
                    by: closed.by,
                    code: closed.reason.code(),
                    reason: closed.reason.reason(),
                    answered: closed.answered,
                    tcp_by: closed.tcp_by,
                    tcp: closed.tcp,
                    detail: &closed.detail,
                    from_client: closed.from_client,
                    to_client: closed.to_client,
                };
                self.show(recipients, &event);
            }
        }
    }

    fn frames(&mut self, record: &Record, us: u64, from: Party, bytes: &[u8], cut: bool) {
        let mut frames = KeptFrames { rest: bytes };
        while let Some(kept) = frames.next() {
            self.frame(record, us, from, &kept, cut && frames.rest.is_empty());
        }
        if cut && !frames.rest.is_empty() {
            let conn = record.opening.accepted.client.0;
            let (header, why) = (hex(frames.rest, &[]), "the header never became whole".to_owned());
            self.show(&record.recipients, &Event::Broken { conn, us, from, header: &header, why });
        }
    }

    fn frame(&mut self, record: &Record, us: u64, from: Party, kept: &KeptFrame<'_>, cut: bool) {
        let KeptFrame { head, header, payload } = kept;
        let client = record.opening.accepted.client;
        let plain = head.mask.map(|mask| unmasked(mask, payload));
        let read = plain.as_deref().unwrap_or(payload);
        if self.lanes.len() > LANES {
            self.lanes.clear();
        }
        let place = self.lanes.entry(client).or_default().place(from, head, read, us);

        let shown = ..payload.len().min(SHOWN_PAYLOAD);
        let secret = match from {
            Party::Client => Vec::new(),
            Party::Server | Party::Nobody => secrets::in_payload(read),
        };
        let (header, wire) = (hex(header, &[]), hex(&payload[shown], &secret));
        let plain = plain.as_ref().map(|plain| hex(&plain[shown], &secret));
        let frame = |hidden: bool| {
            Event::Frame(Frame {
                conn: client.0,
                us,
                from,
                fin: head.fin,
                rsv: head.reserved,
                opcode: head.opcode.number(),
                kind: head.opcode.name(),
                mask: head.mask.map(|mask| hex(&mask, &[])),
                length: head.length,
                bits: head.length_bits,
                header: &header,
                payload: (!hidden).then_some(&wire),
                plain: plain.as_deref().filter(|_| !hidden),
                hidden,
                cut,
                message: place.message,
                round_trip_us: place.answers.map(|ping| us.saturating_sub(ping)),
                ping_us: place.answers,
            })
        };
        if record.opening.purpose == Purpose::Echo || secrets::is_public(head, read) {
            self.show(&record.recipients, &frame(false));
        } else {
            let (all, own): (Vec<_>, Vec<_>) =
                record.recipients.iter().partition(|recipient| recipient.everyone);
            self.show(&own, &frame(false));
            self.show(&all, &frame(true));
        }
    }

    fn show(&mut self, recipients: &[Recipient], event: &Event<'_>) {
        if recipients.is_empty() {
            return;
        }
        let json = event.json();
        for recipient in recipients {
            let (frames, events) = self.batches.entry(recipient.watcher).or_default();
            put_text_frame(&json, frames);
            *events += 1;
            self.bytes += json.len();
        }
    }
}

/// Where a frame stands among the others of its connection.
#[derive(Default)]
struct Place {
    message: Option<u64>,
    /// Of a pong: when the ping went by that it answers.
    answers: Option<u64>,
}

impl Lane {
    fn place(&mut self, from: Party, head: &FrameHead, payload: &[u8], us: u64) -> Place {
        let (this, other) = match from {
            Party::Client => (&mut self.from_client, &mut self.from_server),
            Party::Server | Party::Nobody => (&mut self.from_server, &mut self.from_client),
        };
        match head.opcode {
            Opcode::Ping => {
                if this.pings.len() == WAITING_PINGS {
                    this.pings.pop_front();
                }
                this.pings.push_back((payload.to_vec(), us));
                Place::default()
            }
            Opcode::Pong => {
                // Earlier pings need no answer of their own (RFC 6455, 5.5.3).
                let ping = other.pings.iter().rposition(|(pinged, _)| pinged == payload);
                let answered = ping.and_then(|ping| other.pings.drain(..=ping).next_back());
                Place { answers: answered.map(|(_, us)| us), ..Place::default() }
            }
            Opcode::Close => Place::default(),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if !this.fragmented || head.opcode != Opcode::Continuation {
                    this.messages += 1;
                }
                this.fragmented = !head.fin;
                Place { message: Some(this.messages), ..Place::default() }
            }
        }
    }
}

fn exchange(opening: &Opening) -> Exchange<'_> {
    let us = |at: Instant| opening.since(at).as_micros() as u64;
    let text = |bytes| -> Cow<'_, str> { String::from_utf8_lossy(bytes) };
    Exchange {
        at: humantime::format_rfc3339_millis(opening.accepted.at).to_string(),
        peer: opening.accepted.peer.to_string(),
        local: opening.local.map(|local| local.to_string()),
        request: text(&opening.request),
        response: text(&opening.response),
        asked_us: us(opening.asked),
        answered_us: us(opening.answered),
    }
}
