//! A tab that stops reading costs the others nothing, and memory stays within its bounds.

use std::io;
use std::thread;

use crate::common::raw::{RawClient, TEXT, frame};
use crate::common::{Client, Server};
use serde_json::Value;

/// What the server keeps of the past, in bytes, and what the allocator makes of it.
const HISTORY: u64 = 6 << 20;

/// Bytes of a long message.
const LONG: usize = 60_000;

#[test]
fn a_stalled_tab_does_not_delay_the_others_and_is_cut_off_at_its_bound() {
    let server = Server::start(&["--rate", "0", "--backlog", "500000", "--log", "info"]);
    let mut stalled = RawClient::open(&server, "/ws?name=stalled");
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    let text = "x".repeat(LONG);
    let mut cut_off = None;
    // Each message is awaited before the next is sent: if the stalled tab held the others up, this would not go on.
    for number in 0..500 {
        ana.say(&format!("{number} {text}"));
        loop {
            let event = luis.event();
            if event["type"] == "message" {
                break;
            }
            note_leaving(&event, &mut cut_off);
        }
        while ana.event()["type"] != "message" {}
        if cut_off.is_some() {
            break;
        }
    }
    assert_eq!(cut_off, Some(("stalled".to_owned(), 4008)), "cut off within 30 MB");
    // The started frame is whole, and after it comes the close frame.
    let (code, reason) = stalled.wait_for_end();
    assert_eq!(code, 4008, "{reason}");
}

fn note_leaving(event: &Value, cut_off: &mut Option<(String, u64)>) {
    if event["type"] == "left" {
        let name = event["name"].as_str().expect("a name").to_owned();
        *cut_off = Some((name, event["code"].as_u64().expect("a code")));
    }
}

#[test]
fn memory_stays_flat_while_many_never_read() {
    const STALLED: usize = 40;
    const BACKLOG: usize = 256 * 1024;
    let bound = BACKLOG.to_string();
    let server = Server::start(&["--rate", "0", "--backlog", &bound, "--log", "warn"]);
    let stalled: Vec<RawClient> = (0..STALLED).map(|_| RawClient::open(&server, "/ws")).collect();
    let mut ana = Client::join(&server, "Ana");
    let before = server.status("VmRSS");
    let text = "x".repeat(LONG);
    for _ in 0..600 {
        ana.say(&text);
        ana.message();
    }
    let grown = server.status("VmRSS").saturating_sub(before) * 1024;
    // Backlogs share their bytes, so all of them together hold about as much as one; allow for a few.
    let allowed = HISTORY + 12 * (BACKLOG + LONG) as u64;
    assert!(grown < allowed, "grew by {grown} bytes, more than {allowed}");
    drop(stalled);
}

#[test]
fn a_flood_is_slowed_by_tcp_and_loses_nothing_while_memory_stays_flat() {
    const FLOODS: usize = 4;
    const MESSAGES: usize = 10_000;
    // At this speed 1 MiB is full within 10 ms, and a busy machine may not let a reader run for longer than that.
    let server = Server::start(&["--rate", "0", "--backlog", "16777216", "--log", "warn"]);
    let mut witness = RawClient::join(&server, "witness");
    let floods: Vec<_> = (0..FLOODS).map(|_| RawClient::open(&server, "/ws")).collect();
    let before = server.status("VmRSS");
    for mut flood in floods {
        let mut reading = flood.socket.try_clone().expect("a descriptor is left");
        thread::spawn(move || io::copy(&mut reading, &mut io::sink()));
        thread::spawn(move || {
            let message = frame(TEXT, &[b'x'; 1000]);
            for _ in 0..MESSAGES {
                flood.send(&message);
            }
            flood
        });
    }
    let (mut heard, mut most) = (0, 0);
    while heard < FLOODS * MESSAGES {
        if witness.wait_for(TEXT).starts_with(br#"{"type":"message""#) {
            heard += 1;
            if heard % 1000 == 0 {
                most = most.max(server.status("VmRSS"));
            }
        }
    }
    let grown = most.saturating_sub(before);
    // 40 MB went in and 200 MB out. The channel holds 1,024 events, each backlog 16 MiB at most, shared by all, the
    // history 4 MiB.
    assert!(grown < 32 * 1024, "grew by {grown} KiB");
}
