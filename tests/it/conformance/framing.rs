//! Chapter 5, data framing: sections 5.1 to 5.4, 5.6 and 5.8. Its section 5.5 is in `control_frames.rs`.

use super::Subject;
use crate::common::raw::{BINARY, CLOSE, PING, PONG, RawClient, TEXT, frame, frame_masked_by, handshake};

const FIRSTS: [u8; 5] = [TEXT, BINARY, CLOSE, PING, PONG];

/// A header without its payload: what is wrong is found out before that comes.
fn header(first_byte: u8, length: &[u8]) -> Vec<u8> {
    [&[first_byte], length, &[1, 2, 3, 4]].concat()
}

/// 5.1: "The server MUST close the connection upon receiving a frame that is not masked."
#[test]
fn a_frame_that_is_not_masked_fails() {
    let mut subject = Subject::start(&[]);
    for first in FIRSTS {
        subject.fails(&format!("unmasked {first:x}"), &[first, 2], 1002);
        subject.fails(&format!("unmasked empty {first:x}"), &[first, 0], 1002);
    }
    let begun = [frame(0x01, b"hola"), vec![0x80, 4]].concat();
    subject.fails("unmasked continuation", &begun, 1002);
}

/// 5.1: "A server MUST NOT mask any frames that it sends to the client." 5.2: RSV1 to RSV3 "MUST be 0 unless an extension is
/// negotiated that defines meanings for non-zero values".
#[test]
fn no_frame_of_the_server_is_masked_or_has_a_reserved_bit() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    echo.send(&[frame(TEXT, b"a"), frame(BINARY, b"b"), frame(PING, b"c"), frame(CLOSE, b"")].concat());
    // Reading fails at a mask, and nothing else may stand in a first byte.
    for first in [TEXT, BINARY, PONG, CLOSE] {
        assert_eq!(echo.frame().map(|(first, _)| first), Some(first));
    }
    let mut chat = RawClient::open(&subject.server, "/ws");
    chat.send(&[frame(TEXT, b"hola"), frame(PING, b""), frame(CLOSE, b"\x03\xe8")].concat());
    while let Some((first, _)) = chat.frame() {
        assert!([TEXT, PONG, CLOSE].contains(&first), "{first:x}");
    }
}

/// 5.2: "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a nonzero value,
/// the receiving endpoint MUST _Fail the WebSocket Connection_."
#[test]
fn a_reserved_bit_fails() {
    let mut subject = Subject::start(&[]);
    for bits in 1..8 {
        let first = FIRSTS[bits % FIRSTS.len()] | (bits as u8) << 4;
        subject.fails(&format!("first byte {first:x}"), &header(first, &[0x82]), 1002);
    }
    let within = [frame(0x01, b"hola"), header(0xc0, &[0x84])].concat();
    subject.fails("reserved bit of a continuation", &within, 1002);
}

/// 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
#[test]
fn an_unknown_opcode_fails() {
    let mut subject = Subject::start(&[]);
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        subject.fails(&format!("opcode {opcode:x}"), &frame(0x80 | opcode, b""), 1002);
        let within = [frame(0x01, b"hola"), frame(opcode, b"x")].concat();
        subject.fails(&format!("fragment with opcode {opcode:x}"), &within, 1002);
    }
}

/// 5.2: "(the most significant bit MUST be 0)" in a 64-bit length.
#[test]
fn a_64_bit_length_with_its_highest_bit_set_fails() {
    let mut subject = Subject::start(&[]);
    for length in [1_u64 << 63, u64::MAX] {
        let bytes = [&[0xff][..], &length.to_be_bytes()].concat();
        for first in [TEXT, BINARY] {
            subject.fails(&format!("{length:x}"), &header(first, &bytes), 1002);
        }
    }
}

/// 5.2: "Note that in all cases, the minimal number of bytes MUST be used to encode the length, for example, the length of a
/// 124-byte-long string can't be encoded as the sequence 126, 0, 124."
#[test]
fn a_length_that_is_not_in_the_fewest_bytes_fails() {
    let mut subject = Subject::start(&[]);
    for length in [0_u64, 1, 124, 125] {
        let bytes = [&[0xfe][..], &(length as u16).to_be_bytes()].concat();
        subject.fails(&format!("{length} in 16 bits"), &header(TEXT, &bytes), 1002);
    }
    for length in [0_u64, 125, 126, 65_535] {
        let bytes = [&[0xff][..], &length.to_be_bytes()].concat();
        subject.fails(&format!("{length} in 64 bits"), &header(BINARY, &bytes), 1002);
    }
    let ping = header(PING, b"\xfe\0\x01");
    subject.fails("a ping's length in 16 bits", &ping, 1002);
}

