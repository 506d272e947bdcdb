//! A client that misbehaves: each act has its own connection and its expected answer.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;

use crate::common::random::Random;
use crate::common::raw::{BINARY, CLOSE, PING, RawClient, TEXT, ask, frame, handshake, read_answer, request};
use crate::fails_if_in_time;
use crate::stage::{Stage, rowdy_name};

/// So many messages at once are more than `--rate` bears: 100 are posted, 100 are refused with a warning.
const FLOOD: usize = 400;

/// Longer than `--max-message`.
const TOO_LONG: u64 = 70_000;

#[derive(Debug, Clone, Copy)]
enum Act {
    BrokenFrame,
    WrongCloseCode,
    BadUtf8,
    Binary,
    TooLong,
    Flood,
    HalfAMessage,
    WrongCommands,
    Garbage,
    HalfAHandshake,
    WrongHandshake,
    WrongRequest,
    Silence,
}

const ACTS: [(u64, Act); 13] = [
    (6, Act::BrokenFrame),
    (2, Act::WrongCloseCode),
    (3, Act::BadUtf8),
    (3, Act::Binary),
    (3, Act::TooLong),
    (1, Act::Flood),
    (5, Act::HalfAMessage),
    (3, Act::WrongCommands),
    (4, Act::Garbage),
    (4, Act::HalfAHandshake),
    (3, Act::WrongHandshake),
    (4, Act::WrongRequest),
    (2, Act::Silence),
];

/// Misbehaves a few times.
pub fn misbehave(stage: &Stage<'_>, random: &mut Random, number: usize, life: u64) {
    let acts = 5 + random.below(20);
    for act in 0..acts {
        if stage.is_over() {
            return;
        }
        let name = rowdy_name(number, life * 100 + act);
        let chosen = random.weighted(&ACTS);
        fails_if_in_time(stage, &name, || commit(stage, random, &name, chosen));
        stage.sleep(stage.moment(random, 0.0, 3.0));
    }
}

fn commit(stage: &Stage<'_>, random: &mut Random, name: &str, act: Act) {
    let what = match act {
        Act::BrokenFrame => "rowdy: a broken frame",
        Act::WrongCloseCode => "rowdy: a close code that may not be sent",
        Act::BadUtf8 => "rowdy: text that is not UTF-8",
        Act::Binary => "rowdy: binary in the chat",
        Act::TooLong => "rowdy: a message that is too long",
        Act::Flood => "rowdy: a flood",
        Act::HalfAMessage => "rowdy: gone within a message",
        Act::WrongCommands => "rowdy: commands that are none",
        Act::Garbage => "rowdy: garbage for a handshake",
        Act::HalfAHandshake => "rowdy: half a handshake",
        Act::WrongHandshake => "rowdy: a wrong handshake",
        Act::WrongRequest => "rowdy: a wrong request",
        Act::Silence => "rowdy: a connection and no word",
    };
    stage.tally.count(what);
    let join = || RawClient::join(stage.server, name);
    match act {
        Act::BrokenFrame => is_closed(stage, join(), &broken(random), 1002),
        Act::WrongCloseCode => {
            let code = *random.pick(&[999_u16, 1005, 1006, 5000]);
            is_closed(stage, join(), &frame(CLOSE, &code.to_be_bytes()), 1002);
        }
        Act::BadUtf8 => is_closed(stage, join(), &frame(TEXT, b"ol\xe9"), 1007),
        Act::Binary => is_closed(stage, join(), &frame(BINARY, b"\x00\x01"), 1003),
        Act::TooLong => {
            let head = [&[TEXT, 0xff][..], &TOO_LONG.to_be_bytes(), &[0; 4]].concat();
            is_closed(stage, join(), &head, 1009);
        }
        Act::Flood => {
            let flood: Vec<u8> =
                (1..=FLOOD).flat_map(|number| frame(TEXT, format!("{number} more").as_bytes())).collect();
            is_closed(stage, join(), &flood, 1008);
        }
        Act::HalfAMessage => {
            let mut client = join();
            let bytes = frame(TEXT, "x".repeat(1 + random.below(5000) as usize).as_bytes());
            let share = random.below(bytes.len() as u64) as usize;
            let _ = client.try_send(&bytes[..share]);
            end(random, &client.socket);
        }
        Act::WrongCommands => give_wrong_commands(stage, join()),
        Act::Garbage => {
            let mut bytes: Vec<u8> = (0..1 + random.below(500)).map(|_| random.next() as u8 | 0x80).collect();
            bytes.extend(b"\r\n\r\n");
            let status = ask(stage.server, bytes).status;
            assert_eq!(status, 400, "for garbage");
        }
        Act::HalfAHandshake => half_a_handshake(stage, random),
        Act::WrongHandshake => {
            let (from, to, status) = *random.pick(&[
                ("Version: 13", "Version: 7", 426),
                ("Upgrade: websocket", "Upgrade: h2c", 426),
                ("Host: localhost", "Host: evil.example", 403),
                ("Host: localhost", "Host: localhost\r\nOrigin: http://evil.example", 403),
                ("Key: dGhl", "Key: dG", 400),
            ]);
            let answer = ask(stage.server, handshake("/ws").replace(from, to));
            assert_eq!(answer.status, status, "{to}");
        }
        Act::WrongRequest => {
            let (method, path, more, status) = *random.pick(&[
                ("GET", "/nothing/here", "", 404),
                ("DELETE", "/", "", 405),
                ("GET", "/ws", "", 426),
                ("GET", "/wire?key=wrong", "Upgrade: websocket\r\nConnection: Upgrade\r\n", 403),
                ("POST", "/echo", "Transfer-Encoding: chunked\r\n", 411),
                ("POST", "/echo", "Content-Length: 99999999\r\n", 413),
            ]);
            let answer = ask(stage.server, request(method, path, more));
            assert_eq!(answer.status, status, "{method} {path}");
        }
        Act::Silence => {
            let socket = stage.server.connect();
            stage.sleep(random.seconds(0.0, 2.0));
            end(random, &socket);
        }
    }
}

