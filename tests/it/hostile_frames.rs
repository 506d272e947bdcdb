//! Hostile frames: what RFC 6455 forbids ends the connection with the right code, at every address; what only looks forbidden does
//! not. Each makes one line in the log. No other client notices, and no resources leak.

use crate::common::Server;
use crate::common::bystander::NEVER_HEARD;
use crate::common::raw::{BINARY, CLOSE, PING, PONG, TEXT, frame, told_in};
use crate::frame_attack::End::{Answered, Cut, Fault};
use crate::frame_attack::{Attack, DOORS, Door, attack};

/// Longest message in bytes.
const MAX_MESSAGE: usize = 65536;

/// The payload of most frames here.
const PSST: &[u8] = NEVER_HEARD.as_bytes();

/// A fragment: the beginning of a text, and its end.
const BEGIN: u8 = 0x01;
const LAST: u8 = 0x80;

/// A server that takes what comes as fast as it comes.
fn server(arguments: &[&str]) -> Server {
    Server::start(&[&["--rate", "0", "--history", "0", "--log", "info"], arguments].concat())
}

fn bye(payload: &[u8]) -> Vec<u8> {
    frame(CLOSE, payload)
}

#[test]
fn each_of_the_256_first_bytes_is_judged_by_its_bits() {
    let mut attacks = Vec::new();
    for first in 0..=255 {
        let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
        let sent = [frame(first, b"\x03\xe8"), bye(b"")].concat();
        let new = |door, end| Attack::new(format!("first byte {first:02x}"), door, &sent, end);
        let forbidden = reserved != 0 || !matches!(opcode, 1 | 2 | 8..=10) || (opcode >= 8 && !fin);
        if forbidden {
            attacks.extend(DOORS.iter().map(|&door| new(door, Fault(1002))));
            continue;
        }
        // 03 e8 is a close code, and the beginning of a text, but no whole one.
        attacks.push(match first {
            TEXT => new(Door::Echo, Fault(1007)),
            0x01 | 0x02 => new(Door::Echo, Answered(1005)),
            BINARY => new(Door::Echo, Answered(1005)).hearing(BINARY, b"\x03\xe8"),
            PING => new(Door::Echo, Answered(1005)).hearing(PONG, b"\x03\xe8"),
            PONG => new(Door::Echo, Answered(1005)),
            _ => new(Door::Echo, Answered(1000)),
        });
    }
    assert_eq!(attacks.len(), 7 + 249 * DOORS.len());
    attack(server(&[]), attacks);
}

#[test]
fn frames_that_are_not_masked_are_refused_whatever_they_are() {
    let mut attacks = Vec::new();
    for first in [BEGIN, 0x02, TEXT, BINARY, CLOSE, PING, PONG] {
        let unmasked = [&[first, PSST.len() as u8], PSST].concat();
        attacks.extend(Attack::everywhere("unmasked", unmasked, Fault(1002)));
        attacks.extend(Attack::everywhere("unmasked, empty", [first, 0], Fault(1002)));
    }
    let rest = [&frame(BEGIN, b"a")[..], b"\x80\x01b"].concat();
    attacks.push(Attack::new("unmasked rest", Door::Echo, rest, Fault(1002)));
    // A mask of zeros is one.
    let zeros = [&b"\x81\x84\0\0\0\0psst"[..], &bye(b"")].concat();
    attacks.push(Attack::new("zeros", Door::Echo, zeros, Answered(1005)).hearing(TEXT, PSST));
    attack(server(&[]), attacks);
}

