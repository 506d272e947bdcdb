//! Many hostile clients: the class chats on and loses nothing, memory stays within its limit, and after it all works as before.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::alone;
use crate::common::class::{Class, MEMBERS};
use crate::common::raw::{CLOSE, RawClient, TEXT, ask, ask_on, frame, handshake, read_answer, request};
use crate::common::{Client, PATIENCE, Server};
use crate::footprint::Footprint;
use serde_json::Value;
use socket2::SockRef;

/// What one connection takes while it does nothing, in KiB: the 23 of one that speaks HTTP (docs/flags.md, Their sum), and what a
/// debug build needs more of its stack.
const IDLE: u64 = 41;

/// What the server takes with a class in it, in KiB: 9 MiB, the past (4 MiB), and what the allocator makes of that.
const ITSELF: u64 = 16 * 1024;

/// The server's own bound: connections that speak HTTP at once.
const HTTP_ROOM: u64 = 4096;

/// The requested number of clients, or fewer if this process may not have as many sockets.
fn crowd_of(requested: usize) -> usize {
    const SPARE: u64 = 200;
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("a limit can be asked for");
    let possible = limit.saturating_sub(SPARE) as usize;
    if possible < requested {
        println!("only {possible} of {requested}, since {limit} files may be open here");
    }
    requested.min(possible)
}

