//! The log shows the life of a connection in words that a student understands, and never the text of a message.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::common::raw::{ACCEPT, CLOSE, KEY, RawClient, TEXT, ask, frame, handshake, request};
use crate::common::{Client, Server};

/// The lines of one connection, without the part before `conn`.
fn story(server: &Server, prefix: &str) -> Vec<String> {
    let lines = server.log().into_iter().filter(|line| line.contains(prefix));
    lines.map(|line| line[line.find("conn ").expect("a prefix")..].to_owned()).collect()
}

#[test]
fn one_connection_can_be_followed_through_its_three_steps() {
    let server = Server::start(&["--log", "info"]);
    let mut luis = RawClient::open(&server, "/ws?name=Luis");
    luis.send(&frame(TEXT, b"my secret"));
    luis.send(&frame(CLOSE, b"\x03\xe8bye"));
    assert_eq!(luis.wait_for_end().0, 1000);
    drop(luis);
    server.wait_for_log("closed by the client");
    let story = story(&server, "conn 1:");
    let expected = [
        "conn 1: TCP connection from 127.0.0.1:",
        &format!(
            "conn 1: handshake: GET \"/ws\", Sec-WebSocket-Key {KEY} becomes Sec-WebSocket-Accept {ACCEPT}"
        ),
        "conn 1: joined the chat as \"Luis\", 1 here now",
        "conn 1: closing begun by the client: 1000 (normal closure), reason \"bye\"",
        "conn 1: closed by the client: 1000 (normal closure), reason \"bye\", answered by the server; open for",
    ];
    assert_eq!(story.len(), expected.len(), "{story:#?}");
    for (line, begin) in story.iter().zip(expected) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert!(story[4].contains("messages: 1 from client (26 bytes), 2 to client ("), "{}", story[4]);
    assert!(!server.log().iter().any(|line| line.contains("secret")), "what people write is not in the log");
}

#[test]
fn a_connection_without_a_word_is_one_line_at_debug() {
    for level in ["info", "debug"] {
        let server = Server::start(&["--log", level, "--handshake-timeout", "1"]);
        // A probe of a load balancer, and a browser that connects in advance.
        drop(server.connect());
        let mut waits = server.connect();
        waits.read_to_end(&mut Vec::new()).expect("an answer, then the end");
        ask(&server, request("GET", "/health", ""));
        server.wait_for_log("conn 3: GET \"/health\" answered 200");
        for (conn, words) in
            [("conn 1:", "ended without a word"), ("conn 2:", "without a word, answered 408")]
        {
            let story = story(&server, conn);
            assert_eq!(story.len(), usize::from(level == "debug"), "{story:#?}");
            assert!(
                story.iter().all(|line| line.contains("TCP connection from") && line.contains(words)),
                "{story:#?}"
            );
        }
        assert!(story(&server, "conn 3:")[0].starts_with("conn 3: TCP connection from 127.0.0.1:"));
    }
}

#[test]
fn the_log_says_why_a_browser_gives_up_a_connection_with_a_subprotocol() {
    let server = Server::start(&["--log", "info"]);
    let head = handshake("/echo").replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: mqtt, chat\r\n\r\n");
    assert_eq!(ask(&server, head).status, 101);
    let line = server.wait_for_log("offers subprotocols");
    assert!(line.contains("conn 1: the client offers subprotocols (mqtt, chat)"), "{line}");
    assert!(line.contains("none is spoken here") && line.contains("1006"), "{line}");
    // Without one nothing is said.
    assert_eq!(ask(&server, handshake("/echo")).status, 101);
    server.wait_for_log("conn 2: handshake");
    assert!(!server.log().iter().any(|line| line.contains("conn 2: the client offers")));
}

