//! Turns observations into events for the watchers.
//!
//! Called by `registry` on the inspector's thread. Its only state is the connection's tracker. Must never show a secret or another
//! user's private text.

use std::borrow::Cow;
use std::time::Instant;

use data_encoding::HEXLOWER;

use super::captured::Captured;
use super::event::{Event, Exchange, Frame, Proof};
use super::frame_tap::SHOWN_PAYLOAD;
use super::hex::{hex, unmasked};
use super::note::Observation;
use super::secrets;
use super::tracker::FrameTracker;
use crate::broadcaster::Party;
use crate::tap::{Privacy, Purpose};
use crate::websocket::frame::{KeptFrame, KeptFrames};

/// A connection became a WebSocket. `late`: the watcher came after that.
pub fn opened<'a>(captured: &'a Captured, name: Option<&'a str>, at: Instant, late: bool) -> Event<'a> {
    let proof = captured.proof().map(|proof| Proof {
        key: proof.key,
        sha1: HEXLOWER.encode(&proof.digest),
        accept: proof.accept,
    });
    Event::Opened {
        conn: captured.client().0,
        endpoint: if captured.purpose == Some(Purpose::Chat) { "chat" } else { "echo" },
        name,
        exchange: exchange(captured),
        proof,
        us: microseconds(captured, at),
        late,
        sent: if late { captured.sent() } else { 0 },
    }
}

/// A connection did not become a WebSocket.
pub fn refused(captured: &Captured, status: u16) -> Event<'_> {
    let (conn, exchange) = (captured.client().0, exchange(captured));
    let body = exchange.response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let why = body.lines().next().unwrap_or_default().to_owned();
    Event::Refused { conn, status, why, exchange }
}

/// A request of plain HTTP was answered, and not with an error.
pub fn exchanged(captured: &Captured, status: u16) -> Event<'_> {
    Event::Exchanged { conn: captured.client().0, status, exchange: exchange(captured) }
}

/// Calls `emit` with each event of an observation: as the watchers with this connection's key see it, and as the teacher does.
pub fn note(
    captured: &Captured,
    tracker: &mut FrameTracker,
    at: Instant,
    observation: &Observation,
    mut emit: impl FnMut(&Event<'_>, &Event<'_>),
) {
    let (conn, us) = (captured.client().0, microseconds(captured, at));
    match observation {
        Observation::Opened | Observation::Refused(_) | Observation::Exchanged(_) | Observation::Keyed(_) => {
        }
        Observation::Named(name) => emit_to_all(&mut emit, &Event::Named { conn, name }),
        Observation::Frames { from, frames, privacy, cut, record } => {
            let record = record.as_ref().map(|record| hex(record, &[]));
            let mut frames = KeptFrames { rest: frames };
            while let Some(kept) = frames.next() {
                let cut = *cut && frames.rest.is_empty();
                frame(captured, tracker, us, *from, &kept, *privacy, cut, record.as_deref(), &mut emit);
            }
            if *cut && !frames.rest.is_empty() {
                let (header, why) = (hex(frames.rest, &[]), "the header is incomplete".to_owned());
                emit_to_all(&mut emit, &Event::Broken { conn, us, from: *from, header: &header, why });
            }
        }
        Observation::Broken { header, wrong } => {
            let (header, from, why) = (hex(header, &[]), Party::Client, wrong.to_string());
            emit_to_all(&mut emit, &Event::Broken { conn, us, from, header: &header, why });
        }
        Observation::Closing { by, reason } => {
            let (by, code, reason) = (*by, reason.code(), reason.reason());
            emit_to_all(&mut emit, &Event::Closing { conn, us, by, code, reason });
        }
        Observation::Answered => emit_to_all(&mut emit, &Event::Answered { conn, us }),
        Observation::Closed(closed) => {
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
            emit_to_all(&mut emit, &event);
        }
    }
}

fn emit_to_all(emit: &mut impl FnMut(&Event<'_>, &Event<'_>), event: &Event<'_>) {
    emit(event, event);
}

#[allow(clippy::too_many_arguments)] // All of it is about one frame.
fn frame(
    captured: &Captured,
    tracker: &mut FrameTracker,
    us: u64,
    from: Party,
    kept: &KeptFrame<'_>,
    privacy: Privacy,
    cut: bool,
    record: Option<&str>,
    emit: &mut impl FnMut(&Event<'_>, &Event<'_>),
) {
    let KeptFrame { head, header, payload } = kept;
    let plain = head.mask.map(|mask| unmasked(mask, payload));
    let read = plain.as_deref().unwrap_or(payload);
    let context = tracker.track(from, head, read, us);
    let shown = ..payload.len().min(SHOWN_PAYLOAD);
    let secret = match from {
        Party::Client => Vec::new(),
        Party::Server | Party::Neither => secrets::in_payload(read),
    };
    let (header, wire) = (hex(header, &[]), hex(&payload[shown], &secret));
    let plain = plain.as_ref().map(|plain| hex(&plain[shown], &secret));
    let event = |hidden: bool| {
        Event::Frame(Frame {
            conn: captured.client().0,
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
            private: privacy == Privacy::Private,
            cut,
            record,
            message: context.message,
            round_trip_us: context.answered_ping.map(|ping| us.saturating_sub(ping)),
            ping_us: context.answered_ping,
        })
    };
    match privacy {
        Privacy::Public => emit(&event(false), &event(false)),
        Privacy::Private => emit(&event(false), &event(true)),
        Privacy::Secret => emit(&event(true), &event(true)),
    }
}

fn exchange(captured: &Captured) -> Exchange<'_> {
    let text = |bytes| -> Cow<'_, str> { String::from_utf8_lossy(bytes) };
    Exchange {
        at: humantime::format_rfc3339_millis(captured.opening.accepted_at).to_string(),
        peer: captured.opening.peer.to_string(),
        local: captured.opening.local.map(|local| local.to_string()),
        request: text(&captured.opening.request),
        response: text(&captured.opening.response),
        asked_us: microseconds(captured, captured.opening.requested),
        answered_us: microseconds(captured, captured.answered),
        tls: captured.opening.encryption.as_ref().map(|encryption| encryption.facts().into()),
    }
}

fn microseconds(captured: &Captured, at: Instant) -> u64 {
    captured.since(at).as_micros() as u64
}
