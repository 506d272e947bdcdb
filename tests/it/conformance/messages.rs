//! Chapter 6, sending and receiving data.

use std::io::Write;

use super::Subject;
use crate::common::bystander::chat_on;
use crate::common::raw::{BINARY, PING, PONG, RawClient, TEXT, frame, handshake, read_answer};

/// 6.1, 1: "The endpoint MUST ensure the WebSocket connection is in the OPEN state". 7: "The frame(s) that have been formed
/// MUST be transmitted over the underlying network connection."
#[test]
fn no_frame_comes_before_the_handshake_is_done_and_each_one_after() {
    let mut subject = Subject::start(&[]);
    let head = handshake("/ws?name=Ana");
    let (begin, end) = head.split_at(head.len() - 2);
    let mut socket = subject.server.connect();
    socket.write_all(begin.as_bytes()).expect("the server takes bytes");
    chat_on(&mut subject.bystander);
    socket.write_all(end.as_bytes()).expect("the server takes bytes");
    // Reading fails if anything but an answer comes first.
    assert_eq!(read_answer(&mut socket, true).status, 101);
    let mut ana = RawClient::over(socket);
    assert!(ana.wait_for(TEXT).starts_with(br#"{"type":"welcome""#));
    // From its welcome on it hears everything, once and in order.
    while !ana.wait_for(TEXT).starts_with(br#"{"type":"message""#) {}
    for number in 0..100 {
        subject.bystander.say(&format!("number {number}"));
    }
    for number in 0..100 {
        let event = String::from_utf8(ana.wait_for(TEXT)).expect("an event is text");
        assert!(event.contains(&format!(r#""text":"number {number}""#)), "{number}: {event}");
    }
}

/// 6.1, 2: "An endpoint MUST encapsulate the /data/ in a WebSocket frame as defined in Section 5.2." 3: "The opcode
/// (frame-opcode) of the first frame containing the data MUST be set to the appropriate value from Section 5.2 for data that
/// is to be interpreted by the recipient as text or binary data." 4: "The FIN bit (frame-fin) of the last frame containing
/// the data MUST be set to 1".
#[cfg(feature = "inspector")]
#[test]
fn a_message_of_the_server_begins_with_its_type_and_ends_with_fin() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    echo.send(&[frame(TEXT, b"text"), frame(BINARY, b"binary")].concat());
    assert_eq!(echo.frame(), Some((TEXT, b"text".to_vec())));
    assert_eq!(echo.frame(), Some((BINARY, b"binary".to_vec())));
    // The only message that it sends in fragments, and only on request.
    let mut chat = RawClient::join(&subject.server, "Ana");
    chat.send(&frame(TEXT, br#"{"type":"show","what":"fragments"}"#));
    while !chat.wait_for(TEXT).starts_with(br#"{"type":"shown""#) {}
    for first in [0x01, PING, 0x00, 0x80] {
        assert_eq!(chat.frame().map(|(first, _)| first), Some(first));
    }
}

/// 6.2: "Incoming data MUST be parsed as WebSocket frames as defined in Section 5.2."
#[test]
fn frames_are_found_however_the_bytes_are_cut() {
    let subject = Subject::start(&[]);
    let frames = [frame(0x01, b"ho"), frame(PING, b"now"), frame(0x80, b"la"), frame(BINARY, &[7; 200])];
    let bytes = frames.concat();
    let mut echo = subject.echo();
    echo.socket.set_nodelay(true).expect("an option of TCP");
    for size in [1, 2, 3, 7, 13, bytes.len()] {
        bytes.chunks(size).for_each(|chunk| echo.send(chunk));
        assert_eq!(echo.frame(), Some((PONG, b"now".to_vec())), "{size}");
        assert_eq!(echo.frame(), Some((TEXT, b"hola".to_vec())), "{size}");
        assert_eq!(echo.frame(), Some((BINARY, vec![7; 200])), "{size}");
    }
}

/// 6.2: "Upon receiving a data frame (Section 5.6), the endpoint MUST note the /type/ of the data". "Subsequent data frames
/// MUST be interpreted as belonging to a new WebSocket message."
#[test]
fn what_follows_the_last_fragment_is_a_new_message_with_a_type_of_its_own() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    let text = [frame(0x01, b"a"), frame(0x80, b"b")];
    let binary = [frame(0x02, b"c"), frame(0x80, b"d")];
    let frames = [text.concat(), binary.concat(), frame(TEXT, b"e"), frame(BINARY, b"f"), text.concat()];
    echo.send(&frames.concat());
    for (first, payload) in [(TEXT, "ab"), (BINARY, "cd"), (TEXT, "e"), (BINARY, "f"), (TEXT, "ab")] {
        assert_eq!(echo.frame(), Some((first, payload.as_bytes().to_vec())));
    }
}
