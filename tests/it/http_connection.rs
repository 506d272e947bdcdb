//! The connection of plain HTTP: packets of any size, slow clients and early closes do not change an answer.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::common::raw::{
    CLOSE, TEXT, ask_on, assert_not_reset, frame, handshake, lasting_head, read_answer, read_to_end, request,
};
use crate::common::{Client, PATIENCE, Server};

fn get(path: &str) -> String {
    request("GET", path, "")
}

fn post(headers: &str) -> String {
    request("POST", "/echo", headers)
}

#[test]
fn an_incomplete_request_is_answered_408() {
    let server = Server::start(&["--handshake-timeout", "1"]);
    let body = post("Content-Length: 5\r\n") + "hola";
    let head = handshake("/ws");
    let beginnings = ["", "G", &head[..head.len() - 1], &body];
    let sockets = beginnings.map(|begin| {
        let mut socket = server.connect();
        socket.write_all(begin.as_bytes()).expect("it is taken");
        socket
    });
    for (mut socket, begin) in sockets.into_iter().zip(beginnings) {
        let answer = read_answer(&mut socket, false);
        assert_eq!(answer.status, 408, "{begin:?}");
        assert!(answer.sentence().contains("in time"));
        assert!(read_to_end(&mut socket).is_empty());
    }
}

#[test]
fn a_head_that_drips_in_for_ever_is_answered_408() {
    let server = Server::start(&["--handshake-timeout", "1"]);
    let mut socket = server.connect();
    let drip = Some(Duration::from_millis(50));
    socket.set_read_timeout(drip).expect("it can be set");
    let begin = request("GET", "/", "X: ");
    let deadline = Instant::now() + PATIENCE;
    let mut first = [0];
    let mut next = begin.trim_end().as_bytes();
    loop {
        socket.write_all(next).expect("the server takes a drop");
        next = b"x";
        match socket.read(&mut first) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "the server waits for ever");
    }
    socket.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    assert!(read_to_end(&mut socket).starts_with(b"TTP/1.1 408 "));
}

#[test]
fn an_idle_connection_ends_without_a_response() {
    let server = Server::start(&["--handshake-timeout", "1"]);
    let mut socket = server.connect();
    assert_eq!(ask_on(&mut socket, get("/health")).status, 200);
    assert_eq!(read_to_end(&mut socket), b"", "nobody asked for this");
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let server = Server::start(&[]);
    let mut socket = server.connect();
    let echo = |body: &str| post(&format!("Content-Length: {}\r\n", body.len())) + body;
    for body in ["one", "two"] {
        assert_eq!(ask_on(&mut socket, echo(body)).text(), body);
    }
    // Also when they come in one packet, errors among them.
    let packet = [echo("three"), get("/nothing"), echo("four"), get("/ws")].concat();
    assert_eq!(ask_on(&mut socket, packet).text(), "three");
    assert_eq!(read_answer(&mut socket, false).status, 404);
    assert_eq!(read_answer(&mut socket, false).text(), "four");
    assert_eq!(read_answer(&mut socket, false).status, 426);
    // And then it may still become a WebSocket.
    assert_eq!(ask_on(&mut socket, handshake("/echo")).status, 101);
}

#[test]
fn after_connection_close_the_server_ends_the_connection() {
    let server = Server::start(&[]);
    for request in [
        &request("GET", "/", "Connection: close\r\n"),
        &request("GET", "/", "Connection: keep-alive, Close\r\n"),
        "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut socket = server.connect();
        let answer = ask_on(&mut socket, request);
        assert_eq!(answer.status, 200, "{request}");
        assert_eq!(answer.header("connection"), Some("close"), "{request}");
        assert!(read_to_end(&mut socket).is_empty());
    }
}

#[test]
fn a_request_cut_anywhere_into_packets_is_answered_like_any_other() {
    let server = Server::start(&[]);
    let mut other = server.connect();
    let mut answer_to = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut socket = server.connect();
        socket.set_nodelay(true).expect("it can be set");
        for piece in pieces {
            socket.write_all(piece).expect("the server takes a piece");
            // While another request is answered, the server has the time to read this piece alone.
            ask_on(&mut other, request("HEAD", "/health", ""));
        }
        lasting_head(&String::from_utf8_lossy(&read_to_end(&mut socket)))
    };
    let page = request("GET", "/", "Connection: close\r\n");
    let echo = post("Connection: close\r\nContent-Length: 4\r\n") + "hola";
    let frames = [frame(TEXT, b"hola"), frame(CLOSE, b"\x03\xe8bye")].concat();
    let upgrade = [handshake("/echo").as_bytes(), &frames].concat();
    for bytes in [page.as_bytes(), echo.as_bytes(), &upgrade] {
        let whole = answer_to(&mut [bytes].into_iter());
        assert!(answer_to(&mut bytes.chunks(1)) == whole, "single bytes");
        for cut in 1..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let answer = answer_to(&mut [first, second].into_iter());
            assert!(answer == whole, "cut at byte {cut}: {answer}");
        }
    }
}

#[test]
fn an_answer_is_read_whole_though_more_was_sent_than_the_server_wanted() {
    let server = Server::start(&["--max-clients", "1"]);
    let _only = Client::join(&server, "Ana");
    let surplus = vec![b'x'; 200_000];
    for (head, status) in [
        (post("Content-Length: 200000\r\n"), 413),
        (post("Transfer-Encoding: chunked\r\n"), 411),
        ("GET / HTTP/1.1\r\nX: ".to_owned(), 431),
        ("no request\r\n\r\n".to_owned(), 400),
        (request("GET", "/", "Host: localhost\r\n"), 400),
        (handshake("/ws").replace("localhost", "evil.example"), 403),
        (handshake("/ws").replace("Key: dGhl", "Key: "), 400),
        (handshake("/ws"), 503),
    ] {
        let mut socket = server.connect();
        let answer = ask_on(&mut socket, [head.as_bytes(), &surplus].concat());
        assert_eq!(answer.status, status, "{head}");
        assert!(!answer.sentence().is_empty());
        assert!(read_to_end(&mut socket).is_empty(), "{head}");
        assert_not_reset(&server, &socket);
    }
}
