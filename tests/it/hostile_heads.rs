//! Hostile heads: whatever comes in place of a request or a handshake gets the right answer and one line in the log. No other
//! client notices, and no resources leak.

use crate::common::Server;
use crate::common::bystander::NEVER_HEARD;
use crate::common::raw::{KEY, PING, frame, handshake, request};
use crate::http_attack::{Attack, attack};

/// Longest head in bytes, and most lines in it.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

const NO_REQUEST: &str = "its first line is not like GET /path HTTP/1.1";
const NO_VERSION: &str = "its version is neither HTTP/1.1 nor HTTP/1.0";
const NO_HEADER_NAME: &str = "a header name is missing or holds a character that it may not";
const NO_HEADER_VALUE: &str = "a header value holds a character that it may not";
const NO_LINE_END: &str = "a line does not end in CR LF";

/// A server that takes what comes as fast as it comes.
fn server(arguments: &[&str]) -> Server {
    Server::start(&[&["--rate", "0", "--history", "0", "--log", "info"], arguments].concat())
}

/// `GET /health` with this in place of `from`.
fn spoiled(from: &str, to: &str) -> String {
    request("GET", "/health", "").replacen(from, to, 1)
}

/// A handshake with this line in place of the one that begins so.
fn handshake_with(begin: &str, line: &str) -> Vec<u8> {
    let head = handshake("/echo");
    let lines = head.split_inclusive("\r\n");
    let lines = lines.map(|old| if old.starts_with(begin) { line } else { old });
    lines.collect::<String>().into_bytes()
}

#[test]
#[rustfmt::skip]
fn malformed_request_lines_are_answered_400() {
    let mut attacks = Vec::new();
    for method in ["", " GET", "GET\t", "\tGET", "GET/", "(GET)", "G\0T", "\u{feff}GET", "GET:"] {
        attacks.push(Attack::refused(spoiled("GET", method), 400, NO_REQUEST));
    }
    for version in [
        "", "HTTP/0.9", "HTTP/1.2", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/11", "HTTP/01.1", "http/1.1", "HTTPS/1.1",
        "HTTP /1.1", "HTTP/1,1", "x HTTP/1.1", "ICY",
    ] {
        attacks.push(Attack::refused(spoiled("HTTP/1.1", version), 400, NO_VERSION));
    }
    for version in ["HTTP/1.1 ", "HTTP/1.1\t", "HTTP/1.10", "HTTP/1.1\0", "HTTP/1.1\r", "HTTP/1.1;"]
    {
        attacks.push(Attack::refused(spoiled("HTTP/1.1", version), 400, NO_LINE_END));
    }
    // HTTP/0.9 had nothing but this.
    attacks.push(Attack::refused("GET /\r\n\r\n", 400, NO_REQUEST));
    attacks.push(Attack::refused("GET /\n", 400, NO_REQUEST));
    attacks.push(Attack::refused("GET / HTTP/1.1", 400, "in the middle of the request's head"));
    attack(server(&[]), attacks);
}

#[test]
fn unknown_methods_are_answered_405() {
    let long = "A".repeat(MAX_HEAD - 100);
    let methods = ["get", "Get", "BREW", "M-SEARCH", "TRACE", "CONNECT", "PRI", "DELETE", "!#$%&'*+"];
    let attack_with = |method: &str| Attack::refused(request(method, "/ws", ""), 405, "takes GET, HEAD only");
    attack(server(&[]), methods.into_iter().chain([&*long]).map(attack_with).collect());
}

