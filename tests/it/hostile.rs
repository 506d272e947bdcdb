//! Each test is an attack that once worked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::common::raw::{BINARY, CLOSE, PING, PONG, RawClient, TEXT, frame};
use crate::common::{Client, PATIENCE, Server};
use serde_json::Value;

/// A client that chats until it is stopped.
fn chatter(server: &Server) -> (Arc<AtomicBool>, thread::JoinHandle<()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut chatter = Client::join(server, "chatter");
    let thread = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            chatter.say("bla");
            chatter.message();
        }
    });
    (stop, thread)
}

#[test]
fn visitors_of_the_echo_do_not_disturb_a_busy_chat() {
    let server = Server::start(&["--rate", "0", "--log", "warn"]);
    let (stop, chatter) = chatter(&server);
    for _ in 0..300 {
        let mut visitor = RawClient::open(&server, "/echo");
        let burst = [frame(TEXT, b"one"), frame(PING, b"two"), frame(TEXT, b"three"), frame(CLOSE, b"")];
        visitor.send(&burst.concat());
        assert_eq!(visitor.frame(), Some((TEXT, b"one".to_vec())));
        assert_eq!(visitor.frame(), Some((PONG, b"two".to_vec())));
        assert_eq!(visitor.frame(), Some((TEXT, b"three".to_vec())));
        assert_eq!(visitor.wait_for_end().0, 1005);
    }
    stop.store(true, Ordering::Relaxed);
    chatter.join().expect("the chat went on");
}

#[test]
fn a_client_that_is_cut_off_gets_nothing_after_the_gap() {
    let server = Server::start(&["--rate", "0", "--backlog", "100000", "--log", "warn"]);
    let mut stalled: Vec<RawClient> = (0..5).map(|_| RawClient::open(&server, "/ws")).collect();
    let mut ana = Client::join(&server, "Ana");
    let text = "x".repeat(20_000);
    let mut left = 0;
    while left < stalled.len() {
        ana.say(&text);
        loop {
            match ana.event()["type"].as_str() {
                Some("message") => break,
                Some("left") => left += 1,
                _ => {}
            }
        }
    }
    for client in &mut stalled {
        let mut last = None;
        loop {
            let (first, payload) = client.frame().expect("a close frame comes");
            if first == CLOSE {
                assert_eq!(payload[..2], 4008_u16.to_be_bytes());
                break;
            }
            let event: Value = serde_json::from_slice(&payload).expect("an event is JSON");
            let Some(id) = event["id"].as_u64() else { continue };
            // A member gets no notice of its own joining. From the first message on, nothing is left out.
            if last.is_none() && event["type"] != "message" {
                continue;
            }
            assert!(last.is_none_or(|last| id == last + 1), "{id} after {last:?}");
            last = Some(id);
        }
    }
}

#[test]
fn a_clean_close_is_logged_as_clean_even_if_a_reset_follows() {
    const LEAVERS: usize = 100;
    let server = Server::start(&["--rate", "0", "--log", "warn"]);
    let mut witness = Client::join(&server, "witness");
    let (stop, chatter) = chatter(&server);
    let mut told = 0;
    for number in 0..LEAVERS {
        let mut leaver = RawClient::open(&server, &format!("/ws?name=leaver-{number}"));
        leaver.send(&frame(CLOSE, b"\x03\xe9"));
        // What it has not read makes its end a reset.
        drop(leaver);
        loop {
            let event = witness.event();
            if event["type"] == "left" {
                assert_eq!(event["code"], 1001, "{event}");
                told += 1;
                break;
            }
            if event["type"] == "crowd" && event["left"].as_u64() > Some(0) {
                break;
            }
        }
    }
    assert!(told > 0);
    stop.store(true, Ordering::Relaxed);
    chatter.join().expect("the chat went on");
}

#[test]
fn long_messages_of_one_client_do_not_cut_off_the_others() {
    let server = Server::start(&["--log", "warn"]);
    let mut ana = Client::join(&server, "Ana");
    let mut flood = RawClient::open(&server, "/ws?name=flood");
    let message = frame(TEXT, &[b'x'; 65_000]);
    for _ in 0..300 {
        // Once the server has closed, nothing more is taken.
        if flood.try_send(&message).is_err() {
            break;
        }
    }
    let mut heard = 0;
    loop {
        let event = ana.event();
        match event["type"].as_str() {
            Some("message") => heard += 1,
            Some("left") => {
                assert_eq!((event["name"].as_str(), event["code"].as_u64()), (Some("flood"), Some(1008)));
                break;
            }
            _ => {}
        }
    }
    assert!(heard < 20, "{heard} long messages were let through at once");
}

#[test]
fn an_echo_that_pings_and_never_reads_costs_no_more_than_its_bound() {
    const GREEDY: usize = 20;
    let server = Server::start(&["--rate", "0", "--backlog", "200000", "--log", "info"]);
    let before = server.status("VmRSS");
    for _ in 0..GREEDY {
        let mut greedy = RawClient::open(&server, "/echo");
        // On a busy machine a server with twenty of them may take nothing of one for long.
        greedy.socket.set_write_timeout(None).expect("it can be set");
        let pings = frame(PING, b"").repeat(1000);
        thread::spawn(move || {
            while greedy.try_send(&pings).is_ok() {}
            greedy
        });
    }
    let cut_off =
        || server.log().iter().filter(|line| line.contains("closing begun by the server: 4008")).count();
    let mut most = before;
    let deadline = Instant::now() + 10 * PATIENCE;
    while cut_off() < GREEDY {
        assert!(Instant::now() < deadline, "{} of {GREEDY} are cut off", cut_off());
        most = most.max(server.status("VmRSS"));
        thread::yield_now();
    }
    let grown = most.saturating_sub(before);
    // Twenty backlogs of 200 kB, as many threads, and the allocator's share; 200,000 bytes of pongs are 100,000 frames.
    assert!(grown < 20 * 1024, "grew by {grown} KiB");
}

#[test]
fn a_client_that_does_not_read_its_own_echo_gets_4008_after_whole_frames() {
    let server = Server::start(&["--backlog", "100000", "--log", "info"]);
    let begun = || {
        let log = server.log();
        log.iter().filter(|line| line.contains("closing begun by the server: 4008")).count()
    };
    for before in 0..5 {
        let mut echo = RawClient::open(&server, "/echo");
        let message = frame(BINARY, &[b'x'; 20_000]).repeat(4);
        while begun() == before && echo.try_send(&message).is_ok() {}
        let payload = loop {
            match echo.frame().expect("a close frame comes") {
                (BINARY, payload) => assert_eq!(payload.len(), 20_000),
                (CLOSE, payload) => break payload,
                other => panic!("a torn stream: {other:?}"),
            }
        };
        assert_eq!(payload[..2], 4008_u16.to_be_bytes());
    }
    let begun = server.log().iter().filter(|line| line.contains("closing begun by the server: 4008")).count();
    assert_eq!(begun, 5, "each closing begins once");
}
