//! Chapter 4, the opening handshake, and what section 11.3 says of its headers.

use super::Subject;
use crate::common::raw::{ACCEPT, KEY, ask, handshake, handshake_with};

/// 4.2.1: "If the server, while reading the handshake, finds that the client did not send a handshake that matches the
/// description below [...], the server MUST stop processing the client's handshake and return an HTTP response with an
/// appropriate error code." 1: "An HTTP/1.1 or higher GET request [...]"
#[test]
fn a_handshake_that_is_no_get_of_http_1_1_is_refused() {
    let mut subject = Subject::start(&[]);
    let good = handshake("/ws");
    for (wrong, status) in [("POST /ws", 405), ("PUT /ws", 405), ("HEAD /ws", 426)] {
        subject.refuses(wrong, good.replacen("GET /ws", wrong, 1), status);
    }
    for (version, status) in [("HTTP/1.0", 426), ("HTTP/0.9", 400), ("HTTP/2.0", 400), ("", 400)] {
        subject.refuses(version, good.replacen("HTTP/1.1", version, 1), status);
    }
    for target in ["", "ws", "*", "ftp://localhost/ws", "/ws /ws"] {
        subject.refuses(target, good.replacen("/ws", target, 1), 400);
    }
    for line in ["No-Colon", ": no name", "Na me: x", "Two: a\r\n b"] {
        let head = good.replacen("Host", &format!("{line}\r\nHost"), 1);
        subject.refuses(line, head, 400);
    }
}

/// 4.2.1, 2: "A |Host| header field containing the server's authority."
#[test]
fn a_handshake_without_one_host_of_ours_is_refused() {
    const HOST: &str = "Host: localhost\r\n";
    let mut subject = Subject::start(&[]);
    for (lines, status) in [
        ("", 400),
        ("Host:\r\n", 400),
        ("Host: local host\r\n", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: other.example\r\n", 403),
    ] {
        subject.refuses(lines, handshake("/ws").replacen(HOST, lines, 1), status);
    }
}

/// 4.2.1, 3: "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive value."
#[test]
fn a_handshake_that_does_not_ask_for_websocket_is_refused() {
    let mut subject = Subject::start(&[]);
    for line in ["Upgrade:", "Upgrade: web socket", "Upgrade: websocket2", "Upgrade: websocket\u{a0}"] {
        subject.refuses(line, handshake_with("Upgrade", &[line]), 426);
    }
    subject.refuses("no Upgrade", handshake_with("Upgrade", &[]), 426);
    for line in ["Upgrade: WebSocket", "UPGRADE: WEBSOCKET", "Upgrade: foo,websocket"] {
        assert_eq!(ask(&subject.server, handshake_with("Upgrade", &[line])).status, 101, "{line}");
    }
}

/// 4.2.1, 4: "A |Connection| header field that includes the token "Upgrade", treated as an ASCII case-insensitive value."
#[test]
fn a_handshake_without_connection_upgrade_is_refused() {
    let mut subject = Subject::start(&[]);
    for line in ["Connection:", "Connection: close", "Connection: up grade", "Connection: Upgrades"] {
        subject.refuses(line, handshake_with("Connection", &[line]), 400);
    }
    subject.refuses("no Connection", handshake_with("Connection", &[]), 400);
    for line in ["Connection: upgrade", "connection: keep-alive,UPGRADE"] {
        assert_eq!(ask(&subject.server, handshake_with("Connection", &[line])).status, 101, "{line}");
    }
}

/// 4.2.1, 5: "A |Sec-WebSocket-Key| header field with a base64-encoded [...] value that, when decoded, is 16 bytes in
/// length." 11.3.1: it "MUST NOT appear more than once in an HTTP request".
#[test]
fn a_handshake_whose_one_key_is_not_16_bytes_in_base64_is_refused() {
    let mut subject = Subject::start(&[]);
    for key in [
        "",
        "AAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAA AAAAAAAAAA==",
        "AAAAAAAAAA-_AAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAA==\u{a0}",
        "=AAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        let line = format!("Sec-WebSocket-Key: {key}");
        subject.refuses(&line, handshake_with("Sec-WebSocket-Key", &[&line]), 400);
    }
    subject.refuses("no key", handshake_with("Sec-WebSocket-Key", &[]), 400);
    let line = format!("Sec-WebSocket-Key: {KEY}");
    subject.refuses("two keys", handshake_with("Sec-WebSocket-Key", &[&line, &line]), 400);
}

/// 4.2.2, /version/: "If this version does not match a version understood by the server, the server MUST abort the
/// WebSocket handshake [...] and instead send an appropriate HTTP error code (such as 426 Upgrade Required) and a
/// |Sec-WebSocket-Version| header field indicating the version(s) the server is capable of understanding." So does 4.4.
/// 11.3.5: it "MUST NOT appear more than once in an HTTP request".
#[test]
fn a_handshake_of_another_version_is_refused_and_told_the_right_one() {
    let mut subject = Subject::start(&[]);
    let right = "Sec-WebSocket-Version: 13";
    for lines in [
        &["Sec-WebSocket-Version: 0"][..],
        &["Sec-WebSocket-Version: 7, 8, 13"],
        &["Sec-WebSocket-Version: 12"],
        &["Sec-WebSocket-Version: 14"],
        &["Sec-WebSocket-Version: 25"],
        &["Sec-WebSocket-Version: 013"],
        &["Sec-WebSocket-Version: 13\u{a0}"],
        &["Sec-WebSocket-Version:"],
        &[right, right],
        &["Sec-WebSocket-Version: 8", right],
    ] {
        let head = handshake_with("Sec-WebSocket-Version", lines);
        let answer = subject.refuses(&format!("{lines:?}"), head, 426);
        assert_eq!(answer.header("sec-websocket-version"), Some("13"), "{lines:?}");
    }
    let answer = subject.refuses("none", handshake_with("Sec-WebSocket-Version", &[]), 400);
    assert_eq!(answer.header("sec-websocket-version"), Some("13"));
}

/// 4.2.1: "[...] including but not limited to any violations of the ABNF grammar specified for the components of the
/// handshake". 4.3: "Sec-WebSocket-Protocol-Client = 1#token". 4.1, 10: its elements "MUST all be unique strings".
#[test]
fn a_list_of_subprotocols_that_breaks_the_grammar_is_refused() {
    let mut subject = Subject::start(&[]);
    let offered = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("Sec-WebSocket-Protocol: {line}\r\n")).collect();
        handshake("/ws").replacen("Host", &format!("{lines}Host"), 1)
    };
    for lines in
        [&[""][..], &[","], &["a b"], &["a;b"], &["a/b"], &["chat, \"x\""], &["ñ"], &["a, a"], &["a", "b, a"]]
    {
        subject.refuses(&format!("{lines:?}"), offered(lines), 400);
    }
    for lines in [&["chat, superchat"][..], &["chat", "superchat"], &[" a ,, A\t,v2.chat.example.com"]] {
        assert_eq!(ask(&subject.server, offered(lines)).status, 101, "{lines:?}");
    }
}

