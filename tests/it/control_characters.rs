//! Control characters that a terminal may obey never go out as they came: they are escaped in every JSON and in the log.

use crate::common::Server;
use crate::common::raw::{CLOSE, RawClient, TEXT, ask, frame, request};
#[cfg(feature = "inspector")]
use crate::common::wire::{TEACHER, Watcher};

/// Clears the screen of a terminal that obeys C1; then DEL, a line end of C1, and Unicode's line and paragraph separators.
const CONTROLS: &str = "\u{9b}2J\u{7f}\u{85}\u{2028}\u{2029}";
const ESCAPED: &str = r"\u009b2J\u007f\u0085\u2028\u2029";

#[track_caller]
fn assert_harmless(text: &str) {
    let is_obeyed = |one: char| one.is_control() || matches!(one, '\u{2028}' | '\u{2029}');
    assert!(!text.chars().any(is_obeyed), "{text:?}");
}

#[test]
fn control_characters_are_escaped_in_all_that_clients_get_and_in_the_log() {
    let flags: &[&str] = if cfg!(feature = "inspector") {
        &["--log", "trace", "--teacher-key", "teacher-of-tests"]
    } else {
        &["--log", "trace"]
    };
    let server = Server::start(flags);
    #[cfg(feature = "inspector")]
    let mut teacher = Watcher::open(&server, TEACHER);
    let mut ana = RawClient::open(&server, "/ws?name=Ana");
    let mut luis = RawClient::open(&server, "/ws?name=Luis");
    let plain = format!("¿qué? {CONTROLS} and more than so few");
    let text = |text: &str| serde_json::to_string(text).expect("a text is JSON");
    for sent in [
        plain.clone(),
        format!(r#"{{"type":"message","text":{},"ref":{}}}"#, text(&plain), text(CONTROLS)),
        format!(r#"{{"type":"message","text":{},"ref":{}}}"#, text(&plain), text(CONTROLS)),
        format!(r#"{{"type":"heartbeat","ref":{}}}"#, text(CONTROLS)),
        format!(r#"{{"type":"members","ref":{}}}"#, text(CONTROLS)),
        format!(r#"{{"type":"{CONTROLS}","ref":{}}}"#, text(CONTROLS)),
        format!(r#"{{"type":"name","name":{},"ref":{}}}"#, text(CONTROLS), text(CONTROLS)),
        format!("{{{CONTROLS}"),
    ] {
        luis.send(&frame(TEXT, sent.as_bytes()));
    }
    let reason = [&1000_u16.to_be_bytes(), CONTROLS.as_bytes()].concat();
    luis.send(&frame(CLOSE, &reason));
    luis.wait_for_end();
    let mut heard = String::new();
    while !heard.contains(r#""type":"left""#) {
        heard += &String::from_utf8(ana.wait_for(TEXT)).expect("UTF-8");
    }
    assert_harmless(&heard);
    assert_eq!(heard.matches(ESCAPED).count(), 3, "two messages and the reason: {heard}");

    let mut eva = RawClient::open(&server, "/ws?name=Eva");
    for sent in [format!(r#"{{"type":"heartbeat","ref":{}}}"#, text(CONTROLS)), "mark".to_owned()] {
        eva.send(&frame(TEXT, sent.as_bytes()));
    }
    let mut heard = String::new();
    while !heard.contains("mark") {
        heard += &String::from_utf8(eva.wait_for(TEXT)).expect("UTF-8");
    }
    assert_harmless(&heard);
    assert_eq!(heard.matches(ESCAPED).count(), 4, "the past, and the answer: {heard}");

    // Where HTTP goes wrong.
    for head in [
        request("GET", "/%C2%9B2J", ""),
        format!("GET /{CONTROLS} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {CONTROLS}\r\n\r\n"),
        format!("{CONTROLS} / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        crate::common::raw::handshake("/ws")
            .replace("\r\n\r\n", &format!("\r\nOrigin: http://{CONTROLS}\r\n\r\n")),
        crate::common::raw::handshake("/ws")
            .replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Protocol: {CONTROLS}\r\n\r\n")),
    ] {
        assert_harmless(&ask(&server, head).text().replace(['\r', '\n'], ""));
    }
    #[cfg(feature = "inspector")]
    {
        for _ in 0..4 {
            teacher.wait_for("refused");
        }
        assert_harmless(&String::from_utf8(teacher.raw.clone()).expect("UTF-8"));
        let _ = TEACHER;
    }
    server.wait_for_log("1000 (normal closure)");
    for line in server.log() {
        assert_harmless(&line);
    }
}
