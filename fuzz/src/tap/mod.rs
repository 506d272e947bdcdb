//! The bytes of a connection as the frame tap, the rules and the inspector see them: the same however they are cut, and no
//! secret in what others are shown.
//!
//! The first four bytes are the lengths of pieces, the next says where watching begins; the rest is what a client sends after
//! the handshake.

mod conversation;
mod secrets;
mod shown;
mod watched;

use websocket_classroom::broadcaster::Party;
use websocket_classroom::features::inspector::{FrameTap, Tapped, draw_all};
use websocket_classroom::websocket::FrameRules;
use websocket_classroom::websocket::frame::{FrameHead, FrameScanner, Scan, frame_end_after, whole_frames};

use super::input::{Input, pieces};

/// Longest message that the rules allow.
const MAX_MESSAGE: usize = 4096;

/// More frames could be left out, as they wait for the inspector.
const MAX_STREAM: usize = 8192;

/// Longest header of a frame in bytes.
const MAX_HEADER: usize = 14;

pub fn tap(input: &[u8]) {
    let mut input = Input(input);
    let (Some(a), Some(b), Some(c), Some(d)) = (input.byte(), input.byte(), input.byte(), input.byte())
    else {
        return;
    };
    let begin = usize::from(input.byte().unwrap_or(0));
    let (lengths, stream) = ([a, b, c, d], &input.0[..input.0.len().min(MAX_STREAM)]);
    let begin = begin * stream.len() / 256;
    let tapped = tapped(FrameTap::default(), [stream]);
    assert_eq!(tapped, self::tapped(FrameTap::default(), pieces(stream, lengths)), "in pieces");
    check_headers(stream, lengths);
    check_rules(stream, lengths);
    check_late_tap(stream, begin, &tapped);
    shown::check(stream, lengths, begin, &tapped);
    draw_all(Party::Client, stream);
    secrets::check(stream);
}

/// All that a tap finds, to the end of the connection.
fn tapped<'a>(mut tap: FrameTap, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Tapped> {
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

/// The fault that the rules find, and behind how many bytes.
fn fault<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<(usize, u16, String)> {
    let (mut rules, mut before) = (FrameRules::new(MAX_MESSAGE), 0);
    for piece in pieces {
        if let Err((good, fault)) = rules.check(piece) {
            assert!(good <= piece.len());
            return Some((before + good, fault.code(), fault.reason().to_owned()));
        }
        before += piece.len();
    }
    None
}

fn check_rules(stream: &[u8], lengths: [u8; 4]) {
    let (whole, cut) = (fault([stream]), fault(pieces(stream, lengths)));
    match (whole, cut) {
        (None, None) => {}
        (Some((at, code, reason)), Some((cut_at, cut_code, cut_reason))) => {
            assert_eq!((code, reason), (cut_code, cut_reason));
            // The part of the header that came in an earlier piece was let through then.
            assert!((at..at + MAX_HEADER).contains(&cut_at), "{at} and {cut_at}");
        }
        (whole, cut) => panic!("{whole:?}, but in pieces {cut:?}"),
    }
}

/// A tap that begins later finds the same from the next frame on.
fn check_late_tap(stream: &[u8], begin: usize, tapped: &[Tapped]) {
    let (before, after) = stream.split_at(begin);
    let mut scanner = FrameScanner::default();
    let (missed, is_wrong) = headers(&mut scanner, [before]);
    if is_wrong {
        return;
    }
    let late = self::tapped(FrameTap::at(&scanner), [after]);
    assert_eq!(late, tapped[missed.len()..], "from byte {begin} on");
}
