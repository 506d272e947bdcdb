//! Chapter 7, closing the connection, and what section 5.5.1 says of close frames.

use std::net::Shutdown;

use super::{DOORS, Subject};
use crate::common::bystander::chat_on;
use crate::common::raw::{CLOSE, PING, RawClient, TEXT, frame, handshake};
use crate::common::wire::{TEACHER, Watcher};
use serde_json::json;

/// Codes that a client may send (7.4.1, 7.4.2), and two that were registered since.
const RIGHT: [u16; 15] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999];

/// 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close
/// frame in response." "After both sending and receiving a Close message, an endpoint [...] MUST close the underlying TCP
/// connection. The server MUST close the underlying TCP connection immediately".
#[cfg(feature = "inspector")]
#[test]
fn a_close_frame_is_answered_and_tcp_ends_at_once() {
    let mut subject = Subject::start(&["--teacher-key", TEACHER]);
    let mut watcher = Watcher::open(&subject.server, TEACHER);
    for door in DOORS {
        for code in RIGHT {
            for reason in ["", "adiós", &"x".repeat(123)] {
                let mut client = RawClient::open(&subject.server, door);
                let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
                client.send(&frame(CLOSE, &payload));
                assert_eq!(client.wait_for_end(), (code, reason.to_owned()), "{door}");
                client.socket.shutdown(Shutdown::Both).expect("our direction is open");
                // It did not wait for us to end TCP, nor until it abandons who does not.
                let closed = watcher.wait_for("closed");
                assert_eq!((&closed["tcp_by"], &closed["tcp"]), (&json!("server"), &json!("fin")));
            }
        }
    }
    let echo = subject.echo();
    subject.goes_on("another one", echo);
}

/// 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer (in network byte order)
/// representing a status code".
#[test]
fn a_close_frame_with_half_a_code_fails() {
    let mut subject = Subject::start(&[]);
    for byte in [0x00, 0x03, 0xff] {
        subject.fails(&format!("close payload {byte:x}"), &frame(CLOSE, &[byte]), 1002);
    }
}

/// 5.5.1: "The application MUST NOT send any more data frames after sending a Close frame."
#[test]
fn nothing_comes_behind_the_servers_close_frame() {
    let mut subject = Subject::start(&[]);
    for close in [frame(CLOSE, b"\x03\xe8"), frame(0xff, b"")] {
        for number in 0..20 {
            let mut client = RawClient::join(&subject.server, "Ana");
            subject.bystander.say("before");
            client.send(&close);
            // What is said around that time comes before the close frame, or not at all.
            for _ in 0..10 {
                subject.bystander.say("around");
            }
            client.send(&frame(PING, b"behind"));
            let (code, _) = client.wait_for_end();
            assert_eq!(code, if close[0] == CLOSE { 1000 } else { 1002 }, "{number}");
        }
    }
}

/// 7.1.2: "To _Start the WebSocket Closing Handshake_ with a status code (Section 7.4) /code/ and an optional close reason
/// (Section 7.1.6) /reason/, an endpoint MUST send a Close control frame, as described in Section 5.5.1, whose status code is
/// set to /code/ and whose close reason is set to /reason/."
#[test]
fn the_server_starts_to_close_with_a_code_and_a_reason_and_ends_tcp_once_it_is_answered() {
    let mut subject = Subject::start(&[]);
    let mut clients: Vec<RawClient> =
        DOORS.iter().map(|door| RawClient::open(&subject.server, door)).collect();
    subject.server.signal("TERM");
    for client in &mut clients {
        let payload = client.wait_for(CLOSE);
        assert_eq!(payload, b"\x03\xe9shutting_down: the server is shutting down");
        client.send(&frame(CLOSE, &payload[..2]));
        assert_eq!(client.frame(), None);
    }
    subject.bystander.read_to_end();
    assert!(subject.server.wait().success());
}

