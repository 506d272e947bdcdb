//! Step 1, the opening handshake: how HTTP becomes a WebSocket, in every valid spelling, and the answer when it does not.

use crate::common::raw::{
    ACCEPT, Answer, CLOSE, GOOD, KEY, RawClient, TEXT, ask, frame, handshake, handshake_with,
};
use crate::common::{Client, Server};

#[track_caller]
fn assert_switched(answer: &Answer, why: &str) {
    assert_eq!(answer.status, 101, "{why}: {answer:?}");
    let is = |name: &str, value: &str| {
        let header = answer.header(name);
        header.is_some_and(|header| header.eq_ignore_ascii_case(value))
    };
    assert!(is("upgrade", "websocket"), "{why}: {answer:?}");
    assert!(is("connection", "upgrade"), "{why}: {answer:?}");
    assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT), "{why}");
}

#[test]
fn the_example_of_the_rfc_gives_its_accept_value_at_every_address() {
    let server = Server::start(&[]);
    #[rustfmt::skip]
    let doors = ["/", "/ws", "/echo", "/ws?name=Ana", "http://localhost/ws", "ws://localhost/ws"];
    for door in doors {
        assert_switched(&ask(&server, handshake(door)), door);
    }
    let line = server.wait_for_log("conn 1: handshake");
    assert!(line.contains(ACCEPT) && line.contains(KEY), "{line}");
}

#[test]
fn every_right_spelling_of_the_headers_is_understood() {
    const SPACED_KEY: &str = "sec-websocket-KEY:  dGhlIHNhbXBsZSBub25jZQ==  ";
    let server = Server::start(&[]);
    for (replaced, lines) in [
        ("Connection", &["Connection: keep-alive, Upgrade"][..]),
        ("Connection", &["connection:upgrade"]),
        ("Connection", &["CONNECTION: ,, UPGRADE ,"]),
        ("Connection", &["Connection: a", "Connection: Upgrade"]),
        ("Upgrade", &["Upgrade: WebSocket"]),
        ("Upgrade", &["upgrade:\twebsocket \t"]),
        ("Upgrade", &["Upgrade: foo, websocket"]),
        ("Upgrade", &["Upgrade: foo", "Upgrade: websocket"]),
        ("Sec-WebSocket-Key", &[SPACED_KEY]),
        ("Sec-WebSocket-Version", &["sec-websocket-version:13 "]),
    ] {
        let answer = ask(&server, handshake_with(replaced, lines));
        assert_switched(&answer, &format!("{lines:?}"));
    }
}

#[test]
fn each_refused_handshake_says_what_was_missing_to_the_client_and_in_the_log() {
    let server = Server::start(&[]);
    #[rustfmt::skip]
    let refusals = [
        ("Connection", &[][..], 400, "Connection: Upgrade"),
        ("Connection", &["Connection: keep-alive"], 400, "Connection: Upgrade"),
        ("Connection", &["Connection: upgraded"], 400, "Connection: Upgrade"),
        ("Upgrade", &[], 426, "Upgrade: websocket"),
        ("Upgrade", &["Upgrade: websockets"], 426, "Upgrade: websocket"),
        ("Sec-WebSocket-Key", &[], 400, "a Sec-WebSocket-Key"),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key:"], 400, "16 bytes"),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"], 400, "16 bytes"),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBsb25n"], 400, "16 bytes"),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key: ¡hola!"], 400, "16 bytes"),
        ("Sec-WebSocket-Key", &[GOOD[2], GOOD[2]], 400, "one Sec-WebSocket-Key"),
        ("Sec-WebSocket-Version", &[], 400, "Sec-WebSocket-Version: 13"),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 8"], 426, "version 13"),
        ("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 130"], 426, "version 13"),
        ("Sec-WebSocket-Version", &[GOOD[3], "Sec-WebSocket-Version: 8"], 426, "version 13"),
    ];
    for (replaced, lines, status, words) in refusals {
        let answer = ask(&server, handshake_with(replaced, lines));
        let sentence = answer.sentence();
        assert_eq!(answer.status, status, "{lines:?}: {sentence}");
        assert!(sentence.contains(words), "{lines:?}: {sentence}");
        if replaced == "Sec-WebSocket-Version" {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
        let line = server.wait_for_log(&sentence);
        let answered = format!("answered {status}");
        assert!(line.contains("conn ") && line.contains(&answered), "{line}");
    }
}

