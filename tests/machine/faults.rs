//! Faults of a client, of the network and of the clock: the other members lose nothing and get a notice.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::alone;
use crate::common::Server;
use crate::common::class::Class;
use crate::common::quiet::Quiet;
use crate::common::raw::{PING, RawClient, TEXT, ask, ask_on, frame, handshake, request};
use crate::common::returning::Person;
use crate::common::users::{Users, cookie, handshake_with};
use crate::elsewhere::{self, Elsewhere, NAME};
use crate::footprint::Footprint;
use serde_json::Value;
use socket2::SockRef;

/// What a client elsewhere runs.
const LIFE: &str = "faults::a_client_that_is_a_process_of_its_own";

#[test]
fn a_client_that_is_a_process_of_its_own() {
    elsewhere::live_if_asked();
}

#[test]
fn a_client_that_is_killed_has_left_and_the_class_chats_on() {
    let _alone = alone();
    let server = Server::start(&["--log", "info"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    // Unread bytes make the end of its TCP a reset. The class never pauses, so even a client that reads may leave some unread.
    for (number, (reads, ends)) in
        [(true, &["ended", "reset"][..]), (false, &["reset"])].into_iter().enumerate()
    {
        let mut client = Elsewhere::start(LIFE, &[], address, reads);
        client.wait_until_joined();
        class.goes_on();
        client.kill();
        const CLOSED: &str = "closed without a close frame (1006): the client";
        server.wait_for_log_times(CLOSED, number + 1);
        let line = server.log().into_iter().rfind(|line| line.contains(CLOSED)).expect("it was waited for");
        assert!(ends.iter().any(|end| line.contains(&format!("{CLOSED} {end} TCP"))), "{line}");
        before.is_back(&server);
    }
    let told = class.end();
    let left: Vec<&Value> = told.others.iter().filter(|event| event["type"] == "left").collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|left| left["name"] == NAME && left["code"] == 1006), "{left:?}");
}

#[test]
fn a_reset_at_any_byte_ends_one_connection_and_delivers_no_half_message() {
    let _alone = alone();
    const LONG: usize = 200;
    let long = "x".repeat(LONG);
    let server = Server::start(&["--log", "warn"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let request = handshake("/ws");
    let frames = [frame(TEXT, b"short"), frame(PING, b"ping"), frame(TEXT, long.as_bytes())].concat();
    let whole = [request.as_bytes(), &frames].concat();
    for at in 0..=whole.len() {
        let mut socket = server.connect();
        let (head, rest) = whole[..at].split_at(at.min(request.len()));
        if head.len() == request.len() {
            assert_eq!(ask_on(&mut socket, head).status, 101);
        } else {
            socket.write_all(head).expect("the server takes it");
        }
        socket.write_all(rest).expect("the server takes it");
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("a reset can be had");
    }
    class.goes_on();
    before.is_back(&server);
    let told = class.end();
    let messages = told.others.iter().filter(|event| event["type"] == "message");
    let texts: Vec<&str> = messages.filter_map(|event| event["text"].as_str()).collect();
    println!("{} resets, {} messages were whole", whole.len() + 1, texts.len());
    assert!(texts.iter().all(|text| *text == "short" || *text == long), "{texts:?}");
    assert!(!texts.is_empty());
}

/// A server whose wall clock a test can set, and nothing else of its time.
struct WallClock {
    file: PathBuf,
}

impl WallClock {
    fn start(arguments: &[&str]) -> (WallClock, Server) {
        static CLOCKS: AtomicU32 = AtomicU32::new(0);
        let number = CLOCKS.fetch_add(1, Ordering::Relaxed);
        let file = format!("classroom-clock-{}-{number}", std::process::id());
        let file = std::env::temp_dir().join(file);
        let clock = WallClock { file };
        clock.jump("+0");
        let asked = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
        let library = String::from_utf8(asked.expect("faketime can be run").stdout).expect("text");
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.args(["--port", "0", "--log", "info"]).args(arguments);
        command.env("LD_PRELOAD", library.trim_end());
        command.env("FAKETIME_TIMESTAMP_FILE", &clock.file).env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        let server = Server::spawn(command);
        (clock, server)
    }

    /// From now on the time of day is so much off, like `+2d`.
    fn jump(&self, offset: &str) {
        // In one step: the server may be reading it.
        let new = self.file.with_extension("new");
        fs::write(&new, offset).and_then(|()| fs::rename(&new, &self.file)).expect("a disk");
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// How many days the server's clock is ahead, by what it says of a message.
fn days_ahead(message: &Value) -> i64 {
    const DAY: i64 = 86_400;
    let at = message["at"].as_str().and_then(|at| humantime::parse_rfc3339(at).ok());
    let seconds =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    (seconds(at.expect("a time")) - seconds(SystemTime::now()) + DAY / 2).div_euclid(DAY)
}

#[test]
#[ignore = "needs faketime: run by make test"]
fn a_clock_that_jumps_by_days_ends_nothing_and_delays_nothing() {
    let _alone = alone();
    let (clock, server) = WallClock::start(&["--ping", "1", "--history", "0"]);
    let class = Class::begin(&server);
    let quiet = Quiet::open(&server);
    let mut luis = Person::join(&server, "Luis");
    for (number, (offset, days)) in
        [("+0", 0), ("+2d", 2), ("-3d", -3), ("+400d", 400), ("+0", 0)].into_iter().enumerate()
    {
        luis.say("I will be back");
        while luis.event()["from"] != "Luis" {}
        let ticket = luis.cut();
        server.wait_for_log_times("closed without a close frame", number + 1);
        clock.jump(offset);
        // Whatever the time of day, who dropped a moment ago may still come back, and has missed nothing.
        luis = Person::back(&server, &ticket);
        luis.say("what time is it?");
        let message = loop {
            let event = luis.event();
            if event["text"] == "what time is it?" {
                break event;
            }
        };
        assert_eq!(days_ahead(&message), days, "the clock has jumped");
        class.goes_on();
        // Who says nothing is asked as before, and kept if it answers.
        quiet.answers(1);
    }
    quiet.says_it_is_there();
    class.end();
    assert!(!server.log().iter().any(|line| line.contains("closing begun by the server")));
}

#[test]
#[ignore = "needs faketime: run by make test"]
fn a_clock_that_jumps_by_days_signs_no_one_out() {
    let _alone = alone();
    let users = Users::new(&["Ana"]);
    let (clock, server) = WallClock::start(&["--users", &users.path()]);
    let session = cookie(&server, "Ana");
    let mut ana =
        RawClient::open_with(&server, handshake_with("/ws", &format!("Cookie: {session}")).as_bytes());
    for offset in ["+0", "+2d", "-3d", "+0"] {
        clock.jump(offset);
        let me = ask(&server, request("GET", "/me", &format!("Cookie: {session}\r\n")));
        assert!(me.text().contains("Ana"), "{offset}: {}", me.text());
    }
    ana.send(&frame(TEXT, b"still here"));
    while !ana.wait_for(TEXT).ends_with(br#""text":"still here"}"#) {}
}
