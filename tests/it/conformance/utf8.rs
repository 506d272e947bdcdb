//! Chapter 8, error handling: text that is not UTF-8. All of Autobahn's sequences are in `tests/autobahn/`.

use super::Subject;
use crate::common::raw::{CLOSE, PING, PONG, TEXT, frame, handshake};

/// Bytes that no UTF-8 text holds: a byte by itself, one that is missing, overlong, a surrogate, too high.
const WRONG: [&[u8]; 7] = [
    b"\xff",
    b"\x80",
    b"hola\xc3",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
];

/// 8.1: "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in fact, a valid UTF-8
/// stream, that endpoint MUST _Fail the WebSocket Connection_." 5.6: "the whole message MUST contain valid UTF-8".
#[test]
fn a_text_that_is_not_utf_8_fails() {
    let mut subject = Subject::start(&[]);
    for wrong in WRONG {
        let (begin, end) = wrong.split_at(wrong.len() / 2);
        subject.fails(&format!("{wrong:x?}"), &frame(TEXT, wrong), 1007);
        let fragments = [frame(0x01, begin), frame(PING, b""), frame(0x80, end)].concat();
        subject.fails(&format!("{wrong:x?} in fragments"), &fragments, 1007);
    }
}

/// 8.1, and 5.5.1 of a close frame: "the body MAY contain UTF-8-encoded data with value /reason/".
#[test]
fn a_reason_that_is_not_utf_8_fails() {
    let mut subject = Subject::start(&[]);
    for wrong in WRONG {
        let payload = [b"\x03\xe8", wrong].concat();
        subject.fails(&format!("reason {wrong:x?}"), &frame(CLOSE, &payload), 1007);
    }
}

/// 8.1: "This rule applies both during the opening handshake and during subsequent data exchange." That is, to what is
/// interpreted as UTF-8; the values of headers that mean nothing here are opaque (RFC 9110, 5.5).
#[test]
fn a_handshake_that_is_not_utf_8_is_refused() {
    let mut subject = Subject::start(&[]);
    let head = handshake("/ws?name=Ana");
    for (what, place) in [("target", "Ana"), ("Host", "localhost"), ("key", "ZQ==")] {
        let at = head.find(place).expect("a part of the head") + place.len();
        let mut bytes = head.clone().into_bytes();
        bytes.splice(at..at, *b"\xc3\x28");
        subject.refuses(what, bytes, 400);
    }
}

/// 5.6: "Note that a particular text frame might include a partial UTF-8 sequence; however, the whole message MUST contain
/// valid UTF-8."
#[test]
fn a_text_may_be_cut_inside_a_character() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    for text in ["¡olé! 🦀", "κόσμε", "\u{10ffff}\u{fffe}\0"] {
        for (place, byte) in text.bytes().enumerate() {
            echo.send(&frame(u8::from(place == 0), &[byte]));
        }
        echo.send(&frame(PING, b"not whole yet"));
        assert_eq!(echo.frame(), Some((PONG, b"not whole yet".to_vec())));
        echo.send(&frame(0x80, b""));
        assert_eq!(echo.frame(), Some((TEXT, text.as_bytes().to_vec())));
    }
}