#[test]
fn lengths_must_be_in_their_shortest_form_and_within_the_limit() {
    let mut attacks = Vec::new();
    for first in [TEXT, BINARY, BEGIN] {
        for (bits, lengths) in [(16, &[0, 1, 4, 125][..]), (64, &[0, 1, 125, 126, 4096, 65535])] {
            for length in lengths {
                let what = format!("{first:x} {length} in {bits} bits");
                let sent = told_in(bits, first, *length, *length as usize);
                attacks.extend(Attack::everywhere(&what, sent, Fault(1002)));
            }
        }
        for length in [1 << 63, (1 << 63) + 4, u64::MAX - 1, u64::MAX] {
            let sent = told_in(64, first, length, 100);
            attacks.extend(Attack::everywhere(&format!("{length:x}"), sent, Fault(1002)));
        }
        for length in [MAX_MESSAGE as u64 + 1, 1 << 20, 1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1] {
            let sent = told_in(64, first, length, 100);
            attacks.extend(Attack::everywhere(&format!("{length:x}"), sent, Fault(1009)));
        }
    }
    for length in [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, MAX_MESSAGE] {
        let payload = vec![b'x'; length];
        for first in [TEXT, BINARY] {
            let sent = [frame(first, &payload), bye(b"")].concat();
            let what = format!("{length} bytes");
            let whole = Attack::new(&what, Door::Echo, &sent, Answered(1005));
            attacks.push(whole.hearing(first, &payload));
        }
        if length <= 125 {
            let sent = [frame(PING, &payload), frame(PONG, &payload), bye(b"")].concat();
            let ping = Attack::new(format!("ping {length}"), Door::Echo, sent, Answered(1005));
            attacks.push(ping.hearing(PONG, &payload));
        }
    }
    for opcode in [CLOSE, PING, PONG] {
        for (bits, length) in [(16, 125), (16, 126), (16, 65535), (64, 125), (64, 65536), (64, (1 << 63) - 1)]
        {
            let what = format!("control frame {opcode:x}, {length} in {bits} bits");
            let sent = told_in(bits, opcode, length, 200);
            attacks.extend(Attack::everywhere(&what, sent, Fault(1002)));
        }
    }
    attack(server(&[]), attacks);
}

#[test]
fn invalid_and_incomplete_frames_end_the_connection_cleanly() {
    let mut attacks = Vec::new();
    let whole = frame(TEXT, &[b'x'; 300]);
    for cut in [1, 2, 3, 4, 7, 8, 9, whole.len() - 1] {
        attacks.extend(Attack::everywhere(&format!("cut at {cut}"), &whole[..cut], Cut));
    }
    attacks.extend(Attack::everywhere("nothing", b"", Cut));
    attacks.extend(Attack::everywhere("half a close", &bye(b"\x03\xe8")[..5], Cut));
    attacks.extend(Attack::everywhere("half a message", frame(BEGIN, PSST), Cut));
    for (what, sent) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..]),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("zeros", &[0; 5000]),
        ("ones", &[0xff; 5000]),
        ("line ends", b"\r\n\r\n"),
        ("text", PSST),
        ("JSON", br#"{"type":"message","text":"psst"}"#),
    ] {
        attacks.extend(Attack::everywhere(what, sent, Fault(1002)));
    }
    // Single bytes are as good as any.
    let slowly = |what: &str, sent: Vec<u8>, end| Attack::new(what, Door::Echo, sent, end).byte_by_byte();
    let hola = [frame(PING, b"1"), frame(BEGIN, b"ho"), frame(LAST, b"la"), bye(b"")].concat();
    let heard = slowly("all", hola, Answered(1005)).hearing(PONG, b"1").hearing(TEXT, b"hola");
    attacks.push(heard);
    attacks.push(slowly("reserved bit", frame(0xc1, PSST), Fault(1002)));
    attacks.push(slowly("not minimal", told_in(64, TEXT, 4, 4), Fault(1002)));
    attacks.push(slowly("2^63", told_in(64, TEXT, 1 << 63, 4), Fault(1002)));
    attacks.push(slowly("too long", told_in(64, TEXT, 1 << 20, 4), Fault(1009)));
    attacks.push(slowly("not UTF-8", frame(TEXT, b"\xc3\x28"), Fault(1007)));
    attack(server(&[]), attacks);
}
