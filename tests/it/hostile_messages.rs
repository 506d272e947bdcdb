//! Hostile messages and closes: invalid fragments, text that is not UTF-8, forbidden close codes. Each ends the connection with the
//! right code; what only looks forbidden does not. Each makes one line in the log. No other client notices, and no resources leak.

use crate::common::bystander::NEVER_HEARD;
use crate::common::raw::{BINARY, CLOSE, PING, PONG, RawClient, TEXT, frame, told_in};
use crate::common::{Client, Server};
use crate::frame_attack::End::{Answered, Fault};
use crate::frame_attack::{Attack, Door, attack};

/// Longest message in bytes.
const MAX_MESSAGE: usize = 65536;

/// The payload of most frames here.
const PSST: &[u8] = NEVER_HEARD.as_bytes();

/// A fragment: the beginning of a text, more of it, its end.
const BEGIN: u8 = 0x01;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

fn server(arguments: &[&str]) -> Server {
    Server::start(&[&["--rate", "0", "--history", "0", "--log", "info"], arguments].concat())
}

fn bye(payload: &[u8]) -> Vec<u8> {
    frame(CLOSE, payload)
}

#[test]
#[rustfmt::skip]
fn fragments_make_one_message_of_at_most_its_bound() {
    let half = vec![b'x'; MAX_MESSAGE / 2];
    let whole = vec![b'x'; MAX_MESSAGE];
    let single = |count: usize| {
        let more = frame(MORE, b"x").repeat(count - 2);
        [frame(BEGIN, b"x"), more, frame(LAST, b"x")].concat()
    };
    let said = |what: &str, frames: &[Vec<u8>], text: &[u8]| {
        let sent = [frames.concat(), bye(b"")].concat();
        Attack::new(what, Door::Echo, sent, Answered(1005)).hearing(TEXT, text)
    };
    let halves = [frame(BEGIN, &half), frame(LAST, &half)];
    let mut attacks = vec![
        said("halves", &halves, &whole),
        said("single bytes", &[single(5000)], &[b'x'; 5000]),
        said("all at last", &[frame(BEGIN, b""), frame(LAST, &whole)], &whole),
        said("all at first", &[frame(BEGIN, &whole), frame(LAST, b"")], &whole),
        said("empty", &[frame(BEGIN, b""), frame(LAST, b"")], b""),
        said("128 empty ones", &[frame(BEGIN, b""), frame(MORE, b"").repeat(127), frame(LAST, b"a")], b"a"),
    ];
    for (what, frames, code) in [
        ("one byte too long", [frame(BEGIN, &whole), frame(LAST, b"x")], 1009),
        ("too long, and not ended", [frame(BEGIN, &whole), frame(MORE, b"x")], 1009),
        ("too long, announced", [frame(BEGIN, b"x"), told_in(64, LAST, MAX_MESSAGE as u64 + 1, 10)], 1009),
        ("far too long, announced", [frame(BEGIN, b"x"), told_in(64, MORE, (1 << 63) - 1, 10)], 1009),
        ("2^63 more", [frame(BEGIN, b"x"), told_in(64, MORE, 1 << 63, 10)], 1002),
        ("129 empty ones", [frame(BEGIN, b""), frame(MORE, b"").repeat(128)], 1008),
        ("endless empty ones", [frame(BEGIN, b""), frame(MORE, b"").repeat(5000)], 1008),
        ("empty ones among others", [frame(BEGIN, b"x"), [frame(MORE, b"").repeat(70), frame(MORE, b"x")].concat().repeat(3)], 1008),
        ("a text in a text", [frame(BEGIN, PSST), frame(TEXT, PSST)], 1002),
        ("a begin in a text", [frame(BEGIN, PSST), frame(BEGIN, PSST)], 1002),
        ("binary in a text", [frame(BEGIN, PSST), frame(BINARY, PSST)], 1002),
        ("a begin of binary in a text", [frame(BEGIN, PSST), frame(0x02, PSST)], 1002),
        ("a ping in fragments", [frame(BEGIN, PSST), frame(0x09, PSST)], 1002),
        ("a close in fragments", [frame(BEGIN, PSST), frame(0x08, b"\x03\xe8")], 1002),
        ("a reserved bit in the rest", [frame(BEGIN, PSST), frame(LAST | 0x40, PSST)], 1002),
        ("a reserved opcode inside", [frame(BEGIN, PSST), frame(0x8b, b"")], 1002),
        ("more of nothing", [frame(MORE, PSST), frame(LAST, PSST)], 1002),
        ("an end of nothing", [frame(LAST, b""), frame(TEXT, PSST)], 1002),
        ("an end twice", [frame(PONG, b""), frame(LAST, PSST).repeat(2)], 1002),
    ] {
        attacks.extend(Attack::everywhere(what, frames.concat(), Fault(code)));
    }
    // Control frames may come between fragments, and are answered before the message is complete.
    let pings = [
        frame(BEGIN, b"ho"), frame(PING, b"1"), frame(MORE, b"l"), frame(PONG, b""), frame(PING, b""), frame(LAST, b"a"), bye(b""),
    ];
    let between = Attack::new("pings between", Door::Echo, pings.concat(), Answered(1005));
    attacks.push(between.hearing(PONG, b"1").hearing(PONG, b"").hearing(TEXT, b"hola"));
    let close = [frame(BEGIN, PSST), bye(b"\x03\xe9")].concat();
    attacks.extend(Attack::everywhere("a close inside a message", close, Answered(1001)));
    // Each door has its own message that it does not take.
    for (door, frames) in [
        (Door::Chat, frame(BINARY, PSST)),
        (Door::Chat, frame(BINARY, b"")),
        (Door::Chat, [frame(0x02, PSST), frame(LAST, PSST)].concat()),
        (Door::Wire, frame(TEXT, PSST)),
        (Door::Wire, frame(BINARY, PSST)),
        (Door::Wire, [frame(BEGIN, b""), frame(LAST, b"")].concat()),
    ] {
        attacks.push(Attack::new("not taken here", door, frames, Fault(1003)));
    }
    attack(server(&[]), attacks);
}

