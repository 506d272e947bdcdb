//! One wrong byte anywhere in a head or a frame gets the right answer and a line in the log, and no other client notices.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Mutex;

use crate::common::Server;
use crate::common::bystander::{bystander, chat_on, each_while_somebody_chats, stories};
use crate::common::raw::{
    BINARY, CLOSE, PING, PONG, RawClient, TEXT, assert_not_reset, frame, handshake, read_answer, read_to_end,
};
use serde_json::Value;

/// Wrong bytes to send in place of a right one.
const WRONG: [u8; 8] = [0x00, b'\t', b'\n', b' ', b':', b'x', 0x7f, 0xff];

/// Longest message in the tests of close codes.
const MAX_MESSAGE: usize = 100;

/// All the ways to spoil one byte of `good`, with these values or bits.
fn spoiled<const N: usize>(good: &[u8], spoil: impl Fn(u8) -> [u8; N]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (place, byte) in good.iter().enumerate() {
        for wrong in spoil(*byte).into_iter().filter(|wrong| wrong != byte) {
            let mut bytes = good.to_vec();
            bytes[place] = wrong;
            all.push(bytes);
        }
    }
    all
}

#[test]
fn one_wrong_byte_in_a_head_is_answered_and_logged_and_no_other_client_notices() {
    let server = Server::start(&["--handshake-timeout", "1", "--rate", "0", "--log", "info"]);
    let heads = spoiled(handshake("/ws").as_bytes(), |_| WRONG);
    let answers = Mutex::new(Vec::new());
    each_while_somebody_chats(&server, heads, |head| {
        let shown = String::from_utf8_lossy(&head).into_owned();
        let mut socket = server.connect();
        let port = socket.local_addr().expect("an address").port();
        socket.write_all(&head).expect("the server takes a head");
        let answer = read_answer(&mut socket, false);
        if answer.status >= 400 {
            assert!(!answer.sentence().is_empty());
        }
        // Then it ends in order, and its lines in the log are written.
        let _ = socket.shutdown(Shutdown::Write);
        read_to_end(&mut socket);
        let mut answers = answers.lock().expect("no panic while locked");
        answers.push((shown, port, answer));
    });
    let log = stories(server);
    for (head, port, answer) in answers.into_inner().expect("no panic while locked") {
        let logged = |words: &str| log.lines(port).any(|line| line.contains(words));
        match answer.status {
            // The byte has no meaning, as in the name of an unknown header.
            101 => assert!(logged("answered 101"), "{head:?}"),
            // It was a request for something else.
            200 => assert!(logged("answered 200"), "{head:?}"),
            400 | 403 | 404 | 405 | 408 | 426 => {
                let reason = format!(" bytes: {}", answer.sentence());
                assert!(logged(&reason), "{head:?}: {:?}", log.lines(port).collect::<Vec<_>>());
            }
            status => panic!("{head:?} is answered {status}"),
        }
    }
}

#[test]
fn one_wrong_byte_in_a_frame_is_answered_and_logged_and_no_other_client_notices() {
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let good = frame(TEXT, b"hola");
    // The header with every wrong value; mask and payload with each bit flipped, and some values more.
    let mut frames = spoiled(&good, |_| std::array::from_fn::<u8, 256, _>(|byte| byte as u8));
    frames.truncate(2 * 255);
    frames.extend(spoiled(&good, |byte| std::array::from_fn::<u8, 8, _>(|bit| byte ^ 1 << bit)));
    frames.extend(spoiled(&good, |_| WRONG));
    let ends = Mutex::new(Vec::new());
    each_while_somebody_chats(&server, frames, |frame| {
        let mut client = RawClient::open(&server, "/ws");
        let port = client.socket.local_addr().expect("an address").port();
        client.send(&frame);
        // A frame that became longer is not whole yet, and never will be.
        client.socket.shutdown(Shutdown::Write).expect("TCP is open");
        let mut code = None;
        while let Some((first, payload)) = client.frame() {
            assert_eq!(code, None, "{frame:02x?}: something comes behind the close frame");
            match first {
                CLOSE => code = Some(u16::from_be_bytes([payload[0], payload[1]])),
                TEXT => assert_is_event(&payload),
                _ => assert!(first == PONG && frame[0] == PING, "{frame:02x?}: {first:x}"),
            }
        }
        let mut ends = ends.lock().expect("no panic while locked");
        ends.push((frame, port, code));
    });
    let log = stories(server);
    for (frame, port, code) in ends.into_inner().expect("no panic while locked") {
        let logged = |words: &str| log.lines(port).any(|line| line.contains(words));
        let reason = match code {
            // A message after all, or only the begin of one.
            None => "closing begun without a close frame (1006): the client ended TCP",
            Some(1002) => "closing begun by the server: 1002 (protocol error), reason ",
            Some(1003) => "closing begun by the server: 1003 (unsupported data), reason ",
            Some(1007) => "closing begun by the server: 1007 (text that is not UTF-8), reason ",
            Some(1009) => "closing begun by the server: 1009 (message too big), reason ",
            Some(code) => panic!("{frame:02x?} ends with {code}"),
        };
        assert!(logged(reason), "{frame:02x?}: {code:?}: {:?}", log.lines(port).collect::<Vec<_>>());
    }
}

