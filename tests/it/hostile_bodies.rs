//! Hostile bodies: with a wrong length, in chunks, late, cut off, with a smuggled request. Each gets the right answer and one line
//! in the log. No other client notices, and no resources leak.

use crate::common::Server;
use crate::common::raw::{CLOSE, frame, handshake, request};
use crate::http_attack::{Attack, attack};

/// Longest body in bytes.
const MAX_BODY: usize = 65536;

/// A request that an attacker smuggles in as part of a body.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn server(arguments: &[&str]) -> Server {
    Server::start(&[&["--rate", "0", "--history", "0", "--log", "info"], arguments].concat())
}

fn post(headers: &str, body: &str) -> String {
    request("POST", "/echo", headers) + body
}

fn health() -> String {
    request("GET", "/health", "")
}

#[test]
#[rustfmt::skip]
fn a_content_length_is_one_number_or_the_connection_ends() {
    let mut attacks = Vec::new();
    for value in [
        "", "+4", "-4", "-0", "4,4", "4, 4", "4 4", "4;", "0x4", "4.0", "4e0", "4_0", "four", "٤",
        "４", "4\u{a0}", "\"4\"", ",4", "4,", "NaN",
    ] {
        let sent = post(&format!("Content-Length: {value}\r\n"), SMUGGLED);
        attacks.push(Attack::refused(sent, 400, "Content-Length must be one number"));
    }
    for second in ["4", "5", "", "x"] {
        let headers = format!("Content-Length: 4\r\ncontent-length: {second}\r\n");
        let sent = post(&headers, SMUGGLED);
        attacks.push(Attack::refused(sent, 400, "Content-Length must be one number"));
    }
    for value in [
        "65537", "4294967300", "18446744073709551615", "18446744073709551616", "18446744073709551620",
        &"9".repeat(5000),
    ] {
        let sent = post(&format!("Content-Length: {value}\r\n"), SMUGGLED);
        attacks.push(Attack::refused(sent, 413, "65536 bytes"));
    }
    // These only look odd: they are that number, and after this many bytes comes the next request.
    for value in ["4", "04", "4 ", "\t4\t", &format!("{}4", "0".repeat(100))] {
        let sent = post(&format!("Content-Length:{value}\r\n"), "psst") + &health();
        attacks.push(Attack::answered(sent, &[200, 200]));
    }
    attack(server(&[]), attacks);
}

#[test]
#[rustfmt::skip]
fn a_transfer_encoding_in_any_spelling_ends_the_connection() {
    let mut attacks = Vec::new();
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    for value in [
        "chunked", "Chunked", "\tchunked ", "identity", "chunked, identity", "gzip, chunked", "xchunked",
        "\"chunked\"", "chunked;q=1", "", ",",
    ] {
        let header = format!("Transfer-Encoding: {value}\r\n");
        let length = "Content-Length: 4\r\n";
        for headers in [&header, &format!("{header}{length}"), &format!("{length}{header}")] {
            attacks.push(Attack::refused(post(headers, &chunked), 411, "send a Content-Length"));
        }
    }
    let twice = "Transfer-Encoding: identity\r\ntransfer-encoding: chunked\r\n";
    let old = post(twice, &chunked).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let get = request("GET", "/health", twice) + &chunked;
    let upgrade =
        handshake("/echo").replacen("\r\n\r\n", &format!("\r\n{twice}\r\n"), 1) + &chunked;
    for sent in [post(twice, &chunked), old, get, upgrade] {
        attacks.push(Attack::refused(sent, 411, "send a Content-Length"));
    }
    for (broken, words) in [
        ("Transfer-Encoding : chunked\r\n", "a header name"),
        ("Transfer-Encoding\t: chunked\r\n", "a header name"),
        ("Transfer-Encoding\0: chunked\r\n", "a header name"),
        ("X: a\r\n Transfer-Encoding: chunked\r\n", "a header name"),
        ("Transfer-Encoding: chunked\x0b\r\n", "a header value"),
        ("X: a\rTransfer-Encoding: chunked\r\n", "a header value"),
        ("X: a\n\rTransfer-Encoding: chunked\r\n", "CR LF"),
    ] {
        attacks.push(Attack::refused(post(broken, &chunked), 400, words));
    }
    // That is another header.
    let other = "Transfer_Encoding: chunked\r\nContent-Length: 4\r\n";
    attacks.push(Attack::answered(post(other, "psst"), &[200]));
    attack(server(&[]), attacks);
}

