//! Clients that are not members of the chat: they load the page, use the echo, or watch.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use tungstenite::{Error, Message};

use crate::common::Client;
use crate::common::random::Random;
use crate::common::raw::{BINARY, ask_on, frame, request};
use crate::common::wire::{Watcher, frames};
use crate::letters::SECRET;
use crate::stage::Stage;
use crate::tally::Fault;

/// Messages of 60 kB that are said to the echo at once.
const FLOOD: usize = 80;

/// One connection, a few requests, as a browser does.
pub fn load_the_page(stage: &Stage<'_>, random: &mut Random) {
    stage.tally.count("page loads");
    let mut socket = stage.server.connect();
    for _ in 0..1 + random.below(4) {
        let (method, path, body) = *random.pick(&[
            ("GET", "/", ""),
            ("HEAD", "/", ""),
            ("GET", "/health", ""),
            ("POST", "/echo", "the same again"),
        ]);
        let length = format!("Content-Length: {}\r\n", body.len());
        let length = if method == "POST" { &length } else { "" };
        let answer = ask_on(&mut socket, request(method, path, length) + body);
        assert_eq!(answer.status, 200, "{method} {path}");
        let right = match path {
            "/health" => serde_json::from_slice::<Value>(&answer.body).is_ok(),
            "/echo" => answer.text() == body,
            _ => method == "HEAD" || answer.text().contains("</html>"),
        };
        assert!(right, "{method} {path}: {answer:?}");
        // Much less than an idle connection is kept.
        stage.sleep(random.seconds(0.0, 0.5));
    }
}

/// All that is said comes back, and is the same.
pub fn talk_to_the_echo(stage: &Stage<'_>, random: &mut Random) {
    if random.below(4) == 0 {
        return flood_the_echo(stage);
    }
    stage.tally.count("echo: conversations");
    let mut client = Client::open(stage.server, "/echo");
    for _ in 0..3 + random.below(20) {
        let bytes: Vec<u8> = (0..*random.pick(&[0, 5, 125, 126, 2000, 60_000]))
            .map(|_| b' ' + random.below(90) as u8)
            .collect();
        let message = match random.below(2) {
            0 => Message::binary(bytes),
            _ => Message::text(String::from_utf8(bytes).expect("it is ASCII")),
        };
        client.websocket.send(message.clone()).expect("the server takes a message");
        loop {
            match client.websocket.read().expect("the echo answers") {
                Message::Ping(_) | Message::Pong(_) => {}
                echo => {
                    let wrong = u64::from(echo != message);
                    stage.tally.fault(Fault::Altered, wrong, || format!("an echo: {message:?}"));
                    break;
                }
            }
        }
        stage.tally.deliveries.fetch_add(1, Ordering::Relaxed);
        stage.sleep(stage.moment(random, 0.0, 4.0));
    }
    if random.below(3) > 0 {
        client.leave();
    }
}

/// Says much and listens to nothing, until more waits than may wait.
fn flood_the_echo(stage: &Stage<'_>) {
    stage.tally.count("echo: floods");
    let mut client = Client::open(stage.server, "/echo");
    let message = frame(BINARY, &[7; 60_000]);
    // More than the kernel holds for both sides, and --backlog.
    for _ in 0..FLOOD {
        if client.websocket.get_mut().write_all(&message).is_err() {
            break;
        }
    }
    let mut echoes = 0;
    while echoes < FLOOD {
        match client.websocket.read() {
            Ok(Message::Close(frame)) => {
                let code = frame.map_or(1005, |frame| frame.code.into());
                stage.tally.ended(code);
                return assert_eq!(code, 4008);
            }
            Ok(Message::Binary(_)) => echoes += 1,
            Ok(_) => {}
            // On a machine so busy that the flood took longer than a closing may.
            Err(_) => return stage.tally.ended(1006),
        }
    }
    // Or so busy that the echo was slower than we are.
    stage.tally.count("echo: floods that were borne");
}

/// Watches a connection of its own, or as the teacher everybody's: what is private is never shown.
pub fn watch(stage: &Stage<'_>, random: &mut Random) {
    match random.below(3) {
        0 => watch_everybody(stage, random),
        _ => watch_oneself(stage, random),
    }
}

fn watch_oneself(stage: &Stage<'_>, random: &mut Random) {
    stage.tally.count("watched themselves");
    let key: Vec<u8> = (0..16).map(|_| random.next() as u8).collect();
    let key = BASE64URL_NOPAD.encode(&key);
    let mut watcher = Watcher::open(stage.server, &key);
    let mut echo = Client::open(stage.server, &format!("/echo?wire={key}"));
    let rounds = 1 + random.below(5) as usize;
    for number in 0..rounds {
        echo.say(&number.to_string());
        assert_eq!(echo.websocket.read().expect("the echo answers"), Message::text(number.to_string()));
        stage.sleep(stage.moment(random, 0.0, 2.0));
    }
    echo.leave();
    let events = watcher.until_closed();
    let lost = events.iter().any(|event| event["type"] == "lost");
    for from in ["client", "server"] {
        let shown = frames(&events, from).filter(|frame| frame["kind"] == "text").count();
        assert!(lost || shown == rounds, "{shown} of {rounds} from the {from}: {events:?}");
    }
}

fn watch_everybody(stage: &Stage<'_>, random: &mut Random) {
    stage.tally.count("watched everybody");
    let mut watcher = Client::open(stage.server, &format!("/wire?key={}", stage.teacher_key));
    let until = Instant::now() + stage.moment(random, 2.0, 15.0);
    let socket = &watcher.websocket.get_ref().0;
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("it can be set");
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    while Instant::now() < until && !stage.is_over() {
        match watcher.websocket.read() {
            Ok(Message::Text(event)) => {
                let seen = u64::from(event.contains(SECRET) || event.contains(&hex));
                stage.tally.fault(Fault::Overheard, seen, || format!("by the teacher: {event}"));
            }
            // Eight may watch everybody.
            Ok(Message::Close(frame)) => {
                let code = frame.map_or(1005, |frame| frame.code.into());
                stage.tally.ended(code);
                return assert!([1008, 4008].contains(&code), "{code}");
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("the teacher is cut off: {error}"),
        }
    }
}