/// 4.2.1: "note that as per [RFC2616], the order of the header fields is not important". 10: "Unknown header fields are
/// ignored, as per [RFC2616]."
#[test]
fn neither_the_order_of_the_headers_nor_unknown_ones_matter() {
    let subject = Subject::start(&[]);
    let head = handshake("/ws");
    let (request, lines) = head.split_once("\r\n").expect("lines");
    let mut lines: Vec<&str> = lines.split_terminator("\r\n").filter(|line| !line.is_empty()).collect();
    lines.push("X-Unknown: websocket, 8");
    for _ in 0..lines.len() {
        lines.rotate_left(1);
        let head = format!("{request}\r\n{}\r\n\r\n", lines.join("\r\n"));
        assert_eq!(ask(&subject.server, &head).status, 101, "{head}");
    }
}

/// 4.2.2, /origin/: "If the server does not wish to accept this connection, it MUST return an appropriate HTTP error code
/// (e.g., 403 Forbidden) and abort the WebSocket handshake described in this section." 10.2 says the same.
#[test]
fn an_origin_that_is_not_welcome_is_refused() {
    let mut subject = Subject::start(&[]);
    let from = |lines: &str| handshake("/ws").replacen("Host", &format!("{lines}Host"), 1);
    for lines in [
        "Origin: http://other.example\r\n",
        "Origin: null\r\n",
        "Origin:\r\n",
        "Origin: http://localhost\r\nOrigin: http://localhost\r\n",
    ] {
        subject.refuses(lines, from(lines), 403);
    }
    for lines in ["", "Origin: http://localhost\r\n", "origin: HTTP://LOCALHOST\r\n"] {
        assert_eq!(ask(&subject.server, from(lines)).status, 101, "{lines}");
    }
}

/// 4.2.2, /resource name/: "If the requested service is not available, the server MUST send an appropriate HTTP error
/// code (such as 404 Not Found) and abort the WebSocket handshake."
#[test]
fn a_service_that_is_not_there_is_refused() {
    let mut subject = Subject::start(&[]);
    for path in ["/nothing", "/ws/", "/WS", "/echo/echo", "/..", "/%77s"] {
        subject.refuses(path, handshake(path), 404);
    }
    // Where there is something, but no WebSocket, it is HTTP that is answered.
    assert_eq!(ask(&subject.server, handshake("/health")).status, 200);
}

/// 4.2.2, /subprotocol/: "if the server does not wish to agree to one of the suggested subprotocols, it MUST NOT send back
/// a |Sec-WebSocket-Protocol| header field in its response".
#[test]
fn no_subprotocol_is_agreed_to() {
    let subject = Subject::start(&[]);
    let head = handshake("/ws").replacen("Host", "Sec-WebSocket-Protocol: chat\r\nHost", 1);
    let answer = ask(&subject.server, head);
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, None));
}

/// 4.2.2, 5: "If the server chooses to accept the incoming connection, it MUST reply with a valid HTTP response indicating
/// the following. 1. A Status-Line with a 101 response code [...] 2. An |Upgrade| header field with value "websocket" [...]
/// 3. A |Connection| header field with value "Upgrade". 4. A |Sec-WebSocket-Accept| header field." 11.3.3: it "MUST NOT
/// appear more than once in an HTTP response".
#[test]
fn the_answer_is_101_with_the_accept_value_of_the_key() {
    let subject = Subject::start(&[]);
    for (key, accept) in [
        (KEY, ACCEPT),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
    ] {
        let answer = ask(&subject.server, handshake("/ws").replacen(KEY, key, 1));
        let mut lines = answer.head.split("\r\n");
        assert!(lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 101 ")), "{answer:?}");
        for (name, value) in
            [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept)]
        {
            let lines = answer.head.lines().filter(|line| line.to_ascii_lowercase().starts_with(name));
            assert_eq!((lines.count(), answer.header(name)), (1, Some(value)), "{key}: {answer:?}");
        }
        assert!(answer.head.ends_with("\r\n\r\n"), "{answer:?}");
    }
}
