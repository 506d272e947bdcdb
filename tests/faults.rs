//! What may happen to a client, to the wire and to the clock: the others lose nothing and are told.

#![forbid(unsafe_code)]

mod common;
#[path = "common/elsewhere.rs"]
mod elsewhere;
#[path = "common/returning.rs"]
mod returning;

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::class::{self, Class, MEMBERS};
use common::footprint::Footprint;
use common::raw::{PING, PONG, RawClient, TEXT, ask, ask_on, frame, handshake, request};
use common::users::{Users, basic, cookie, handshake_with, password_of};
use common::{Client, Server};
use elsewhere::{Elsewhere, NAME};
use returning::Ticket;
use serde_json::Value;
use socket2::SockRef;

#[test]
fn a_client_that_is_a_process_of_its_own() {
    elsewhere::live_if_asked();
}

#[test]
fn a_client_that_is_killed_has_left_and_the_class_chats_on() {
    let server = Server::start(&["--log", "info"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    // What it has not read makes the end of its TCP a reset.
    for (reads, end) in [(true, "the client ended TCP"), (false, "the client reset TCP")] {
        let mut client = Elsewhere::start(&[], address, reads);
        client.wait_until_joined();
        class.goes_on();
        client.kill();
        server.wait_for_log(&format!("closed without a close frame (1006): {end}"));
        before.is_back(&server);
    }
    let told = class.end();
    let left: Vec<&Value> = told.others.iter().filter(|event| event["type"] == "left").collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|left| left["name"] == NAME && left["code"] == 1006), "{left:?}");
}

#[test]
fn a_reset_at_any_byte_ends_one_connection_and_tells_no_half_message() {
    const LONG: usize = 200;
    let long = "x".repeat(LONG);
    let server = Server::start(&["--log", "warn"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let request = handshake("/ws");
    let frames =
        [frame(TEXT, b"short"), frame(PING, b"ping"), frame(TEXT, long.as_bytes())].concat();
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
    file: std::path::PathBuf,
}

impl WallClock {
    fn start(arguments: &[&str]) -> (WallClock, Server) {
        let file = std::env::temp_dir().join(format!("classroom-clock-{}", std::process::id()));
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

/// Comes in, says something and is cut off: the welcome, and the message as it was told.
fn drop_in(server: &Server, name: &str, path: &str) -> (Value, Value) {
    let mut client = Client::open_as(server, path, &basic(name, &password_of(name)));
    let welcome = client.wait_for("welcome");
    client.say("what time is it?");
    loop {
        let event = client.wait_for("message");
        if event["from"] == name && event["id"].as_u64() > welcome["last"].as_u64() {
            return (welcome, event);
        }
    }
}

/// How many days the server's clock is ahead, by what it says of a message.
fn days_ahead(message: &Value) -> i64 {
    const DAY: i64 = 86_400;
    let at = message["at"].as_str().and_then(|at| humantime::parse_rfc3339(at).ok());
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs() as i64
    };
    (seconds(at.expect("a time")) - seconds(SystemTime::now()) + DAY / 2).div_euclid(DAY)
}

fn id_of(message: &Value) -> u64 {
    message["id"].as_u64().expect("a message has an id")
}

#[test]
#[ignore = "needs faketime: run by make test"]
fn a_clock_that_jumps_by_days_ends_nothing_and_delays_nothing() {
    let names: Vec<String> = (0..MEMBERS).map(class::name).collect();
    let mut people: Vec<&str> = names.iter().map(String::as_str).collect();
    people.extend(["Ana", "Luis"]);
    let users = Users::new(&people);
    let (clock, server) =
        WallClock::start(&["--ping", "1", "--history", "0", "--users", &users.path()]);
    let enter = |name: &String| {
        let mut client = Client::open_as(&server, "/ws", &basic(name, &password_of(name)));
        client.wait_for("welcome");
        client
    };
    let class = Class::of(names.iter().map(enter).collect());
    let session = cookie(&server, "Ana");
    let echo = handshake_with("/echo", &format!("Cookie: {session}"));
    let mut quiet = RawClient::open_with(&server, echo.as_bytes());
    let (welcome, message) = drop_in(&server, "Luis", "/ws");
    let mut ticket = Ticket { after: id_of(&message), ..Ticket::new(&welcome) };
    for (offset, days) in [("+0", 0), ("+2d", 2), ("-3d", -3), ("+400d", 400), ("+0", 0)] {
        clock.jump(offset);
        // Who dropped a moment ago may still come back, whatever the time of day.
        let (welcome, message) = drop_in(&server, "Luis", &ticket.path());
        assert_eq!(welcome["recovered"], true, "{offset}: {welcome}");
        ticket.after = id_of(&message);
        assert_eq!(days_ahead(&message), days, "the clock has jumped");
        class.goes_on();
        // Who says nothing is asked, and kept if it answers.
        let payload = quiet.wait_for(PING);
        quiet.send(&frame(PONG, &payload));
        // A sign-in lasts as long as it should.
        let me = ask(&server, request("GET", "/me", &format!("Cookie: {session}\r\n")));
        assert!(me.text().contains("Ana"), "{offset}: {}", me.text());
    }
    class.end();
    assert!(!server.log().iter().any(|line| line.contains("closing begun by the server")));
}
