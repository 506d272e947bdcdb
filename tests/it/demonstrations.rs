//! "Make it happen": what the server does on a client's own connection on request.

use crate::common::raw::{BINARY, CLOSE, PING, RawClient, TEXT, frame};
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