#[test]
#[rustfmt::skip]
fn a_close_frame_is_answered_with_its_code_or_refused_and_nothing_counts_behind_it() {
    let mut attacks = Vec::new();
    let allowed = |code: u16| matches!(code, 1000..=1003 | 1007..=1013 | 3000..=4999);
    let edges = [
        0, 1, 126, 255, 256, 1100, 1999, 2000, 2999, 3000, 3999, 4000, 4500, 4999, 5000, 32768,
        65535,
    ];
    for code in (990..=1030).chain(edges) {
        let end = if allowed(code) { Answered(code) } else { Fault(1002) };
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        attacks.extend(Attack::everywhere(&format!("close {code}"), bye(&payload), end));
    }
    let normal = |reason: &[u8]| bye(&[b"\x03\xe8", reason].concat());
    let long = [b"bye", &[b'x'; 120][..]].concat();
    for (what, sent, end) in [
        ("no code", bye(b""), Answered(1005)),
        ("half a code", bye(b"\x03"), Fault(1002)),
        ("the longest reason", normal(&long), Answered(1000)),
        ("too long a reason", normal(&[&long[..], b"x"].concat()), Fault(1002)),
        ("NUL in the reason", normal(b"bye\0\0"), Answered(1000)),
        ("a line of the log in the reason", normal(b"bye\r\nINFO  [x] conn 1: forged"), Answered(1000)),
        ("a terminal's command in the reason", normal(b"bye\x1b[2J\x07\x7f"), Answered(1000)),
        ("a reason read backwards", normal("bye\u{202e}eyb".as_bytes()), Answered(1000)),
        ("close twice", [normal(b""), bye(b"\x03\xe9")].concat(), Answered(1000)),
        ("text behind", [normal(b""), frame(TEXT, PSST)].concat(), Answered(1000)),
        ("a ping behind", [normal(b""), frame(PING, PSST)].concat(), Answered(1000)),
        ("a broken frame behind", [&normal(b"")[..], b"\xff\xff\xff"].concat(), Answered(1000)),
        ("a flood behind", [normal(b""), frame(TEXT, &[b'x'; 60_000]).repeat(20)].concat(), Answered(1000)),
    ] {
        attacks.extend(Attack::everywhere(what, sent, end));
    }
    for wrong in NOT_UTF8 {
        let what = format!("reason {wrong:02x?}");
        attacks.extend(Attack::everywhere(&what, normal(&[b"bye", wrong].concat()), Fault(1007)));
    }
    attack(server(&[]), attacks);
}