#[test]
#[cfg(feature = "inspector")]
fn at_debug_each_frame_and_at_trace_its_bytes() {
    for level in ["debug", "trace"] {
        let server = Server::start(&["--log", level]);
        let mut luis = RawClient::open(&server, "/echo");
        luis.send(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(luis.wait_for(TEXT), b"Hello");
        server.wait_for_log("conn 1: from client: text frame, FIN, masked, 5 bytes");
        server.wait_for_log("conn 1: to client: text frame, FIN, 5 bytes");
        if level == "trace" {
            let first = "1 000 0001  FIN, RSV 000, opcode 1: text";
            server.wait_for_log(&format!("conn 1: |  81                       {first}"));
            for line in [
                "85                       1 0000101   MASK, length 5",
                "37 fa 21 3d              masking key",
                "7f 9f 4d 51 58           payload as it came",
                "48 65 6c 6c 6f           unmasked",
                "                         \"Hello\"",
                "05                       0 0000101   not MASK, length 5",
                "48 65 6c 6c 6f           payload",
            ] {
                server.wait_for_log(&format!("conn 1: |  {line}"));
            }
        }
        assert!(!server.log().iter().any(|line| line.contains("tungstenite")));
    }
}

#[test]
fn a_stranger_cannot_forge_a_log_line() {
    let server = Server::start(&["--log", "info"]);
    let mut evil = RawClient::open(&server, "/ws?name=x%0AINFO%20conn%209:%20forged");
    evil.send(&frame(CLOSE, b"\x03\xe8\nINFO conn 9: forged"));
    evil.wait_for_end();
    let target = "GET /%0a\u{1b}[31m HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ask(&server, target);
    server.wait_for_log("closed by the client");
    for line in server.log() {
        let begin = line.find("] ").map(|end| &line[end + 2..]).expect("every line has its origin");
        assert!(!begin.starts_with("conn 9"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn a_frozen_terminal_does_not_stop_the_chat() {
    // The pipe is full after 64 KiB.
    let server = Server::start_with_frozen_log(&["--rate", "0", "--log", "trace"]);
    let mut ana = Client::join(&server, "Ana");
    for number in 0..2000 {
        ana.say(&format!("{number} and some more words to fill the log"));
        ana.message();
    }
}

#[test]
#[ignore = "needs script(1): run by make test"]
fn on_a_terminal_a_line_is_the_time_of_day_and_the_sentence() {
    for (variables, begin) in [("TERM=xterm", "\u{1b}[33m"), ("TERM=xterm NO_COLOR=1", ""), ("TERM=dumb", "")]
    {
        // A port that browsers do not open is warned of.
        let Some(port) = ["6000", "6667", "6566", "10080"]
            .into_iter()
            .find(|port| std::net::TcpListener::bind(format!("127.0.0.1:{port}")).is_ok())
        else {
            panic!("all of these ports are in use");
        };
        let command = format!(
            "{variables} exec {} --port {port} --log info",
            env!("CARGO_BIN_EXE_websocket-classroom")
        );
        let mut script = Command::new("script");
        script.env("SHELL", "/bin/sh").env("TZ", "UTC-2").env_remove("NO_COLOR");
        script.args(["--quiet", "--flush", "--command", &command, "/dev/null"]);
        let mut script =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script is installed");
        let mut output = BufReader::new(script.stdout.take().expect("it is piped"));
        let mut seen = String::new();
        while !seen.contains("listening on") || !seen.ends_with('\n') {
            assert!(output.read_line(&mut seen).expect("text") > 0, "{seen}");
        }
        // Ctrl-C
        script.stdin.as_mut().expect("it is piped").write_all(b"\x03").expect("it is there");
        output.read_to_string(&mut seen).expect("text");
        script.wait().expect("it ends");
        let line =
            |words: &str| seen.lines().find(|line| line.contains(words)).expect(words).trim_end().to_owned();
        let warning = line("browsers refuse");
        let (before, rest) = warning.split_at(begin.len());
        assert!(
            before == begin && rest[8..].starts_with(" warning: browsers refuse to open port"),
            "{warning:?}"
        );
        assert_eq!(warning.ends_with("\u{1b}[0m"), !begin.is_empty(), "{warning:?}");
        let plain = line("listening on");
        let (clock, sentence) = plain.split_at(8);
        assert!(clock.split(':').all(|part| part.len() == 2 && part.parse::<u8>().is_ok()), "{plain:?}");
        assert!(sentence.starts_with(" listening on 127.0.0.1:"), "{plain:?}");
    }
}