/// The same sentence, of the server's own frames.
#[test]
fn the_server_tells_lengths_in_the_fewest_bytes() {
    let subject = Subject::start(&["--max-message", "70000"]);
    let mut echo = subject.echo();
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = vec![b'x'; length];
        echo.send(&frame(BINARY, &payload));
        // Reading fails at a length that has a shorter form.
        assert_eq!(echo.frame(), Some((BINARY, payload)));
    }
}

/// 6.2: "A server MUST remove masking for data frames received from a client as described in Section 5.3."
#[test]
fn whatever_the_masking_key_the_payload_is_unmasked() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    for mask in [[0; 4], [0xff; 4], [1, 0, 0, 0], [0, 0, 0, 1], *b"GET ", [0x81, 0x85, 0x37, 0xfa]] {
        for length in [1, 2, 3, 4, 5, 7, 8, 125, 1000] {
            let payload: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            echo.send(&frame_masked_by(mask, BINARY, &payload));
            assert_eq!(echo.frame(), Some((BINARY, payload)), "{mask:x?}");
        }
    }
    // Each fragment has a key of its own.
    echo.send(&frame_masked_by([1, 2, 3, 4], 0x01, b"hola"));
    echo.send(&frame_masked_by([9, 8, 7, 6], 0x80, b", adios"));
    assert_eq!(echo.frame(), Some((TEXT, b"hola, adios".to_vec())));
}

/// 5.4: "Message fragments MUST be delivered to the recipient in the order sent by the sender." "Clients and servers MUST
/// support receiving both fragmented and unfragmented messages." "[...] the type for all fragments in a message MUST be
/// either text, binary, or one of the reserved opcodes."
#[test]
fn fragments_are_one_message_of_their_firsts_type_in_their_order() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    for (first, whole) in [(0x01, TEXT), (0x02, BINARY)] {
        for parts in [&["hola"][..], &["", "ho", "la"], &["h", "o", "", "la", ""], &["", ""]] {
            let (last, before) = parts.split_last().expect("parts");
            let mut first = first;
            for part in before {
                echo.send(&frame(first, part.as_bytes()));
                first = 0x00;
            }
            echo.send(&frame(0x80 | first, last.as_bytes()));
            assert_eq!(echo.frame(), Some((whole, parts.concat().into_bytes())), "{parts:?}");
        }
    }
}

/// 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message unless an extension
/// has been negotiated that can interpret the interleaving."
#[test]
fn a_message_within_another_fails() {
    let mut subject = Subject::start(&[]);
    for begin in [0x01, 0x02] {
        for within in [TEXT, BINARY, 0x01, 0x02] {
            let frames = [frame(begin, b"hola"), header(within, &[0x84])].concat();
            subject.fails(&format!("{within:x} within {begin:x}"), &frames, 1002);
        }
    }
}

/// 5.4: a fragmented message "consists of a single frame with the FIN bit clear and an opcode other than 0, followed by" those
/// with opcode 0. 6.2: "Incoming data MUST be parsed as WebSocket frames".
#[test]
fn a_continuation_of_nothing_fails() {
    let mut subject = Subject::start(&[]);
    for (what, before) in [
        ("at the begin", vec![]),
        ("behind a message", frame(TEXT, b"hola")),
        ("behind fragments", [frame(0x01, b"ho"), frame(0x80, b"la")].concat()),
        ("behind a ping", frame(PING, b"")),
    ] {
        for fin in [0x00, 0x80] {
            let frames = [before.clone(), header(fin, &[0x84])].concat();
            subject.fails(&format!("continuation {fin:x} {what}"), &frames, 1002);
        }
    }
}

/// 5.8: "The endpoints of a connection MUST negotiate the use of any extensions during the opening handshake." 9.1: what the
/// client offers it "MUST NOT use [...] unless the server indicates that it wishes to use the extension".
#[test]
fn an_extension_that_was_offered_but_not_agreed_to_fails() {
    let mut subject = Subject::start(&[]);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nHost";
    let head = handshake("/echo").replacen("Host", offer, 1);
    let mut client = RawClient::open_with(&subject.server, head.as_bytes());
    client.send(&frame(0x40 | TEXT, b"\xcb\xc8\xcf\x49\x04\x00"));
    subject.has_failed("a compressed frame", client, 1002);
}
