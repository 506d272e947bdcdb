//! The bytes of a connection as the tap, the guard and the inspector see them: the same however they are cut, and no secret in
//! what others are shown.
//!
//! The first four bytes are the lengths of pieces, the next says where somebody begins to look; the rest is what a client
//! sends after the handshake.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::input::{Input, pieces};
use crate::client_id::ClientId;
use crate::connection::fuzzed::FrameGuard;
use crate::wire::{
    self, Accepted, FrameHead, FrameScanner, Opening, Party, Purpose, Recipient, Record, Scan,
    Shown, Tap, Tapped, What, frame_end_after, put_text_frame, whole_frames,
};

/// Bytes of a secret that would tell too much.
const HINT: usize = 6;

/// Longest message that the guard lets pass.
const MAX_MESSAGE: usize = 4096;

/// Whoever watches this connection alone, and whoever watches everybody.
const OWN: Recipient = Recipient { watcher: ClientId(2), everyone: false };
const TEACHER: Recipient = Recipient { watcher: ClientId(3), everyone: true };

pub fn tap(input: &[u8]) {
    let mut input = Input(input);
    let (Some(a), Some(b), Some(c), Some(d)) =
        (input.byte(), input.byte(), input.byte(), input.byte())
    else {
        return;
    };
    let begin = usize::from(input.byte().unwrap_or(0));
    let (lengths, stream) = ([a, b, c, d], input.0);
    let tapped = tapped(Tap::default(), [stream]);
    assert_eq!(tapped, self::tapped(Tap::default(), pieces(stream, lengths)), "in pieces");
    check_headers(stream, lengths);
    check_guard(stream, lengths);
    check_late_tap(stream, begin * stream.len() / 256, &tapped);
    check_inspector(&tapped, stream);
    wire::draw_all(Party::Client, stream);
    check_secrets(stream);
}

/// All that a tap finds, to the end of the connection.
fn tapped<'a>(mut tap: Tap, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Tapped> {
    let mut all = Vec::new();
    for piece in pieces {
        tap.pass(piece, |found| all.push(found));
    }
    all.extend(tap.end());
    all
}

/// The headers, each with the place behind it, and whether the last was a wrong one.
fn headers<'a>(
    scanner: &mut FrameScanner,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<(usize, FrameHead)>, bool) {
    let (mut found, mut at) = (Vec::new(), 0);
    for mut piece in pieces {
        loop {
            match scanner.scan(piece) {
                Scan::Head { consumed, head, .. } => {
                    at += consumed;
                    found.push((at, head));
                    piece = &piece[consumed..];
                }
                Scan::NeedMore => break at += piece.len(),
                Scan::Wrong { .. } => return (found, true),
            }
        }
    }
    (found, false)
}

fn check_headers(stream: &[u8], lengths: [u8; 4]) {
    let whole = headers(&mut FrameScanner::default(), [stream]);
    assert_eq!(whole, headers(&mut FrameScanner::default(), pieces(stream, lengths)), "in pieces");
    let mut end = 0;
    for (head, frame) in whole_frames(stream) {
        assert_eq!(frame, &stream[end..end + frame.len()]);
        assert!(frame.len() as u64 > head.length);
        assert_eq!(frame_end_after(stream, end + 1), end + frame.len());
        end += frame.len();
    }
}

/// The fault that a guard finds, and behind how many bytes.
fn fault<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<(usize, u16, String)> {
    let (mut guard, mut before) = (FrameGuard::new(MAX_MESSAGE), 0);
    for piece in pieces {
        if let Err((good, fault)) = guard.check(piece) {
            assert!(good <= piece.len());
            return Some((before + good, fault.code(), fault.reason().to_owned()));
        }
        before += piece.len();
    }
    None
}

fn check_guard(stream: &[u8], lengths: [u8; 4]) {
    let (whole, cut) = (fault([stream]), fault(pieces(stream, lengths)));
    match (whole, cut) {
        (None, None) => {}
        (Some((at, code, reason)), Some((cut_at, cut_code, cut_reason))) => {
            assert_eq!((code, reason), (cut_code, cut_reason));
            // The part of the header that came in an earlier piece was let through then.
            assert!((at..at + 14).contains(&cut_at), "{at} and {cut_at}");
        }
        (whole, cut) => panic!("{whole:?}, but in pieces {cut:?}"),
    }
}

/// Whoever begins to look later sees from the next frame on what the others see.
fn check_late_tap(stream: &[u8], begin: usize, tapped: &[Tapped]) {
    let (before, after) = stream.split_at(begin);
    let mut scanner = FrameScanner::default();
    let (missed, is_wrong) = headers(&mut scanner, [before]);
    if is_wrong {
        return;
    }
    let late = self::tapped(Tap::at(&scanner), [after]);
    assert_eq!(late, tapped[missed.len()..], "from byte {begin} on");
}

/// A connection whose beginning this is.
fn opening(purpose: Purpose, request: &[u8]) -> Arc<Opening> {
    let (now, at) = (Instant::now(), SystemTime::now());
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let accepted = Accepted { client: ClientId(1), peer, now, at };
    let request = (request.to_vec(), now);
    Arc::new(Opening::new(accepted, None, purpose, None, request, Vec::new()))
}