fn assert_is_event(payload: &[u8]) {
    let event: Value = serde_json::from_slice(payload).expect("an event is JSON");
    let kind = event["type"].as_str().expect("a type");
    let known = ["welcome", "joined", "left", "crowd", "message", "error"];
    assert!(known.contains(&kind), "{event}");
}

/// What is wrong with some frames, the frames, and the code with which they end.
type Fault = (String, Vec<u8>, u16);

#[rustfmt::skip]
fn faults() -> Vec<Fault> {
    let mask = [1, 2, 3, 4];
    let long = [b'x'; MAX_MESSAGE];
    let bytes = |parts: &[&[u8]]| parts.concat();
    let mut faults = Vec::new();
    let mut add = |code, what: &str, frames: Vec<u8>| faults.push((what.to_owned(), frames, code));
    for bit in [0x40, 0x20, 0x10] {
        add(1002, &format!("reserved bit {bit:x}"), frame(TEXT | bit, b"hola"));
        add(1002, &format!("reserved bit {bit:x} of a ping"), frame(PING | bit, b""));
    }
    for opcode in (3..=7).chain(11..=15) {
        add(1002, &format!("reserved opcode {opcode}"), frame(0x80 | opcode, b"hola"));
    }
    for opcode in [CLOSE, PING, PONG] {
        add(1002, &format!("fragment of control frame {opcode:x}"), frame(opcode & 0x0f, b""));
        add(1002, &format!("control frame {opcode:x} of 126 bytes"), frame(opcode, &[b'x'; 126]));
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535_u16] {
        add(1002, &format!("close code {code}"), frame(CLOSE, &code.to_be_bytes()));
    }
    add(1002, "close payload of one byte", frame(CLOSE, b"\x03"));
    add(1002, "unmasked", b"\x81\x04hola".to_vec());
    add(1002, "16-bit length of 4", bytes(&[b"\x81\xfe\0\x04", &mask, b"hola"]));
    add(1002, "64-bit length of 4", bytes(&[b"\x81\xff\0\0\0\0\0\0\0\x04", &mask, b"hola"]));
    add(1002, "64-bit length of 65535", bytes(&[b"\x81\xff\0\0\0\0\0\0\xff\xff", &mask]));
    add(1002, "length of 2^63", bytes(&[b"\x81\xff\x80\0\0\0\0\0\0\0", &mask]));
    add(1002, "continuation of nothing", frame(0x80, b"hola"));
    add(1002, "begin of a continuation of nothing", frame(0x00, b"hola"));
    add(1002, "continuation of a whole message", bytes(&[&frame(TEXT, b"a"), &frame(0x80, b"b")]));
    add(1002, "text inside a text", bytes(&[&frame(0x01, b"a"), &frame(TEXT, b"b")]));
    add(1002, "binary inside a text", bytes(&[&frame(0x01, b"a"), &frame(BINARY, b"b")]));
    add(1003, "binary", frame(BINARY, b"hola"));
    add(1003, "binary in fragments", bytes(&[&frame(0x02, b"a"), &frame(0x80, b"b")]));
    for wrong in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"hola\xc3"] {
        let (first, second) = wrong.split_at(wrong.len() / 2);
        add(1007, &format!("text {wrong:02x?}"), frame(TEXT, wrong));
        add(1007, &format!("fragments {wrong:02x?}"), bytes(&[&frame(0x01, first), &frame(0x80, second)]));
        add(1007, &format!("reason {wrong:02x?}"), frame(CLOSE, &bytes(&[b"\x03\xe8", wrong])));
    }
    add(1008, "endless empty fragments", bytes(&[&frame(0x01, b""), &frame(0, b"").repeat(200)]));
    add(1009, "too long, announced", bytes(&[&[TEXT, 0x80 | (MAX_MESSAGE as u8 + 1)], &mask]));
    add(1009, "far too long, announced", bytes(&[b"\x81\xff\x7f\0\0\0\0\0\0\0", &mask]));
    add(1009, "too long in fragments", bytes(&[&frame(0x01, &long), &frame(0x80, b"x")]));
    faults
}