#[test]
fn what_stands_in_a_body_is_never_a_request() {
    let length = format!("Content-Length: {}\r\n", SMUGGLED.len());
    let with_body = |method: &str, path: &str| request(method, path, &length) + SMUGGLED;
    let upgrade = handshake("/echo").replacen("\r\n\r\n", &format!("\r\n{length}\r\n"), 1);
    let bye = String::from_utf8_lossy(&frame(CLOSE, b"")).into_owned();
    let mut attacks = Vec::new();
    for (method, path, status) in [
        ("GET", "/health", 200),
        ("POST", "/echo", 200),
        ("POST", "/", 405),
        ("DELETE", "/health", 405),
        ("GET", "/nothing", 404),
        ("GET", "/ws", 426),
        ("OPTIONS", "/echo", 405),
    ] {
        let sent = with_body(method, path);
        attacks.push(Attack::answered(format!("{sent}{}", health()), &[status, 200]));
        // And as often as they like.
        let statuses = [status].repeat(20);
        attacks.push(Attack::answered(sent.repeat(20), &statuses));
        let cut = &sent[..sent.len() - 1];
        attacks.push(Attack::refused(cut, 400, "in the middle of the request's body"));
    }
    attacks.push(Attack::answered(format!("{upgrade}{SMUGGLED}"), &[101]));
    attacks.push(Attack::answered(format!("{}{upgrade}{SMUGGLED}", health()), &[200, 101]));
    attacks.push(Attack::refused(format!("{upgrade}{bye}"), 400, "in the middle"));
    // Where there is no length there is no body.
    attacks.push(Attack::answered(post("", SMUGGLED), &[200, 404]));
    // Bytes after the end of the connection are not parsed.
    let closing = request("GET", "/health", "Connection: close\r\n");
    attacks.push(Attack::answered(format!("{closing}{SMUGGLED}"), &[200]));
    let old = health().replace("HTTP/1.1", "HTTP/1.0");
    attacks.push(Attack::answered(format!("{old}{SMUGGLED}"), &[200]));
    let foreign = health().replace("localhost", "evil.example");
    attacks.push(Attack::answered(format!("{foreign}{SMUGGLED}"), &[403]));
    let refused = handshake("/ws").replace("Version: 13", "Version: 8");
    attacks.push(Attack::answered(format!("{refused}{SMUGGLED}"), &[426]));
    attack(server(&[]), attacks);
}

#[test]
fn bodies_come_whole_and_in_time_or_are_refused() {
    let expect = |length: usize| post(&format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"), "");
    let body = |length: usize| post(&format!("Content-Length: {length}\r\n"), &"x".repeat(length));
    let late = |sent: &str, words: &str| Attack::refused(sent, 408, words).hanging();
    let waiting = vec![
        late(&post("Content-Length: 5\r\n", "psst"), "body did not arrive in time"),
        late(&post("Content-Length: 65536\r\n", ""), "body did not arrive in time"),
        Attack::answered(expect(5), &[100, 408]).saying("body did not arrive in time").hanging(),
    ];
    attack(server(&["--handshake-timeout", "1"]), waiting);
    let whole_or_not = vec![
        Attack::answered(body(MAX_BODY), &[200]),
        Attack::refused(body(MAX_BODY + 1), 413, "65536 bytes"),
        Attack::answered(post("Content-Length: 4\r\n", "psst"), &[200]).byte_by_byte(),
        Attack::answered(expect(5), &[100, 400]).saying("in the middle"),
        Attack::refused(expect(MAX_BODY + 1), 413, "65536 bytes"),
        Attack::refused(expect(5).replace("100-continue", "psst"), 400, "in the middle"),
    ];
    attack(server(&[]), whole_or_not);
}