/// 5.5.1: "If a client and server both send a Close message at the same time, both endpoints will have sent and received a
/// Close message and should consider the WebSocket connection closed and close the underlying TCP connection."
#[cfg(feature = "inspector")]
#[test]
fn when_both_sides_close_at_once_tcp_ends() {
    let mut subject = Subject::start(&[]);
    for _ in 0..20 {
        let mut client = RawClient::join(&subject.server, "Ana");
        let show = frame(TEXT, br#"{"type":"show","what":"close","code":4321}"#);
        client.send(&[show, frame(CLOSE, b"\x03\xe9")].concat());
        assert_eq!(client.wait_for_end().0, 4321);
    }
    let echo = subject.echo();
    subject.goes_on("another one", echo);
}

/// 7.1.7, of a server that waits for the answer to its close frame: "the server MUST _Close the WebSocket Connection_", at once,
/// since no answer is processed any more.
#[cfg(feature = "inspector")]
#[test]
fn a_fault_in_place_of_the_answer_to_our_close_frame_ends_tcp() {
    let mut subject = Subject::start(&[]);
    for fault in [frame(0xc1, b"hola"), frame(CLOSE, b"\x03\xed"), frame(TEXT, b"\xff")] {
        let mut client = RawClient::join(&subject.server, "Ana");
        let port = client.socket.local_addr().expect("a connected socket has an address").port();
        client.send(&frame(TEXT, br#"{"type":"show","what":"close","code":4321}"#));
        assert_eq!(client.wait_for(CLOSE)[..2], 4321_u16.to_be_bytes());
        client.send(&fault);
        assert_eq!(client.frame(), None);
        client.socket.shutdown(Shutdown::Both).expect("our direction is open");
        let conn = subject.server.log_prefix(port);
        let answer = format!("{conn} the client answered our close frame with a fault: 100");
        subject.server.wait_for_log(&answer);
        // Not: that it did not end TCP in time.
        let line = subject.server.wait_for_log(&format!("{conn} closed"));
        assert!(line.contains("by the server: 4321") && line.contains("the client ended TCP"), "{line}");
        chat_on(&mut subject.bystander);
    }
}

/// 7.1.7: "[...] the server MUST _Close the WebSocket Connection_, and SHOULD log the problem." "the endpoint SHOULD send a
/// Close frame with an appropriate status code". "An endpoint MUST NOT continue to attempt to process data (including a
/// responding Close frame) from the remote endpoint after being instructed to _Fail the WebSocket Connection_."
#[test]
fn what_comes_behind_a_fault_is_not_processed() {
    let mut subject = Subject::start(&[]);
    let mut witness = RawClient::join(&subject.server, "Witness");
    for door in DOORS {
        for behind in [frame(TEXT, b"behind"), frame(PING, b"behind"), frame(CLOSE, b"\x03\xe8")] {
            let mut client = RawClient::open(&subject.server, door);
            client.send(&[frame(0xc1, b"fault"), behind].concat());
            subject.has_failed(&format!("a fault at {door}"), client, 1002);
        }
    }
    subject.bystander.say("the end");
    loop {
        let event = String::from_utf8(witness.wait_for(TEXT)).expect("an event is text");
        assert!(!event.contains("behind"), "{event}");
        if event.contains("the end") {
            break;
        }
    }
}

/// 7.2.2: "Certain algorithms require or recommend that the server _Abort the WebSocket Connection_ during the opening
/// handshake. To do so, the server MUST simply _Close the WebSocket Connection_ (Section 7.1.1)."
#[test]
fn an_aborted_opening_handshake_ends_tcp_behind_its_answer() {
    let mut subject = Subject::start(&[]);
    let head = handshake("/ws").replacen("Version: 13", "Version: 8", 1);
    // What was meant to be frames is not read as a request, and does not destroy the answer.
    let early = [head.as_bytes(), &frame(TEXT, &[b'x'; 200_000])].concat();
    subject.refuses("an old version", head, 426);
    subject.refuses("an old version, and frames behind it", early, 426);
}

/// 7.4.1: 1005, 1006 and 1015 are each "a reserved value and MUST NOT be set as a status code in a Close control frame by an
/// endpoint"; 1004 is "Reserved".
#[test]
fn a_reserved_code_fails() {
    let mut subject = Subject::start(&[]);
    for code in [1004, 1005, 1006, 1015_u16] {
        subject.fails(&format!("code {code}"), &frame(CLOSE, &code.to_be_bytes()), 1002);
    }
}

/// The same sentences, of the server's own frames.
#[test]
fn the_server_sends_no_reserved_code() {
    let subject = Subject::start(&[]);
    for door in DOORS {
        // Here the one would be 1005, in words: "no status code was actually present".
        let mut client = RawClient::open(&subject.server, door);
        client.send(&frame(CLOSE, b""));
        assert_eq!((client.wait_for(CLOSE), client.frame()), (vec![], None), "{door}");
    }
    let mut client = RawClient::join(&subject.server, "Ana");
    for code in [1004, 1005, 1006, 1015] {
        let show = format!(r#"{{"type":"show","what":"close","code":{code}}}"#);
        client.send(&frame(TEXT, show.as_bytes()));
        while !client.wait_for(TEXT).starts_with(br#"{"type":"error""#) {}
    }
}

/// 7.4.2: "Status codes in the range 0-999 are not used." Those from 1000 to 2999 "are reserved for definition by this
/// protocol", those from 3000 to 3999 and from 4000 to 4999 for others.
#[test]
fn a_code_that_nobody_has_defined_fails() {
    let mut subject = Subject::start(&[]);
    for code in [0, 1, 999, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        subject.fails(&format!("code {code}"), &frame(CLOSE, &payload), 1002);
    }
}