/// The server says why it closes, whatever it got.
fn is_closed(stage: &Stage<'_>, mut client: RawClient, bytes: &[u8], code: u16) {
    client.send(bytes);
    let (told, reason) = client.wait_for_end();
    stage.tally.ended(told);
    assert_eq!(told, code, "{reason}, for {:x?}", &bytes[..bytes.len().min(20)]);
}

/// Frames that RFC 6455 forbids.
fn broken(random: &mut Random) -> Vec<u8> {
    match random.below(7) {
        0 => frame(0x83, b"reserved opcode"),
        1 => frame(0xc1, b"reserved bit"),
        2 => b"\x81\x04bare".to_vec(),
        3 => frame(PING, &[0; 126]),
        4 => frame(PING & 0x7f, b"a ping in fragments"),
        5 => frame(0x80, b"goes on with nothing"),
        _ => [frame(TEXT & 0x7f, b"begins"), frame(TEXT, b"begins again")].concat(),
    }
}

/// Each is answered, and the connection goes on.
fn give_wrong_commands(stage: &Stage<'_>, mut client: RawClient) {
    let wrong = [
        ("{\"type\":\"message\"", "bad_message"),
        ("{\"type\":\"dance\"}", "bad_message"),
        ("{\"type\":\"message\",\"text\":\"\"}", "empty"),
        ("{\"type\":\"name\",\"name\":\" \"}", "bad_name"),
        ("{\"type\":\"name\",\"name\":\"Witness\"}", "name_taken"),
        ("{\"type\":\"message\",\"text\":\"psst\",\"to\":\"nobody\"}", "no_such_user"),
    ];
    for (command, code) in wrong {
        client.send(&frame(TEXT, command.as_bytes()));
        let error = loop {
            let event = client.wait_for(TEXT);
            if event.starts_with(br#"{"type":"error""#) {
                break String::from_utf8_lossy(&event).into_owned();
            }
        };
        let expected = json!(code).to_string();
        assert!(error.contains(&expected), "{command}: {error}");
    }
    client.send(&frame(CLOSE, &1000_u16.to_be_bytes()));
    let (code, _) = client.wait_for_end();
    assert_eq!(code, 1000);
    stage.tally.ended(code);
}

fn half_a_handshake(stage: &Stage<'_>, random: &mut Random) {
    let bytes = handshake("/ws?name=half");
    let share = 1 + random.below(bytes.len() as u64 - 2) as usize;
    let mut socket = stage.server.connect();
    socket.write_all(&bytes.as_bytes()[..share]).expect("the server takes bytes");
    if random.below(2) == 0 {
        stage.sleep(stage.moment(random, 0.0, 4.0));
        return end(random, &socket);
    }
    let answer = read_answer(&mut socket, false);
    assert_eq!(answer.status, 408, "behind {share} bytes");
}

/// By a FIN or by a reset.
fn end(random: &mut Random, socket: &TcpStream) {
    let linger = (random.below(2) == 0).then_some(Duration::ZERO);
    let _ = SockRef::from(socket).set_linger(linger);
}