#[test]
fn other_protocols_get_an_answer_that_names_http() {
    let tls = |rest: &[u8]| Attack::refused([b"\x16\x03", rest].concat(), 400, "looks like TLS");
    let other = |sent: &[u8], words: &str| Attack::refused(sent, 400, words);
    attack(
        server(&[]),
        vec![
            tls(b"\x01\x02\0\x01\0\x01\xfc\x03\x03psst"),
            tls(b"\x03\0\xff\x01\0\0\xfb"),
            tls(&[b'x'; 20_000]),
            other(b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10", NO_REQUEST), // SSL 2
            other(b"\x15\x03\x01\0\x02\x02\x28", NO_REQUEST),         // a TLS alert
            other(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", NO_VERSION),
            other(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\n\r\n", NO_VERSION),
            other(b"\r\n\r\n\0\r\nQUIT\n", NO_REQUEST), // PROXY, second version
            other(b"SSH-2.0-OpenSSH_9.0\r\n", NO_REQUEST),
            other(b"EHLO psst\r\n", NO_REQUEST),
            other(b"*1\r\n$4\r\nPING\r\n", NO_REQUEST), // Redis
            other(b"\x05\x01\0", NO_REQUEST),           // SOCKS
            other(b"\x03\0\0\x13\x0e\xe0", NO_REQUEST), // a remote desktop
            other(&[0; 20_000], NO_REQUEST),
            other(&[0xff; 20_000], NO_REQUEST),
            other(b"\x81\x84\x37\xfa\x21\x3d\x5f\x95\x4d\x5c", NO_REQUEST), // a frame before the handshake
            Attack::answered(
                request("GET", "/", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
                &[200],
            ),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn malformed_header_lines_are_answered_400() {
    let mut attacks = Vec::new();
    for line in [
        ": psst", "psst", "Psst : x", "Psst\t: x", "Ps st: x", "Ps\0st: x", "Psst\x7f: x", "(psst): x", "@: psst",
        "=: psst", " Psst: folded", "\tPsst: folded", "X: a\r\n psst", "X: a\r\n\tpsst", "X:\r\n psst", "Pßt: x",
        "\u{a0}Psst: x", "\"Psst\": x", "\x1b[31mPsst: x", "Host: localhost\r\n .evil.example",
    ] {
        let head = request("GET", "/health", &format!("{line}\r\n"));
        attacks.push(Attack::refused(head, 400, NO_HEADER_NAME));
    }
    for value in ["\0", "\x01", "\x08", "\x0b", "\x0c", "\x1b[2J", "\x7f", "a\rPsst: b", "a\r\rb"] {
        let head = request("GET", "/health", &format!("X: psst {value} psst\r\n"));
        attacks.push(Attack::refused(head, 400, NO_HEADER_VALUE));
    }
    // The first line cannot be a folded one either: it would belong to the request line.
    attacks.push(Attack::refused(spoiled("Host", " Host"), 400, NO_HEADER_NAME));
    attack(server(&[]), attacks);
}

#[test]
fn line_ends_are_cr_lf_or_lf_and_never_cr() {
    let head = request("GET", "/health", "Connection: close\r\n");
    let with = |line_end: &str| head.replace("\r\n", line_end);
    let refused = |sent: String, words: &str| Attack::refused(sent, 400, words);
    let blank = "\r\n".repeat(20);
    attack(
        server(&[]),
        vec![
            // RFC 9112, 2.2: a lone LF may be taken for a line's end, and empty lines before a request be ignored.
            Attack::answered(with("\n"), &[200]),
            Attack::answered(head.replacen("\r\n", "\n", 1), &[200]),
            Attack::answered(blank + &head, &[200]),
            Attack::answered(format!("\n\n\r\n{head}"), &[200]),
            Attack::answered("\r\n\r\n", &[]),
            refused(with("\r"), NO_LINE_END),
            refused(with("\r\r\n"), NO_LINE_END),
            refused(with("\n\r"), NO_LINE_END),
            refused(format!("\r{head}"), NO_LINE_END),
            refused(format!(" \r\n{head}"), NO_REQUEST),
            refused(with("\u{2028}"), NO_LINE_END),
            refused(with("\0\n"), NO_LINE_END),
            Attack::refused("\r\n".repeat(MAX_HEAD), 431, "16384 bytes"),
            Attack::refused("\n".repeat(MAX_HEAD), 431, "16384 bytes"),
        ],
    );
}

#[test]
fn header_values_may_hold_any_byte_beyond_ascii_but_mean_nothing_by_it() {
    // RFC 9110, 5.5: they are opaque. Another server on this host may have set such a cookie.
    let with = |line: &[u8]| {
        let (begin, end) = (&b"GET /echo HTTP/1.1\r\n"[..], handshake("/echo"));
        [begin, line, b"\r\n", end.split_once("\r\n").expect("lines").1.as_bytes()].concat()
    };
    let refused = |begin: &str, line: &[u8], status, words: &str| {
        let head = handshake("/echo");
        let (before, rest) = head.split_once(begin).expect("this line");
        let (_, behind) = rest.split_once("\r\n").expect("it ends");
        let head = [before.as_bytes(), line, b"\r\n", behind.as_bytes()].concat();
        Attack::refused(head, status, words)
    };
    attack(
        server(&[]),
        vec![
            Attack::answered(with(b"Cookie: caf\xe9=\xff\xfe"), &[101]),
            Attack::answered(with(b"X: \xc3\xb1 \xed\xa0\x80 \xf4\x90\x80\x80"), &[101]),
            refused("Host", b"Host: local\xe4host", 400, "Host header is not a name"),
            refused("Host", b"Host: localhost\xa0", 400, "Host header is not a name"),
            refused("Upgrade", b"Upgrade: websocket\xa0", 426, "Upgrade: websocket"),
            refused("Upgrade", "Upgrade: \u{a0}websocket".as_bytes(), 426, "Upgrade: websocket"),
            refused("Connection", "Connection: \u{3000}Upgrade".as_bytes(), 400, "Connection: Upgrade"),
            refused("Sec-WebSocket-V", "Sec-WebSocket-Version: \u{2003}13".as_bytes(), 426, "13"),
            refused("Sec-WebSocket-V", "Sec-WebSocket-Version: １３".as_bytes(), 426, "13"),
            refused("Sec-WebSocket-K", format!("Sec-WebSocket-Key: {KEY}\u{a0}").as_bytes(), 400, "16"),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn a_handshake_needs_each_of_its_headers_once_and_right() {
    let mut attacks = Vec::new();
    let mut add = |begin: &str, values: &[&str], status: u16, words: &str| {
        for value in values {
            let head = handshake_with(begin, &format!("{begin}: {value}\r\n"));
            attacks.push(match status {
                101 => Attack::answered(head, &[101]),
                _ => Attack::refused(head, status, words),
            });
        }
    };
    let long = "A".repeat(3000);
    let doubled = format!("{KEY}, {KEY}");
    let spaced = KEY.replacen('h', "h ", 1);
    let quoted = format!("\"{KEY}\"");
    #[rustfmt::skip]
    let keys = [
        "", "=", "psst", KEY.trim_end_matches('='), &KEY.replace("==", "= ="), &KEY.replace("Q==", "R=="), &doubled, &spaced, &quoted,
        "-_-_IHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZSBsb25n", "//////////////////////==", "¡hola!", &long,
    ];
    add("Sec-WebSocket-Key", &keys, 400, "The Sec-WebSocket-Key must be 16 bytes in base64");
    add("Sec-WebSocket-Key", &["AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w=="], 101, "");
    #[rustfmt::skip]
    let versions = ["", "0", "-1", "+13", "013", "13.0", "13;", "13 13", "13, 13", "13, 8", "8, 13", "255", "256", "0x0d", "thirteen", &long];
    add("Sec-WebSocket-Version", &versions, 426, "version 13 of the WebSocket protocol only");
    let connections =
        ["", "Up grade", "Upgrade;q=1", "\"Upgrade\"", "Upgrade keep-alive", "upgraded"];
    add("Connection", &connections, 400, "Connection: Upgrade");
    add(
        "Connection",
        &["UPGRADE,close", "close , upgrade", ",,,Upgrade,,", "a,b,Upgrade"],
        101,
        "",
    );
    #[rustfmt::skip]
    let upgrades = ["", "ws", "web socket", "websocket/13", "websocket;", "\"websocket\"", "websockets", "xwebsocket", "h2c"];
    add("Upgrade", &upgrades, 426, "ask for it with Upgrade: websocket");
    add("Upgrade", &["WEBSOCKET", "h2c, WebSocket", "websocket,h2c", ",websocket,"], 101, "");
    // Two lines of a header that may come once, and two lines that are one list.
    for (line, status, words) in [
        (format!("Sec-WebSocket-Key: {KEY}\r\n"), 400, "one Sec-WebSocket-Key, not more"),
        ("Sec-WebSocket-Version: 13\r\n".to_owned(), 426, "version 13"),
        ("Host: localhost\r\n".to_owned(), 400, "one Host header, not more"),
        ("HOST: localhost\r\n".to_owned(), 400, "one Host header, not more"),
    ] {
        let head = handshake("/echo").replacen("\r\n\r\n", &format!("\r\n{line}\r\n"), 1);
        attacks.push(Attack::refused(head, status, words));
    }
    let twice = "\r\nUpgrade: websocket\r\nConnection: close\r\nConnection: upgrade\r\n\r\n";
    attacks.push(Attack::answered(handshake("/echo").replacen("\r\n\r\n", twice, 1), &[101]));
    for (from, to, status) in [("GET", "POST", 405), ("GET", "get", 405), ("1.1", "1.0", 426)] {
        attacks.push(Attack::refused(handshake("/ws").replacen(from, to, 1), status, "."));
    }
    attack(server(&[]), attacks);
}

#[test]
fn heads_end_at_their_bounds() {
    let long = |length: usize, head: &dyn Fn(&str) -> String| {
        let bare = head("").len();
        head(&"x".repeat(length - bare))
    };
    let header = |padding: &str| request("GET", "/health", &format!("X: {padding}\r\n"));
    let name = |padding: &str| request("GET", "/health", &format!("X{padding}: x\r\n"));
    let query = |padding: &str| request("GET", &format!("/health?{padding}"), "");
    let upgrade = |padding: &str| handshake(&format!("/echo?{padding}"));
    let method = |padding: &str| request(&format!("GET{padding}"), "/health", "");
    let mut attacks = Vec::new();
    for length in [MAX_HEAD - 1, MAX_HEAD] {
        attacks.extend([header, name, query].map(|head| Attack::answered(long(length, &head), &[200])));
        attacks.push(Attack::answered(long(length, &upgrade), &[101]));
        attacks.push(Attack::refused(long(length, &method), 405, "GET, HEAD"));
    }
    let surplus = |head: String| [head.as_bytes(), &[b'x'; 200_000]].concat();
    for head in [header, name, query, upgrade, method] as [fn(&str) -> String; 5] {
        attacks.push(Attack::refused(long(MAX_HEAD + 1, &head), 431, "16384 bytes"));
        attacks.push(Attack::refused(surplus(long(MAX_HEAD + 1, &head)), 431, "16384 bytes"));
    }
    // Endless in every part of it.
    for begin in ["G", "GET /", "GET / HTTP/1.1\r\nX", "GET / HTTP/1.1\r\nX: "] {
        attacks.push(Attack::refused(surplus(begin.to_owned()), 431, "16384 bytes"));
    }
    for lines in [MAX_HEADERS, 1000, 30_000] {
        let head = request("GET", "/health", &"A:\r\n".repeat(lines));
        attacks.push(Attack::refused(head, 431, "64 lines"));
    }
    attack(server(&[]), attacks);
}

#[test]
fn heads_that_never_end_are_answered_408_and_empty_lines_ask_nothing() {
    let whole = handshake("/echo");
    let late = |sent: &str| Attack::refused(sent, 408, "did not arrive in time").hanging();
    // What the log says of a connection on which nothing came: `log`.
    let mut attacks: Vec<Attack> =
        ["G", "GET", "GET /", "GET / HTTP/1.1\r\n", "\r\n", "\r\n\r\n\r\n"].map(late).into();
    attacks.push(late(&whole[..whole.len() - 1]));
    attacks.push(late(&whole[..whole.len() - 2]));
    // An empty line after a whole request is not a request, so no answer comes.
    let health = request("GET", "/health", "");
    for rest in ["", "\r\n", "\n", "\r\n\r\n"] {
        attacks.push(Attack::answered(format!("{health}{rest}"), &[200]).hanging());
        attacks.push(Attack::answered(format!("{health}{rest}"), &[200]));
    }
    attacks.push(Attack::answered(format!("{health}G"), &[200, 408]).saying("in time").hanging());
    attacks.push(Attack::answered(format!("{health}G"), &[200, 400]).saying("in the middle"));
    attack(server(&["--handshake-timeout", "1"]), attacks);
}

#[test]
fn heads_in_single_bytes_are_answered_like_any_other() {
    let whole = handshake("/echo");
    let health = request("GET", "/health", "");
    let mut attacks = Vec::new();
    let with_frame = [whole.as_bytes(), &frame(PING, NEVER_HEARD.as_bytes())].concat();
    attacks.push(Attack::answered(with_frame, &[101]).byte_by_byte());
    for (sent, status) in [
        (whole.as_str(), 101),
        (&whole.replace("Key: dG", "Key: "), 400),
        (&whole.replace("13", "12"), 426),
        ("\x16\x03\x01", 400),
        (&health.replace("localhost", "evil.example"), 403),
        (&request("GET", "/health", "X : psst\r\n"), 400),
    ] {
        attacks.push(Attack::answered(sent, &[status]).byte_by_byte());
    }
    attack(server(&[]), attacks);
}