/// Stray and missing continuations, too long forms, surrogates, beyond Unicode, bytes that never occur, and ends cut off.
const NOT_UTF8: [&[u8]; 18] = [
    b"\x80",
    b"\xbf",
    b"\xff",
    b"\xfe",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xc3\x28",
    b"\xe2\x82",
    b"\xf0\x9f\xa6",
    b"\xf0\x28\x8c\xbc",
];

#[test]
fn text_is_utf_8_however_it_is_cut() {
    let mut attacks = Vec::new();
    for wrong in NOT_UTF8 {
        let text = [b"psst \xc3\xb1 ", wrong].concat();
        let what = format!("text {wrong:02x?}");
        for door in [Door::Echo, Door::Chat] {
            attacks.push(Attack::new(&what, door, frame(TEXT, &text), Fault(1007)));
            // Cut anywhere, with a ping between.
            for cut in 0..=text.len() {
                let (begin, end) = text.split_at(cut);
                let sent = [frame(BEGIN, begin), frame(PONG, b"x"), frame(LAST, end)].concat();
                attacks.push(Attack::new(format!("{what} cut at {cut}"), door, sent, Fault(1007)));
            }
        }
    }
    // A binary message may hold all of them; a text that is right may be cut within its letters.
    let binary = NOT_UTF8.concat();
    let sent = [frame(BINARY, &binary), bye(b"")].concat();
    attacks.push(Attack::new("binary", Door::Echo, sent, Answered(1005)).hearing(BINARY, &binary));
    let right =
        "\u{feff}¡olé! 🦀 \u{7f}\0\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10ffff}".as_bytes();
    for cut in 0..=right.len() {
        let (begin, end) = right.split_at(cut);
        let sent = [frame(BEGIN, begin), frame(LAST, end), bye(b"")].concat();
        let whole = Attack::new(format!("right, cut at {cut}"), Door::Echo, sent, Answered(1005));
        attacks.push(whole.hearing(TEXT, right));
    }
    let letters = right.iter().map(|byte| frame(MORE, &[*byte])).collect::<Vec<_>>().concat();
    let sent = [frame(BEGIN, b""), letters, frame(LAST, b""), bye(b"")].concat();
    attacks.push(Attack::new("byte by byte", Door::Echo, sent, Answered(1005)).hearing(TEXT, right));
    attack(server(&[]), attacks);
}

#[test]
fn floods_between_the_fragments_of_a_message_end_with_1008() {
    let server = Server::start(&["--log", "info"]);
    let mut ana = Client::join(&server, "Ana");
    let pings_and_more = [frame(PING, PSST), frame(MORE, b"x")].concat();
    for door in ["/ws?name=flood", "/echo"] {
        for flood in [&frame(PING, PSST), &frame(PONG, PSST), &pings_and_more] {
            let mut client = RawClient::open(&server, door);
            client.send(&[frame(BEGIN, b"x"), flood.repeat(10_000)].concat());
            assert_eq!(client.wait_for_end(), (1008, "too_fast: too many messages a second".to_owned()));
            ana.say("still here");
            assert_eq!(ana.message(), ("Ana".to_owned(), "still here".to_owned()));
        }
    }
    // One line each.
    server.wait_for_log_times("closing begun by the server: 1008", 6);
    assert!(!server.log().iter().any(|line| line.contains(NEVER_HEARD)));
}
