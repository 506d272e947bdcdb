//! Step 3: every way in which a connection ends gets its code, and TCP ends without a reset.

use std::io::Read;
use std::net::Shutdown;

use crate::common::raw::{BINARY, CLOSE, RawClient, TEXT, frame};
use crate::common::{Client, Server};

#[test]
fn the_clients_close_is_answered_with_its_own_code_and_tcp_ends() {
    let server = Server::start(&[]);
    for payload in [&b"\x03\xe8bye"[..], b"\x03\xe9", b"\x0f\xa0", b"\x10\x00private", b""] {
        let mut client = RawClient::open(&server, "/ws");
        client.send(&frame(CLOSE, payload));
        assert_eq!(client.wait_for(CLOSE), payload);
        assert_eq!(client.frame(), None, "TCP ends with a FIN");
    }
}

#[test]
fn a_client_that_ends_its_direction_right_behind_its_close_still_gets_everything() {
    let server = Server::start(&[]);
    let mut client = RawClient::open(&server, "/echo");
    client.send(&frame(TEXT, &[b'x'; 60_000]));
    client.send(&frame(CLOSE, b"\x03\xe8"));
    client.socket.shutdown(Shutdown::Write).expect("our direction can be ended");
    assert_eq!(client.wait_for(TEXT).len(), 60_000);
    assert_eq!(client.wait_for_end().0, 1000);
}

#[test]
fn each_fault_of_a_client_gets_its_own_code() {
    let server = Server::start(&["--max-message", "1000"]);
    let mut ana = Client::join(&server, "Ana");
    for (bytes, code, why) in [
        (frame(0xc1, b"hola"), 1002, "a reserved bit"),
        (b"\x81\x04hola".to_vec(), 1002, "not masked"),
        (frame(BINARY, b"hola"), 1003, "binary in the chat"),
        (frame(TEXT, b"\xff\xfe"), 1007, "not UTF-8"),
        (frame(TEXT, &[b'x'; 1001]), 1009, "over --max-message"),
    ] {
        let mut client = RawClient::open(&server, "/ws?name=Luis");
        // In one packet: a good message, the fault, and rubbish after it.
        let mut sent = frame(TEXT, why.as_bytes());
        sent.extend(&bytes);
        sent.extend([0xaa; 5000]);
        client.send(&sent);
        assert_eq!(client.wait_for_end().0, code, "{why}");
        assert_eq!(ana.message(), ("Luis".to_owned(), why.to_owned()));
        let left = ana.wait_for("left");
        assert_eq!((left["name"].as_str(), left["code"].as_u64()), (Some("Luis"), Some(code.into())));
    }
    ana.say("nobody else notices");
    assert_eq!(ana.message().1, "nobody else notices");
}

#[test]
fn a_message_right_before_the_close_arrives_before_the_leaving() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = RawClient::open(&server, "/ws?name=Luis");
    ana.wait_for("joined");
    let mut bytes = frame(TEXT, b"last words");
    bytes.extend(frame(CLOSE, b"\x03\xe8"));
    luis.send(&bytes);
    assert_eq!(ana.event()["text"], "last words");
    assert_eq!(ana.event()["type"], "left");
}

#[test]
fn on_sigterm_queued_messages_are_delivered_and_every_client_gets_1001() {
    let mut server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut ana = Client::join(&server, "Ana");
    let mut raw = RawClient::join(&server, "Luis");
    let echo = RawClient::open(&server, "/echo");
    for number in 0..1000 {
        ana.say(&format!("{number}"));
    }
    // The last one is with the server, whatever is still on its way to the clients.
    while ana.message().1 != "999" {}
    server.signal("TERM");
    let mut heard = 0;
    let (code, reason) = loop {
        match raw.frame().expect("a close frame comes first") {
            (CLOSE, payload) => {
                break (u16::from_be_bytes([payload[0], payload[1]]), payload[2..].to_vec());
            }
            (TEXT, payload) => heard += usize::from(payload.starts_with(br#"{"type":"message""#)),
            other => panic!("not expected: {other:?}"),
        }
    };
    assert_eq!((heard, code), (1000, 1001));
    assert_eq!(reason, b"shutting_down: the server is shutting down");
    assert_eq!(ana.wait_for_close().0, 1001);
    raw.send(&frame(CLOSE, b"\x03\xe9"));
    assert_eq!(raw.frame(), None);
    ana.read_to_end();
    // This one never answers, and is waited for no longer than the deadline.
    let mut silent = echo;
    assert_eq!(silent.wait_for(CLOSE)[..2], [0x03, 0xe9]);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&[]);
    let _silent = RawClient::open(&server, "/ws");
    server.signal("INT");
    server.wait_for_log("a second signal stops at once");
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(130));
}

#[test]
fn no_client_is_accepted_while_the_server_is_stopping() {
    let server = Server::start(&[]);
    let _silent = RawClient::open(&server, "/ws");
    server.signal("TERM");
    server.wait_for_log("closing begun by the server: 1001");
    let refused = std::net::TcpStream::connect(("127.0.0.1", server.port()));
    // Where the last accepted connection was ours, it ends without an answer.
    if let Ok(mut socket) = refused {
        assert_eq!(socket.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}

#[test]
fn a_client_that_never_answers_our_close_is_cut_off() {
    let server = Server::start(&["--max-message", "10"]);
    let mut silent = RawClient::open(&server, "/ws");
    silent.send(&frame(TEXT, b"more than ten bytes"));
    assert_eq!(silent.wait_for_end().0, 1009);
    // It keeps its direction open; the server ends it, and its thread.
    server.wait_for_log("the client did not end TCP in time, so the server did");
}
