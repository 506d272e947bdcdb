//! Requests that come in any pieces: what is taken, what is refused, and how much of the stream that takes.
//!
//! The first byte says where a first packet ends, the rest is what a client sends before it ends TCP.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::time::Duration;

use websocket_classroom::chat::JoinRequest;
use websocket_classroom::deadline::Deadline;
use websocket_classroom::http::{
    HostNames, MAX_HEAD, MAX_HEADERS, NoRequest, Request, Response, head_in, parse, read,
};
use websocket_classroom::transport::Transport;
use websocket_classroom::websocket::Handshake;

/// Longest body in bytes.
const MAX_BODY: usize = 1000;

/// Prefixes of one stream that are parsed: each costs as much as its length.
const PREFIXES: usize = 64;

/// Longer than the reading of what is there already can take.
const PATIENCE: Duration = Duration::from_secs(20);

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

static HOST_NAMES: LazyLock<HostNames> = LazyLock::new(|| HostNames::new(&[], &[]));

/// What became of a stream of requests.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Of each request its head and its body.
    taken: Vec<(Vec<u8>, Vec<u8>)>,
    /// The status with which it ended, unless the client ended it.
    refused: Option<u16>,
}

pub fn head(input: &[u8]) {
    let Some((first, stream)) = input.split_first() else { return };
    let whole = verdict(stream);
    let step = stream.len().div_ceil(PREFIXES).max(1);
    for length in (0..stream.len()).step_by(step) {
        // What is plain from a part stays so.
        if let Some(early) = verdict(&stream[..length]) {
            assert_eq!(Some(early), whole, "after {length} bytes");
        }
    }
    // No more than a head may have is ever read ahead.
    let first_packet = (usize::from(*first) * stream.len() / 256).min(MAX_HEAD);
    let in_two = outcome(stream, first_packet);
    assert_eq!(in_two, outcome(stream, 0), "with a first packet of {first_packet} bytes");
}

/// The status with which these bytes are refused, or the head's length; `None` if more must come.
fn verdict(bytes: &[u8]) -> Option<Result<usize, u16>> {
    match parse(bytes) {
        Ok(None) => None,
        Ok(Some((length, ..))) => Some(Ok(length)),
        Err(response) => Some(Err(response.status)),
    }
}

/// Reads requests to the end of the stream, of which `first_packet` bytes came behind a request before.
fn outcome(stream: &[u8], first_packet: usize) -> Outcome {
    // A pair of sockets without ports; reading does not tell them from TCP's.
    let (client, server) = UnixStream::pair().expect("a pair of sockets");
    let [mut client, server] = [client, server].map(|end| TcpStream::from(OwnedFd::from(end)));
    let (mut unread, rest) = (stream[..first_packet].to_vec(), &stream[first_packet..]);
    client.write_all(rest).expect("it fits into the system's buffer");
    client.shutdown(Shutdown::Write).expect("this direction can be ended");

    let server = Transport::new(server).expect("a socket");
    let mut outcome = Outcome { taken: Vec::new(), refused: None };
    loop {
        let is_first = outcome.taken.is_empty();
        let deadline = Deadline::after(PATIENCE);
        match read(&server, &mut unread, deadline, is_first, MAX_BODY) {
            Ok(request) => {
                check_request(&request);
                outcome.taken.push((request.head, request.body));
            }
            Err(NoRequest::Over(how)) => {
                assert_eq!(how, "the client ended TCP");
                // Empty lines ask for nothing (RFC 9112, 2.2).
                assert!(unread.iter().all(|byte| b"\r\n".contains(byte)), "{unread:?} is lost");
                let taken = outcome.taken.iter().flat_map(|(head, body)| [&head[..], body].concat());
                let taken: Vec<u8> = taken.chain(unread.iter().copied()).collect();
                assert_eq!(taken, stream, "requests are taken without a gap");
                break;
            }
            Err(NoRequest::Refused(response)) => {
                assert!(matches!(response.status, 400 | 411 | 413 | 431), "{response:?}");
                check_response(&response);
                let head = head_in(&unread);
                assert!(head.len() <= MAX_HEAD && unread.starts_with(head));
                outcome.refused = Some(response.status);
                break;
            }
        }
    }
    server.tcp().shutdown(Shutdown::Write).expect("this direction can be ended, too");
    let mut interim = Vec::new();
    client.read_to_end(&mut interim).expect("what was sent can be read");
    assert!(interim.chunks(CONTINUE.len()).all(|one| one == CONTINUE), "{interim:?}");
    assert!(interim.len() <= (outcome.taken.len() + 1) * CONTINUE.len(), "one for a request");
    outcome
}

/// Holds for every request that is let through, whatever is asked for.
fn check_request(request: &Request) {
    assert!(request.head.len() <= MAX_HEAD && request.body.len() <= MAX_BODY);
    assert!(request.path.starts_with('/'), "{:?}", request.path);
    let mut lines = 0;
    request.head.split(|byte| *byte == b'\n').filter(|line| line.len() > 1).for_each(|_| lines += 1);
    assert!(lines <= MAX_HEADERS + 1, "{lines} lines");
    // Of where a request ends there must not be two opinions (RFC 9112, 11.2).
    let lengths: Vec<&str> = request.headers.all("content-length").collect();
    assert!(request.headers.all("transfer-encoding").next().is_none());
    match lengths[..] {
        [] => assert!(request.body.is_empty()),
        [length] => assert_eq!(length.parse(), Ok(request.body.len())),
        _ => panic!("lengths {lengths:?}"),
    }
    match HOST_NAMES.check(request) {
        Ok(host) => assert!(
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)),
            "{host:?} goes into the page's policy"
        ),
        Err(response) => check_response(&response),
    }
    match Handshake::check(request) {
        Ok(handshake) => {
            let response = handshake.response();
            assert!(response.starts_with(b"HTTP/1.1 101 "));
            assert_eq!(blank_line(&response), Some(response.len()));
            assert_eq!(handshake.accept.len(), 28, "base64 of SHA-1");
        }
        Err(response) => check_response(&response),
    }
    let _ = (request.wants_websocket(), request.keeps_connection());
    assert!(JoinRequest::parse(&request.query).account.is_none());
}

/// A response is one response: nothing of the request ends its head early.
fn check_response(response: &Response) {
    // To a HEAD it would have no body, but the length of one.
    let bytes = response.clone().with_method(false).to_bytes();
    let status = format!("HTTP/1.1 {} ", response.status);
    assert!(bytes.starts_with(status.as_bytes()));
    let head = blank_line(&bytes).expect("a head ends");
    let length = format!("\r\nContent-Length: {}\r\n", bytes.len() - head);
    let told = String::from_utf8_lossy(&bytes[..head]);
    assert!(told.contains(&length), "{told}");
}

fn blank_line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}
