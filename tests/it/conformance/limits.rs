//! Chapter 10, security considerations: limits, and data that makes no sense. What it says of origins (10.2) is in
//! `opening_handshake.rs`, of masking (10.3) in `framing.rs`.

use std::net::Shutdown;

use super::{DOORS, Subject};
use crate::common::bystander::chat_on;
use crate::common::raw::{BINARY, CLOSE, RawClient, TEXT, frame, handshake};

/// 10.4: "Implementations that have implementation- and/or platform-specific limitations regarding the frame size or total
/// message size after reassembly from multiple frames MUST protect themselves against exceeding those limits. (For example, a
/// malicious endpoint can try to exhaust its peer's memory or mount a denial-of-service attack by sending either a single big
/// frame (e.g., of size 2**60) [...]"
#[test]
fn a_frame_beyond_the_limit_fails_before_its_payload_comes() {
    let mut subject = Subject::start(&["--max-message", "1000"]);
    let header = |first: u8, length: u64| {
        let length = match u16::try_from(length) {
            Ok(length) => [&[0xfe][..], &length.to_be_bytes()].concat(),
            Err(_) => [&[0xff][..], &length.to_be_bytes()].concat(),
        };
        [&[first][..], &length, &[1, 2, 3, 4]].concat()
    };
    for length in [1001, 65_536, 1 << 32, 1 << 60, (1 << 63) - 1] {
        for first in [TEXT, BINARY, 0x01, 0x02] {
            subject.fails(&format!("{first:x} of {length}"), &header(first, length), 1009);
        }
        let begun = [frame(0x01, b"hola"), header(0x80, length)].concat();
        subject.fails(&format!("continuation of {length}"), &begun, 1009);
    }
}

/// 10.4: "[...] or by sending a long stream of small frames that are a part of a fragmented message.)"
#[test]
fn a_message_beyond_the_limit_in_small_frames_fails() {
    let mut subject = Subject::start(&["--max-message", "1000"]);
    for (what, fragment, code) in [
        ("fragments of one byte", &b"x"[..], 1009),
        ("fragments of 300 bytes", &[b'x'; 300], 1009),
        // They never come to anything, so it is not their length that is wrong.
        ("empty fragments", b"", 1008),
    ] {
        let stream = [frame(0x01, fragment), frame(0x00, fragment).repeat(1000)].concat();
        subject.fails(what, &stream, code);
    }
}

/// 10.4, from the other side: what is not beyond the limit is taken.
#[test]
fn a_message_as_long_as_the_limit_is_taken() {
    let mut subject = Subject::start(&["--max-message", "1000"]);
    let mut echo = subject.echo();
    let longest = [b'x'; 1000];
    echo.send(&[frame(TEXT, &longest), frame(0x01, &longest), frame(0x80, b"")].concat());
    for _ in 0..2 {
        assert_eq!(echo.frame(), Some((TEXT, longest.to_vec())));
    }
    subject.goes_on("long messages", echo);
}

/// 10.7: "Incoming data MUST always be validated by both clients and servers." "If the invalid data was received after a
/// successful WebSocket handshake, the endpoint SHOULD send a Close frame with an appropriate status code (Section 7.4) before
/// proceeding to _Close the WebSocket Connection_."
#[test]
fn data_that_makes_no_sense_fails() {
    let mut subject = Subject::start(&[]);
    for (what, bytes) in [
        ("a request", handshake("/ws").into_bytes()),
        ("text without a frame", b"hola\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("nothing but ones", vec![0xff; 5000]),
    ] {
        subject.fails(what, &bytes, 1002);
    }
    // Noise of all kinds leads to one of the codes there are, or is not whole.
    let mut noise: u32 = 6455;
    for number in 0..400 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        let mut client = RawClient::open(&subject.server, DOORS[number % 2]);
        client.send(&bytes);
        client.socket.shutdown(Shutdown::Write).expect("our direction is open");
        let mut code = None;
        while let Some((first, payload)) = client.frame() {
            assert_eq!(code, None, "{bytes:x?}: something comes behind the close frame");
            if first == CLOSE {
                code = Some(u16::from_be_bytes([payload[0], payload[1]]));
            }
        }
        assert!(matches!(code, None | Some(1002 | 1003 | 1007 | 1009)), "{bytes:x?}: {code:?}");
    }
    chat_on(&mut subject.bystander);
}