#[test]
fn only_get_of_http_1_1_can_upgrade() {
    let server = Server::start(&[]);
    for (method, version, path, status) in [
        ("POST", "HTTP/1.1", "/ws", 405),
        ("HEAD", "HTTP/1.1", "/ws", 426),
        ("GET", "HTTP/1.0", "/ws", 426),
        ("GET", "HTTP/1.0", "/echo", 426),
        ("GET", "HTTP/1.0", "/", 200),
        ("GET", "HTTP/1.1", "/health", 200),
    ] {
        let head = handshake(path).replacen("GET", method, 1);
        let answer = ask(&server, head.replacen("HTTP/1.1", version, 1));
        assert_eq!(answer.status, status, "{method} {path} {version}");
    }
}

#[test]
fn frames_right_behind_the_head_are_answered() {
    let server = Server::start(&[]);
    let frames = [frame(TEXT, b"hola"), frame(CLOSE, b"\x03\xe8")].concat();
    let packet = [handshake("/ws?name=Ana").as_bytes(), &frames].concat();
    let mut ana = RawClient::open_with(&server, &packet);
    let mut event = || String::from_utf8(ana.wait_for(TEXT)).expect("text");
    assert!(event().contains(r#""type":"welcome""#));
    assert!(event().contains(r#""from":"Ana","text":"hola""#));
    assert_eq!(ana.wait_for_end(), (1000, String::new()));
}

#[test]
fn the_server_does_not_agree_to_unknown_subprotocols_and_extensions() {
    let server = Server::start(&[]);
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
                  Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
    let head = handshake("/ws").replacen("\r\n\r\n", &format!("\r\n{offers}"), 1);
    let answer = ask(&server, head);
    assert_switched(&answer, "offers");
    assert_eq!(answer.header("sec-websocket-extensions"), None);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
}

#[test]
fn a_name_in_the_address_may_have_any_letters() {
    let server = Server::start(&[]);
    for (query, name) in [
        ("name=Ana", "Ana"),
        ("name=Mar%C3%ADa+Jos%c3%a9", "María José"),
        ("x=1&name=%E5%BC%A0%E4%BC%9F&y", "张伟"),
        ("name=%F0%9F%A6%80", "🦀"),
        ("name=Ana%20%E2%9D%A4%EF%B8%8F", "Ana ❤\u{fe0f}"),
        ("name=%D8%B9%D9%84%DB%8C%E2%80%8C%D8%B1%D8%B6%D8%A7", "علی\u{200c}رضا"),
        ("name=%E2%80%8BAna%EF%BB%BF", "Ana"),
        ("name=a%26b%3D%25", "a&b=%"),
    ] {
        let mut client = Client::open(&server, &format!("/ws?{query}"));
        assert_eq!(client.wait_for("welcome")["you"], name, "{query}");
    }
}

#[test]
fn an_invalid_or_taken_name_makes_a_guest_and_the_welcome_says_why() {
    let server = Server::start(&[]);
    let _ana = Client::join(&server, "Ana");
    for (query, code) in [
        ("name=ANA", "name_taken"),
        ("name=", "bad_name"),
        ("name=%E2%80%AEana", "bad_name"),
        ("name=ana%00", "bad_name"),
    ] {
        let mut client = Client::open(&server, &format!("/ws?{query}"));
        let welcome = client.wait_for("welcome");
        let name = welcome["you"].as_str().expect("a name");
        assert!(name.starts_with("guest-"), "{query}: {name}");
        assert_eq!(client.wait_for("error")["code"], code, "{query}");
    }
}
