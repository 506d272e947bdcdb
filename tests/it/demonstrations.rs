//! "Make it happen": what the server does on a client's own connection on request.

use std::io::Write;
use std::net::TcpStream;

use crate::common::raw::{BINARY, CLOSE, PING, RawClient, TEXT, ask, frame, handshake, read_answer, request};
use crate::common::{Client, Server};
use serde_json::{Value, json};

/// Skips what is said in the chat up to an event of this type.
fn wait_for(client: &mut RawClient, event_type: &str) -> Value {
    loop {
        let event: Value = serde_json::from_slice(&client.wait_for(TEXT)).expect("an event");
        if event["type"] == event_type {
            return event;
        }
    }
}

/// Asks for it, and reads what the server says first.
fn show(client: &mut RawClient, what: &str) {
    client.send(&frame(TEXT, json!({ "type": "show", "what": what }).to_string().as_bytes()));
    assert_eq!(wait_for(client, "shown")["what"], what);
}

#[test]
fn a_ping_comes_with_a_payload_of_its_own() {
    let server = Server::start(&[]);
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "ping");
    assert_eq!(client.frame(), Some((PING, b"classroom".to_vec())));
}

#[test]
fn one_message_comes_in_three_fragments_with_a_ping_between() {
    let server = Server::start(&[]);
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "fragments");
    let frames: Vec<(u8, Vec<u8>)> = (0..4).map(|_| client.frame().expect("a frame")).collect();
    let firsts: Vec<u8> = frames.iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [0x01, PING, 0x00, 0x80]);
    let text: Vec<u8> = [0, 2, 3].iter().flat_map(|part| frames[*part].1.clone()).collect();
    let event: Value = serde_json::from_slice(&text).expect("one event");
    assert_eq!(event["what"], "fragments");
}

#[test]
fn a_binary_message_and_two_frames_that_break_the_rules() {
    let server = Server::start(&[]);
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "binary");
    assert_eq!(client.frame(), Some((BINARY, (0..16).collect())));
    show(&mut client, "bad_frame");
    assert_eq!(client.frame().map(|(first, _)| first), Some(0xc1), "RSV1 is set");
    show(&mut client, "bad_utf8");
    let (first, payload) = client.frame().expect("a frame");
    assert_eq!(first, TEXT);
    assert!(String::from_utf8(payload).is_err());
    // A client that takes all this stays.
    client.send(&frame(TEXT, b"still here"));
    assert_eq!(wait_for(&mut client, "message")["text"], "still here");
}

#[test]
fn a_close_with_a_chosen_code_if_it_may_be_sent() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    for code in [1000, 1007, 1013, 3000, 4321, 4500, 4999] {
        let mut client = RawClient::join(&server, "Ana");
        let ask = json!({ "type": "show", "what": "close", "code": code }).to_string();
        client.send(&frame(TEXT, ask.as_bytes()));
        let payload = client.wait_for(CLOSE);
        assert_eq!(payload[..2], u16::to_be_bytes(code));
        client.send(&frame(CLOSE, &payload[..2]));
        assert_eq!(client.frame(), None);
        assert_eq!(witness.wait_for("left")["code"], code);
        let line = server.wait_for_log(&format!("closed by the server: {code} ("));
        assert!(line.contains("answered by the client"), "{line}");
    }
    let mut client = RawClient::join(&server, "Ana");
    for code in ["999", "1005", "1006", "1014", "1015", "2999", "5000", "70000", "-1", "\"1000\"", "null"] {
        let ask = format!(r#"{{"type":"show","what":"close","code":{code}}}"#);
        client.send(&frame(TEXT, ask.as_bytes()));
        assert_eq!(wait_for(&mut client, "error")["code"], "bad_message");
    }
}

#[test]
fn tcp_ends_without_a_close_frame() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "drop");
    assert_eq!(client.frame(), None, "the end of TCP, in order");
    assert_eq!(witness.wait_for("left")["code"], 1006);
    drop(client);
    server.wait_for_log("without a close frame (1006), as the client asked");
}

#[test]
fn while_the_server_does_not_read_nothing_is_lost() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "pause");
    for number in 0..5 {
        client.send(&frame(TEXT, format!("waits {number}").as_bytes()));
    }
    // The other members go on, and their messages reach the client that the server does not read from.
    witness.say("meanwhile");
    assert_eq!(witness.message().1, "meanwhile");
    assert_eq!(wait_for(&mut client, "message")["text"], "meanwhile");
    for number in 0..5 {
        assert_eq!(witness.message(), ("Ana".to_owned(), format!("waits {number}")));
    }
}

#[test]
fn a_pause_does_not_stop_the_server_from_ending() {
    let mut server = Server::start(&[]);
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "pause");
    assert!(server.stop().success());
}