#[test]
fn each_fault_ends_with_its_code_and_the_other_members_get_a_notice() {
    let surplus = [0x81; 200_000];
    // The notices of so few are never merged into a crowd.
    for faults in faults().chunks(8) {
        let server = Server::start(&["--max-message", &MAX_MESSAGE.to_string()]);
        let mut bystander = bystander(&server);
        for (what, frames, code) in faults {
            let mut client = RawClient::open(&server, "/ws?name=Wrong");
            bystander.wait_for("joined");
            // Bytes after the fault are not parsed, and they do not destroy the close frame either.
            client.send(&[frames, &surplus[..]].concat());
            let (told, reason) = client.wait_for_end();
            assert_eq!(told, *code, "{what}: {reason}");
            let left = bystander.wait_for("left");
            assert_eq!(left["name"], "Wrong", "{what}: {left}");
            assert_eq!(left["code"], *code, "{what}: {left}");
            assert_eq!(left["reason"], reason, "{what}: {left}");
            chat_on(&mut bystander);
            assert_not_reset(&server, &client.socket);
            let port = client.socket.local_addr().expect("an address").port();
            let conn = server.log_prefix(port);
            let line = server.wait_for_log(&format!("{conn} closing begun"));
            let by_whom = format!("by the server: {code} (");
            assert!(line.contains(&by_whom), "{what}: {line}");
            assert!(!reason.is_empty() && line.contains(&reason), "{what}: {line}");
        }
    }
}

#[test]
fn bytes_that_only_look_wrong_are_accepted() {
    let server = Server::start(&["--max-message", &MAX_MESSAGE.to_string()]);
    let longest = "x".repeat(MAX_MESSAGE);
    let (begin, end) = "¡olé! 🦀".as_bytes().split_at(10);
    let cut = [frame(0x01, begin), frame(PING, b"now"), frame(0x80, end)];
    let empty = [frame(0x01, b""), frame(0, b"hola"), frame(0x80, b"")];
    let unasked = [frame(PONG, b"unasked"), frame(TEXT, b"\xf4\x8f\xbf\xbf")];
    let mut ana = RawClient::open(&server, "/ws?name=Ana");
    for (frames, text) in [
        (frame(TEXT, longest.as_bytes()), longest.as_str()),
        (cut.concat(), "¡olé! 🦀"),
        (empty.concat(), "hola"),
        (unasked.concat(), "\u{10ffff}"),
    ] {
        ana.send(&frames);
        let said = format!(r#""from":"Ana","text":"{text}""#);
        while !String::from_utf8(ana.wait_for(TEXT)).expect("text").contains(&said) {}
    }
    for code in [1000, 1001, 1003, 1007, 1011, 3000, 4999_u16] {
        let mut client = RawClient::open(&server, "/ws");
        let payload = [&code.to_be_bytes()[..], "adiós".as_bytes()].concat();
        client.send(&frame(CLOSE, &payload));
        assert_eq!(client.wait_for_end(), (code, "adiós".to_owned()));
    }
}
