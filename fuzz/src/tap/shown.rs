//! What the inspector shows of a connection: every frame once and in order, and nothing private to a watcher of everyone.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::Value;
use websocket_classroom::features::inspector::Tapped;
use websocket_classroom::tap::{Frames, Privacy, Purpose, SendTap};
use websocket_classroom::websocket::frame::{FrameScanner, frame_end_after, whole_frames};

use super::super::input::pieces;
use super::super::privacy::is_exposed;
use super::conversation::Conversation;
use super::watched::{Seen, Watched};

/// Frames that are shown, at least, of what comes when the conversation is over.
const FRAMES_AFTER_THE_END: usize = 64;

/// Bytes of one payload that are shown.
const SHOWN_PAYLOAD: usize = 256;

/// The connections on which something is sent.
struct Server {
    public: u64,
    private: u64,
    shortened: u64,
    cut_off: u64,
}

pub fn check(stream: &[u8], lengths: [u8; 4], begin: usize, tapped: &[Tapped]) {
    let conversation = Conversation::of(stream);
    let mut watched = Watched::begin();

    let mut before_the_end = 0;
    let chat = watched.connection(Purpose::Chat, |tap, _| {
        let read = conversation.pass(pieces(stream, lengths), tap);
        before_the_end = whole_frames(&stream[..read]).count();
    });
    let echo = watched.connection(Purpose::Echo, |tap, _| {
        let mut scanner = FrameScanner::default();
        for piece in pieces(stream, lengths) {
            tap.read(piece, &scanner);
            super::headers(&mut scanner, [piece]);
        }
        tap.end();
    });
    // The same bytes as if a server had sent them: only whole frames.
    let frames: Vec<u8> = whole_frames(stream).flat_map(|(_, frame)| frame).copied().collect();
    let server = send(&mut watched, &frames.into(), lengths, begin);
    let count = whole_frames(stream).count();

    let mut seen = watched.end();
    let mut of = |number: u64| seen.remove(&number).unwrap_or_default();
    check_chat(&of(chat), &conversation, tapped, before_the_end);
    let Seen { own, teacher } = of(echo);
    check_frames(&own, tapped);
    assert_eq!(own.len(), tapped.len());
    assert_eq!(own, teacher, "an echo has no secrets");

    let Seen { own: public, teacher } = of(server.public);
    assert_eq!(public.len(), count);
    assert_eq!(public, teacher);
    let Seen { own, teacher } = of(server.private);
    assert_eq!(teacher.len(), count);
    teacher.iter().zip(&own).for_each(|(event, own)| check_hidden(event, own));
    let marked: Vec<Value> = public.iter().cloned().map(marked_private).collect();
    assert_eq!(own, marked, "they are the same, but say that they are private");
    let Seen { own, .. } = of(server.shortened);
    let (close, before) = own.split_last().expect("a close frame was sent");
    assert_eq!(public.get(..before.len()), Some(before));
    assert_eq!(close["opcode"], 8, "{own:?}");
    let Seen { own, .. } = of(server.cut_off);
    let whole = own.iter().take_while(|event| event["cut"].is_null() && event["type"] == "frame").count();
    assert!(public.starts_with(&own[..whole]) && own.len() <= whole + 1, "{own:?}");
}

fn marked_private(mut event: Value) -> Value {
    event["private"] = Value::Bool(true);
    event
}

/// Sends the frames: in pieces; in private; up to the end of the frame that is being sent at byte `begin`, and then a close
/// frame; and up to that byte only.
fn send(watched: &mut Watched, bytes: &Bytes, lengths: [u8; 4], begin: usize) -> Server {
    let begin = begin.min(bytes.len());
    // Else there is nothing to be dropped.
    let is_waiting = begin < bytes.len();
    let frames = Frames::new(bytes.clone(), Privacy::Public);
    let mut connection =
        |life: &dyn Fn(&mut dyn SendTap)| watched.connection(Purpose::Chat, |_, tap| life(tap));
    Server {
        public: connection(&|tap| send_in_pieces(tap, &frames, lengths, bytes.len())),
        private: connection(&|tap| {
            tap.sent(&Frames { privacy: Privacy::Private, ..frames.clone() }, 0, bytes.len());
        }),
        shortened: connection(&|tap| {
            send_in_pieces(tap, &frames, lengths, begin);
            let end = frame_end_after(bytes, begin);
            if is_waiting {
                tap.dropped(&frames, begin, end);
            }
            let rest = Frames { bytes: bytes.slice(begin..end), is_rest: true, ..frames.clone() };
            send_in_pieces(tap, &rest, lengths, rest.bytes.len());
            let close = Frames::new(Bytes::from_static(b"\x88\x02\x03\xe8"), Privacy::Public);
            tap.sent(&close, 0, close.bytes.len());
        }),
        cut_off: connection(&|tap| {
            send_in_pieces(tap, &frames, lengths, begin);
            if is_waiting {
                tap.cut_off(&frames, begin);
            }
        }),
    }
}

fn send_in_pieces(tap: &mut dyn SendTap, frames: &Frames, lengths: [u8; 4], end: usize) {
    let mut at = 0;
    for piece in pieces(&frames.bytes[..end], lengths) {
        tap.sent(frames, at, at + piece.len());
        at += piece.len();
    }
}

/// A member's connection: the watcher of everyone sees of each frame that it was there, but only those texts that all may read.
fn check_chat(seen: &Seen, conversation: &Conversation, tapped: &[Tapped], before_the_end: usize) {
    let Seen { own, teacher } = seen;
    check_frames(own, tapped);
    assert!(own.len() >= tapped.len().min(before_the_end + FRAMES_AFTER_THE_END), "{own:?}");
    assert_eq!(own.len(), teacher.len());
    for (number, (own, teacher)) in own.iter().zip(teacher).enumerate() {
        let is_control = own["opcode"].as_u64() >= Some(8);
        if own["type"] == "broken" || is_control || conversation.is_public(number) {
            assert_eq!(own, teacher);
            assert!(is_control || !is_exposed(teacher), "{teacher} may be private");
        } else {
            check_hidden(teacher, own);
        }
    }
}

/// The events are the first of what the tap found.
fn check_frames(events: &[Value], tapped: &[Tapped]) {
    assert!(events.len() <= tapped.len());
    for (event, tapped) in events.iter().zip(tapped) {
        let bytes = match tapped {
            Tapped::Frame { frame, cut } => {
                assert!(event["type"] == "frame" || *cut, "{event}");
                frame
            }
            Tapped::Broken { header, .. } => {
                assert_eq!(event["type"], "broken");
                header
            }
        };
        let text = |field: &str| event[field].as_str().unwrap_or_default();
        let shown = bytes.len().min(text("header").len() / 2 + SHOWN_PAYLOAD);
        assert_eq!(text("header").to_owned() + text("payload"), HEXLOWER.encode(&bytes[..shown]), "{event}");
        assert!(event["hidden"].is_null(), "{event}");
    }
}

/// The event shows all that the other one does, but not what was said.
fn check_hidden(event: &Value, other: &Value) {
    assert!(event["hidden"] == true && event["payload"].is_null() && event["plain"].is_null(), "{event}");
    let Some(fields) = other.as_object() else { panic!("{other} is no event") };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "payload" && *name != "plain") {
        assert_eq!(&event[name], value, "{event}");
    }
}
