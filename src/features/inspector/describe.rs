//! What happened, as events for those who watch.
//!
//! On the inspector's thread; no state but a connection's lane.

use std::borrow::Cow;
use std::time::Instant;

use data_encoding::HEXLOWER;

use super::captured::Captured;
use super::event::{Event, Exchange, Frame, Proof};
use super::frame_tap::KEPT_PAYLOAD;
use super::hex::{hex, unmasked};
use super::lane::Lane;
use super::note::What;
use super::secrets;
use crate::broadcaster::Party;
use crate::tap::{Privacy, Purpose};
use crate::websocket::frame::{KeptFrame, KeptFrames};

/// A connection became a WebSocket; `late`: a while ago.
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

/// A connection did not become one.
pub fn refused(captured: &Captured, status: u16) -> Event<'_> {
    Event::Refused { conn: captured.client().0, status, exchange: exchange(captured) }
}

/// Tells each event that a note comes to: as the watchers of this connection alone may see it, and as those of everyone may.
pub fn note(
    captured: &Captured,
    lane: &mut Lane,
    at: Instant,
    what: &What,
    mut tell: impl FnMut(&Event<'_>, &Event<'_>),
) {
    let (conn, us) = (captured.client().0, microseconds(captured, at));
    match what {
        What::Opened | What::Refused(_) => {}
        What::Named(name) => tell_all(&mut tell, &Event::Named { conn, name }),
        What::Frames { from, frames, privacy, cut } => {
            let mut frames = KeptFrames { rest: frames };
            while let Some(kept) = frames.next() {
                let cut = *cut && frames.rest.is_empty();
                frame(captured, lane, us, *from, &kept, *privacy, cut, &mut tell);
            }
            if *cut && !frames.rest.is_empty() {
                let (header, why) = (hex(frames.rest, &[]), "the header never became whole".to_owned());
                tell_all(&mut tell, &Event::Broken { conn, us, from: *from, header: &header, why });
            }
        }
        What::Broken { header, wrong } => {
            let (header, from, why) = (hex(header, &[]), Party::Client, wrong.to_string());
            tell_all(&mut tell, &Event::Broken { conn, us, from, header: &header, why });
        }
        What::Closing { by, reason } => {
            let (by, code, reason) = (*by, reason.code(), reason.reason());
            tell_all(&mut tell, &Event::Closing { conn, us, by, code, reason });
        }
        What::Answered => tell_all(&mut tell, &Event::Answered { conn, us }),
        What::Closed(closed) => {
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
            tell_all(&mut tell, &event);
        }
    }
}

fn tell_all(tell: &mut impl FnMut(&Event<'_>, &Event<'_>), event: &Event<'_>) {
    tell(event, event);
}

#[allow(clippy::too_many_arguments)] // All of it is about one frame.
fn frame(
    captured: &Captured,
    lane: &mut Lane,
    us: u64,
    from: Party,
    kept: &KeptFrame<'_>,
    privacy: Privacy,
    cut: bool,
    tell: &mut impl FnMut(&Event<'_>, &Event<'_>),
) {
    let KeptFrame { head, header, payload } = kept;
    let plain = head.mask.map(|mask| unmasked(mask, payload));
    let read = plain.as_deref().unwrap_or(payload);
    let place = lane.place(from, head, read, us);
    let shown = ..payload.len().min(KEPT_PAYLOAD);
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
            cut,
            message: place.message,
            round_trip_us: place.answers.map(|ping| us.saturating_sub(ping)),
            ping_us: place.answers,
        })
    };
    match privacy {
        Privacy::Public => tell(&event(false), &event(false)),
        Privacy::Private => tell(&event(false), &event(true)),
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
    }
}

fn microseconds(captured: &Captured, at: Instant) -> u64 {
    captured.since(at).as_micros() as u64
}