#[test]
fn three_messages_come_without_a_request_and_to_no_other_client() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    // The server does not wait for a client that has gone.
    let mut gone = RawClient::join(&server, "Gone");
    show(&mut gone, "push");
    drop(gone);
    show(&mut client, "push");
    let pushed: Vec<Value> = (0..3).map(|_| wait_for(&mut client, "shown")["text"].clone()).collect();
    assert_eq!(json!(pushed), json!(["1 of 3", "2 of 3", "3 of 3"]));
    client.send(&frame(TEXT, b"and now"));
    loop {
        let event = witness.event();
        assert_ne!(event["type"], "shown");
        if event["type"] == "message" {
            break;
        }
    }
}

#[test]
fn a_close_frame_is_answered_late_if_the_client_asked_for_that() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "slow_close");
    client.send(&frame(CLOSE, b"\x0f\xa1"));
    witness.say("meanwhile");
    // Until the server answers, it goes on sending.
    assert_eq!(wait_for(&mut client, "message")["text"], "meanwhile");
    assert_eq!(client.wait_for_end().0, 4001);
    drop(client);
    let line = server.wait_for_log("closed by the client: 4001 (");
    assert!(line.contains("answered by the server"), "{line}");
}

#[test]
fn who_asked_for_a_late_answer_and_does_not_wait_for_it_is_let_go() {
    let mut server = Server::start(&[]);
    let mut waits = RawClient::join(&server, "Luis");
    show(&mut waits, "slow_close");
    waits.send(&frame(CLOSE, b""));
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    show(&mut client, "slow_close");
    client.send(&frame(CLOSE, b""));
    drop(client);
    // Ana came later.
    assert_eq!(witness.wait_for("left")["name"], "Ana");
    assert!(server.stop().success());
}

/// Begins a handshake that is answered late.
fn ask_slowly(server: &Server, name: &str) -> TcpStream {
    let mut socket = server.connect();
    let head = handshake(&format!("/ws?name={name}&slow=handshake"));
    socket.write_all(head.as_bytes()).expect("the server takes bytes");
    socket
}

#[test]
fn a_handshake_is_answered_late_if_its_address_asks_for_that() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut slow = ask_slowly(&server, "Ana");
    Client::join(&server, "Luis");
    assert_eq!(read_answer(&mut slow, false).status, 101);
    let mut joined = || witness.wait_for("joined")["name"].clone();
    // Luis came later, but the others do not wait.
    assert_eq!([joined(), joined()], ["Luis", "Ana"]);
    // An address that cannot become a WebSocket is answered at once.
    assert_eq!(ask(&server, request("GET", "/ws?slow=handshake", "")).status, 426);
}

#[test]
fn who_leaves_before_a_late_handshake_is_let_go_and_only_so_many_may_wait() {
    let mut server = Server::start(&[]);
    let waits = ask_slowly(&server, "Luis");
    let prefix = |socket: &TcpStream| server.log_prefix(socket.local_addr().expect("an address").port());
    let waits_prefix = prefix(&waits);
    let leaves = ask_slowly(&server, "Ana");
    let leaves_prefix = prefix(&leaves);
    drop(leaves);
    server.wait_for_log(&format!("{leaves_prefix} GET \"/ws\" answered 400"));
    let log = server.log();
    assert!(!log.iter().any(|line| line.contains(&waits_prefix) && line.contains("answered")), "{log:#?}");

    let server_is_full = || {
        let others: Vec<TcpStream> = (0..64).map(|_| ask_slowly(&server, "Other")).collect();
        let full = read_answer(&mut ask_slowly(&server, "Other"), false).status == 503;
        (others, full)
    };
    // Some of the others may not have begun to wait yet; on a busy machine the first may no longer do.
    let attempts: Vec<_> =
        std::iter::repeat_with(server_is_full).take(10).take_while(|(_, full)| !full).collect();
    assert!(attempts.len() < 10, "it was never full");
    assert!(server.stop().success());
}

#[test]
fn an_unknown_demonstration_is_refused_and_each_request_counts_for_the_rate() {
    let server = Server::start(&["--rate", "1"]);
    let mut client = RawClient::join(&server, "Ana");
    for wrong in [r#"{"type":"show"}"#, r#"{"type":"show","what":"all"}"#] {
        client.send(&frame(TEXT, wrong.as_bytes()));
        assert_eq!(wait_for(&mut client, "error")["code"], "bad_message");
    }
    for _ in 0..20 {
        // The server may have had enough.
        let _ = client.try_send(&frame(TEXT, br#"{"type":"show","what":"ping"}"#));
    }
    assert_eq!(client.wait_for_end().0, 1008);
    let mut echo = RawClient::open(&server, "/echo");
    let ask = br#"{"type":"show","what":"ping"}"#;
    echo.send(&frame(TEXT, ask));
    assert_eq!(echo.frame(), Some((TEXT, ask.to_vec())), "an echo is an echo");
}