/// What the inspector shows to each of the two: one JSON object a text frame.
fn shown(opening: &Arc<Opening>, what: Vec<What>) -> [Vec<Value>; 2] {
    let (to_inspector, notes) = wire::channel();
    for what in what {
        let (opening, recipients) = (Arc::clone(opening), [OWN, TEACHER].into());
        let at = opening.accepted.now;
        to_inspector.tell(Record { opening, recipients, at, lost: 0, what });
    }
    drop(to_inspector);
    let all = std::cell::RefCell::new([BytesMut::new(), BytesMut::new()]);
    wire::run_inspector(&notes, |Shown { watcher, frames, .. }| {
        all.borrow_mut()[usize::from(watcher == TEACHER.watcher)].extend_from_slice(&frames);
        true
    });
    all.into_inner().map(|frames| {
        whole_frames(&frames)
            .map(|(head, frame)| &frame[frame.len() - head.length as usize..])
            .map(|json| serde_json::from_slice(json).expect("an event is JSON"))
            .collect()
    })
}

/// Whoever watches everybody sees of each frame that it was there, but nothing of what is certainly private.
fn check_inspector(tapped: &[Tapped], stream: &[u8]) {
    let whats = |tapped: &[Tapped]| tapped.iter().cloned().map(What::from).collect();
    for purpose in [Purpose::Chat, Purpose::Echo] {
        let [own, teacher] = shown(&opening(purpose, b""), whats(tapped));
        assert_eq!(own.len(), tapped.len());
        assert_eq!(teacher.len(), tapped.len());
        for ((tapped, own), teacher) in tapped.iter().zip(&own).zip(&teacher) {
            let is_frame = own["type"] == "frame";
            assert!(is_frame || own["type"] == "broken", "{own}");
            assert!(is_frame || !matches!(tapped, Tapped::Frame { cut: false, .. }), "{own}");
            if !is_frame || purpose == Purpose::Echo {
                assert_eq!(own, teacher);
                continue;
            }
            assert!(own["payload"].is_string() && own["hidden"].is_null(), "{own}");
            let plain = own["plain"].as_str().or(own["payload"].as_str()).expect("a payload");
            let plain = HEXLOWER.decode(plain.as_bytes()).expect("hexadecimal");
            let text: Value = serde_json::from_slice(&plain).unwrap_or_default();
            let is_control = own["opcode"].as_u64() >= Some(8);
            if plain.starts_with(b"{") && !text["to"].is_null() && !is_control {
                assert!(teacher["hidden"] == true, "{teacher} is private");
            }
            if teacher["hidden"] == true {
                assert!(teacher["payload"].is_null() && teacher["plain"].is_null(), "{teacher}");
                assert_eq!(teacher["length"], own["length"]);
            }
        }
    }
    // The same bytes as if the server had sent them: only whole frames are told of then.
    let frames: Vec<u8> = whole_frames(stream).flat_map(|(_, frame)| frame).copied().collect();
    let count = whole_frames(stream).count();
    let sent = What::Frames { from: Party::Server, frames: frames.into(), cut: false };
    let [own, teacher] = shown(&opening(Purpose::Chat, b""), vec![sent]);
    assert_eq!((own.len(), teacher.len()), (count, count));
}

/// What is secret for certain is shown to nobody it is not meant for, whatever stands around it.
fn check_secrets(around: &[u8]) {
    // Nothing holds its own hash.
    let secret = &BASE64URL_NOPAD.encode(&Sha256::digest(around))[..22];
    let words = String::from_utf8_lossy(around);

    let request = [
        &b"GET /ws?session="[..],
        secret.as_bytes(),
        b"&",
        around,
        b"\nCookie: ",
        secret.as_bytes(),
        b"\r\n\r\n",
    ];
    let opening = opening(Purpose::Chat, &request.concat());
    assert_eq!(opening.request.len(), request.concat().len(), "lengths stay true");
    hides(secret, &opening.request, "the request");

    let text = format!("{secret}{words}");
    let private = json!({ "type": "message", "text": text, "to": words.as_ref() }).to_string();
    let mut payload = private.into_bytes();
    payload
        .iter_mut()
        .zip([7, 0, 99, 255].into_iter().cycle())
        .for_each(|(byte, key)| *byte ^= key);
    let mut frame = vec![0x81, 0xfe];
    frame.extend_from_slice(&(payload.len().min(65_535) as u16).to_be_bytes());
    frame.extend_from_slice(&[7, 0, 99, 255]);
    frame.extend_from_slice(&payload[..payload.len().min(65_535)]);
    let whispered = tapped(Tap::default(), [&frame[..]]);
    let [_, teacher] = shown(&opening, whispered.into_iter().map(What::from).collect());
    assert!(teacher.iter().all(|event| event["hidden"] == true), "{teacher:?}");

    let welcome = json!({ "you": words.as_ref(), "users": [words.as_ref()] }).to_string();
    let welcome = welcome.replacen('{', "{\"type\":\"welcome\",", 1);
    let end = format!(",\"session\":\"{secret}\",\"wire\":\"{secret}\"}}");
    let welcome = welcome.strip_suffix('}').expect("an object").to_owned() + &end;
    let mut frames = BytesMut::new();
    put_text_frame(welcome.as_bytes(), &mut frames);
    hides(
        secret,
        wire::draw_all(Party::Server, &frames).concat().replace(' ', "").as_bytes(),
        "the log",
    );
    let frames = Bytes::from(frames);
    let sent = What::Frames { from: Party::Server, frames, cut: false };
    for event in shown(&opening, vec![sent]).iter().flatten() {
        let payload = event["payload"].as_str().expect("a payload");
        hides(secret, payload.as_bytes(), "a welcome");
    }
}

/// The secret is nowhere in it, neither as it is nor in hexadecimal.
fn hides(secret: &str, shown: &[u8], what: &str) {
    let hex = HEXLOWER.encode(secret.as_bytes());
    for hint in [&secret[..HINT], &hex[..2 * HINT]] {
        let found = shown.windows(hint.len()).any(|bytes| bytes == hint.as_bytes());
        assert!(!found, "{what} shows the secret: {}", String::from_utf8_lossy(shown));
    }
}