/// All that comes to the end of TCP, however it ends.
fn read_what_comes(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(length) => bytes.extend(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let head = String::from_utf8_lossy(bytes);
    head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()
}

/// Comes as often as it takes to be let in: how often the answer was 503.
fn come_in(server: &Server) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut refused = 0;
    loop {
        let mut socket = server.connect();
        socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
        match read_answer(&mut socket, false).status {
            101 => return refused,
            503 => refused += 1,
            other => panic!("a newcomer's answer is {other}"),
        }
        assert!(Instant::now() < deadline, "nobody is let in any more");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn five_thousand_half_open_handshakes_do_not_disturb_the_class() {
    let _alone = alone();
    let crowd = crowd_of(5000);
    let server = Server::start(&["--rate", "0", "--handshake-timeout", "3", "--log", "error"]);
    let class = Class::begin(&server);
    let mut peaks = Vec::new();
    for _ in 0..2 {
        let before = Footprint::before(&server);
        let mut crowd: Vec<TcpStream> = (0..crowd).map(|_| server.connect()).collect();
        for piece in ["GET /ws HT", "TP/1.1\r\nHost: loc", "alhost\r\nUpgrade: web"] {
            for socket in &mut crowd {
                // Who was refused already need not take more.
                let _ = socket.write_all(piece.as_bytes());
            }
        }
        let threads = server.status("Threads") - before.threads;
        assert!(threads <= HTTP_ROOM, "{threads} threads for those who do not even ask");
        let refused = come_in(&server);
        class.goes_on();
        let answers: Vec<Option<u16>> =
            crowd.iter_mut().map(|socket| status(&read_what_comes(socket))).collect();
        let count = |status| answers.iter().filter(|answer| **answer == status).count();
        let (too_slow, full) = (count(Some(408)), count(Some(503)));
        assert_eq!(too_slow + full, crowd.len(), "each is told why: {answers:?}");
        drop(crowd);
        before.is_back(&server);
        println!("{threads} threads, {too_slow} times 408, {full} times 503; newcomer {refused} times");
        peaks.push(server.status("VmHWM"));
    }
    // A request's head may have 16 KiB; these have less.
    assert_within(&peaks, ITSELF + HTTP_ROOM * IDLE, 12 * 1024);
    class.end();
}

#[test]
fn two_thousand_clients_that_never_read_are_cut_off_and_cost_the_class_nothing() {
    let _alone = alone();
    /// In KiB.
    const BACKLOG: u64 = 64;
    const ROUND: u64 = 64;
    const LONG: usize = 60_000;
    let crowd = crowd_of(2000);
    let backlog = (BACKLOG * 1024).to_string();
    let server = Server::start(&["--rate", "0", "--backlog", &backlog, "--log", "info"]);
    let class = Class::begin(&server);
    let mut peaks = Vec::new();
    for storm in 1..=2 {
        let before = Footprint::before(&server);
        let never_reads = |_| {
            let mut socket = server.connect();
            SockRef::from(&socket).set_recv_buffer_size(4096).expect("a small buffer");
            assert_eq!(ask_on(&mut socket, handshake("/ws")).status, 101);
            socket
        };
        let crowd: Vec<TcpStream> = (0..crowd).map(never_reads).collect();
        // The thread that read the last handshake ends a moment after it.
        let threads = before.threads + crowd.len() as u64;
        class.goes_on_until(|| server.status("Threads") <= threads);
        assert_eq!(server.status("Threads"), threads);
        class.speak_at_length(LONG);
        let mut newcomer = Client::join(&server, "newcomer");
        newcomer.wait_for("message");
        newcomer.leave();
        server.wait_for_log_times("closing begun by the server: 4008", storm * crowd.len());
        class.speak_at_length(0);
        class.goes_on();
        // They still hold their sockets; the server has let go.
        before.is_back(&server);
        drop(crowd);
        peaks.push(server.status("VmHWM"));
    }
    // What waits is the same for all, and in memory once: a backlog, a round on top, and the longest message as JSON in
    // each of the channel's places that the class can fill. A new client gets at most half a send queue of history.
    let waiting = BACKLOG + ROUND + (1 + MEMBERS as u64) * (2 * LONG as u64 / 1024);
    assert_within(&peaks, ITSELF + crowd as u64 * (IDLE + BACKLOG / 2) + waiting, 12 * 1024);
    class.end();
}

const FLOODS: usize = 50;

/// All that flood at once, each message with its number; until all of them have ended.
fn flood(server: &Server, storm: usize, messages: usize, bytes: usize) {
    let join = |flood| RawClient::join(server, &format!("flood-{storm}-{flood}"));
    // All are there before the first begins.
    let floods: Vec<RawClient> = (0..FLOODS).map(join).collect();
    thread::scope(|scope| {
        for mut flood in floods {
            let mut reading = flood.socket.try_clone().expect("a descriptor is left");
            scope.spawn(move || io::copy(&mut reading, &mut io::sink()));
            scope.spawn(move || {
                let padding = "x".repeat(bytes);
                let text = |number| frame(TEXT, format!("{number} {padding}").as_bytes());
                // A client that is cut off stops.
                let _ = (0..messages).try_for_each(|number| flood.try_send(&text(number)));
                let _ = flood.try_send(&frame(CLOSE, b"\x03\xe8"));
            });
        }
        let mut newcomer = Client::join(server, "newcomer");
        newcomer.wait_for("message");
        newcomer.leave();
    });
}

/// The delivered numbers of each flood, in order.
fn told_of_floods(others: &[Value]) -> Vec<Vec<usize>> {
    let mut told = BTreeMap::<&str, Vec<usize>>::new();
    for event in others.iter().filter(|event| event["type"] == "message") {
        let [from, text] = ["from", "text"].map(|field| event[field].as_str().expect("a text"));
        let (number, _) = text.split_once(' ').expect("a number and padding");
        told.entry(from).or_default().push(number.parse().expect("a number"));
    }
    told.into_values().collect()
}

#[test]
fn fifty_flooding_clients_are_slowed_by_tcp_and_every_message_is_delivered() {
    let _alone = alone();
    const MESSAGES: usize = 200;
    const BYTES: usize = 1000;
    // In KiB. At this speed 1 MiB is full at once, and a busy machine may not let a reader run for longer than that.
    const BACKLOG: u64 = 16 * 1024;
    let backlog = (BACKLOG * 1024).to_string();
    let server = Server::start(&["--rate", "0", "--backlog", &backlog, "--log", "warn"]);
    let class = Class::begin(&server);
    let mut peaks = Vec::new();
    for storm in 0..2 {
        let before = Footprint::before(&server);
        flood(&server, storm, MESSAGES, BYTES);
        class.goes_on();
        before.is_back(&server);
        peaks.push(server.status("VmHWM"));
    }
    // The channel's 1,024 events, each of 2 M and 300 bytes, and a backlog that all share, with what the allocator makes
    // of it. How full that gets is a matter of chance.
    let channel = 1024 * (2 * BYTES as u64 + 300) / 1024;
    let sum = ITSELF + FLOODS as u64 * IDLE + channel + BACKLOG + BACKLOG / 2;
    assert_within(&peaks, sum, BACKLOG);
    let told = told_of_floods(&class.end().others);
    assert_eq!(told.len(), 2 * FLOODS);
    assert!(told.iter().all(|told| told.iter().copied().eq(0..MESSAGES)), "{told:?}");
}

#[test]
fn fifty_flooding_clients_are_cut_off_at_the_rate_limit() {
    let _alone = alone();
    const BURST: usize = 100;
    const MESSAGES: usize = 2000;
    let server = Server::start(&["--log", "info"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    flood(&server, 0, MESSAGES, 50);
    server.wait_for_log_times("closing begun by the server: 1008", FLOODS);
    before.is_back(&server);
    let told = told_of_floods(&class.end().others);
    println!("of each were told {:?}", told.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(told.len(), FLOODS);
    for told in told {
        // The whole burst, then only as many as their buckets had refilled.
        assert!(told.iter().copied().take(BURST).eq(0..BURST), "{told:?}");
        assert!(told.is_sorted_by(|one, next| one < next) && told.len() < MESSAGES / 2);
    }
}

/// One who comes and vanishes, in a way of its own.
fn come_and_vanish(server: &Server, way: usize) {
    let request = handshake(&format!("/ws?name=nobody-{way}"));
    let half = &request.as_bytes()[..request.len() / 2];
    let mut socket = server.connect();
    match way {
        0 => {}
        1 => socket.write_all(half).expect("the server takes it"),
        // Gone before the answer comes.
        2 => socket.write_all(request.as_bytes()).expect("the server takes it"),
        // In the chat, and gone without a word, or with one.
        3 => assert_eq!(ask_on(&mut socket, &request).status, 101),
        _ => {
            let said = [request.as_bytes(), &frame(TEXT, b"hola")].concat();
            assert_eq!(ask_on(&mut socket, said).status, 101);
        }
    }
    // Every other one with a reset.
    if way % 2 == 0 {
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a reset can be had");
    }
}

#[test]
fn clients_that_connect_and_vanish_leave_nothing_behind() {
    let _alone = alone();
    const EACH_WAY: usize = 400;
    const WAYS: usize = 5;
    const AT_ONCE: usize = 8;
    let server = Server::start(&["--log", "warn"]);
    let class = Class::begin(&server);
    let mut peaks = Vec::new();
    for _ in 0..2 {
        let before = Footprint::before(&server);
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    let all = (0..EACH_WAY / AT_ONCE).flat_map(|_| 0..WAYS);
                    all.for_each(|way| come_and_vanish(&server, way));
                });
            }
            let mut newcomer = Client::join(&server, "newcomer");
            newcomer.wait_for("message");
            newcomer.leave();
        });
        class.goes_on_until(|| here(&server) == MEMBERS as u64);
        before.is_back(&server);
        peaks.push(server.status("VmHWM"));
    }
    // Their threads may end a little later. The chat keeps 4,096 who may come back, with 1 KiB each.
    let crowd = (EACH_WAY * WAYS) as u64 * IDLE;
    assert_within(&peaks, ITSELF + crowd + 4096, crowd / 4);
    class.end();
}

/// How many are in the chat.
fn here(server: &Server) -> u64 {
    let health = ask(server, request("GET", "/health", "Connection: close\r\n"));
    let health: Value = serde_json::from_slice(&health.body).expect("JSON");
    health["clients"].as_u64().expect("a number")
}

/// Both storms stay within the sum, and the second needs no more than the first, but for so much `more` that chance may
/// make of it: nothing leaks. All in KiB.
#[track_caller]
fn assert_within(peaks: &[u64], sum: u64, more: u64) {
    println!("peaks {peaks:?} KiB, allowed {sum}");
    let [first, second] = peaks else { panic!("two storms") };
    assert!(first.max(second) < &sum, "{peaks:?} KiB at the peak, more than {sum}");
    assert!(*second < first + more, "it grows from storm to storm: {peaks:?} KiB");
}
