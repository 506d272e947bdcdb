//! What watchers see is what was on the wire: every frame byte for byte, the handshake, the close.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::common::raw::{
    ACCEPT, BINARY, CLOSE, KEY, PING, PONG, RawClient, TEXT, ask, ask_on, frame, handshake, read_to_end,
    request,
};
use crate::common::wire::{OTHER_KEY, TEACHER, WIRE_KEY, Watcher, bytes, frames};
use crate::common::{Client, Server};
use serde_json::{Value, json};

/// Whole frames as one side sent them, against those of the feed.
#[track_caller]
fn assert_same_frames(sent: &[Vec<u8>], events: &[Value], from: &str) {
    let seen: Vec<&Value> = frames(events, from).collect();
    assert_eq!(seen.len(), sent.len(), "{seen:#?}");
    for (sent, seen) in sent.iter().zip(seen) {
        let header = bytes(&seen["header"]);
        let (head, payload) = sent.split_at(header.len());
        assert_eq!(header, head);
        let shown = payload.len().min(256);
        assert_eq!(bytes(&seen["payload"]), payload[..shown]);
        assert_eq!(seen["length"], payload.len());
        assert_eq!(seen["fin"], head[0] & 0x80 != 0);
        assert_eq!(seen["rsv"], head[0] >> 4 & 7);
        assert_eq!(seen["opcode"], head[0] & 0x0f);
        let bits = match head[1] & 0x7f {
            127 => 64,
            126 => 16,
            _ => 7,
        };
        assert_eq!(seen["bits"], bits);
        if head[1] & 0x80 == 0 {
            assert!(seen["mask"].is_null() && seen["plain"].is_null());
            continue;
        }
        let mask = bytes(&seen["mask"]);
        assert_eq!(mask, head[head.len() - 4..]);
        let plain: Vec<u8> =
            payload[..shown].iter().zip(mask.iter().cycle()).map(|(one, key)| one ^ key).collect();
        assert_eq!(bytes(&seen["plain"]), plain);
    }
}

/// The frames in a server's bytes, as they are.
fn split(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [_, length, ..] = stream {
        let (header, length) = match length {
            126 => (4, usize::from(u16::from_be_bytes([stream[2], stream[3]]))),
            127 => (10, u64::from_be_bytes(stream[2..10].try_into().expect("eight")) as usize),
            length => (2, usize::from(*length)),
        };
        let (frame, rest) = stream.split_at(header + length);
        frames.push(frame.to_vec());
        stream = rest;
    }
    frames
}

/// Frames of every kind, with each length in each of the three forms.
fn every_kind(lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let payload: Vec<u8> = (0..*length).map(|byte| byte as u8).collect();
        frames.push(frame(BINARY, &payload));
        frames.push(frame(PING, &[number as u8; 3]));
        // The bytes of a text must be text.
        frames.push(frame(TEXT, "x".repeat(*length).as_bytes()));
    }
    frames.push(frame(0x01, "añ".as_bytes()));
    frames.push(frame(PING, b""));
    frames.push(frame(0x00, b""));
    frames.push(frame(PONG, b"unasked"));
    frames.push(frame(0x80, b"o"));
    frames.push(frame(CLOSE, b"\x0f\xa0bye"));
    frames
}

#[test]
fn frames_of_every_kind_and_length_are_shown_unchanged_in_both_directions() {
    let server = Server::start(&["--rate", "0", "--max-message", "70000"]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let sent = every_kind(&[0, 1, 125, 126, 65_535, 65_536]);
    let mut client = server.connect();
    let path = format!("/echo?wire={WIRE_KEY}");
    ask_on(&mut client, handshake(&path));
    let mut reading = client.try_clone().expect("a descriptor is left");
    let received = std::thread::spawn(move || read_to_end(&mut reading));
    client.write_all(&sent.concat()).expect("the server takes bytes");
    let received = received.join().expect("what came back");
    drop(client);
    let events = watcher.until_closed();
    assert_same_frames(&sent, &events, "client");
    assert_same_frames(&split(&received), &events, "server");
    let messages: Vec<&Value> =
        frames(&events, "client").map(|frame| &frame["message"]).filter(|it| !it.is_null()).collect();
    let mut expected: Vec<u64> = (1..=12).collect();
    expected.extend([13, 13, 13]);
    assert_eq!(json!(messages), json!(expected), "fragments belong to one message");
    let closed = events.last().expect("the end");
    assert_eq!(closed["from_client"]["bytes"], sent.concat().len());
    assert_eq!(closed["from_client"]["messages"], 13);
    assert_eq!(closed["to_client"]["bytes"], received.len());
}

#[test]
fn the_teacher_sees_who_is_refused_before_anything_is_read_and_why() {
    let server = Server::start(&["--teacher-key", TEACHER, "--max-per-address", "2"]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let member = Client::join(&server, "Ana");
    assert_eq!(teacher.wait_for("opened")["name"], "Ana");
    let mut refused = server.connect();
    let peer = refused.local_addr().expect("an address").to_string();
    read_to_end(&mut refused);
    let event = teacher.wait_for("refused");
    assert_eq!(
        (&event["status"], &event["peer"], &event["request"]),
        (&json!(503), &json!(peer), &json!(""))
    );
    assert_eq!(
        event["why"],
        "There are too many connections from your address. Close one of them and try again."
    );
    drop(member);
}

#[test]
fn frames_are_the_same_however_they_are_cut_into_packets() {
    let server = Server::start(&["--rate", "0"]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let sent = every_kind(&[0, 5, 126]);
    let stream = sent.concat();
    let mut other = server.connect();
    for cut in 0..stream.len() {
        let mut client = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
        client.socket.set_nodelay(true).expect("it can be set");
        client.send(&stream[..cut]);
        // While another request is answered, the server has the time to read this piece alone.
        ask_on(&mut other, request("HEAD", "/health", ""));
        client.send(&stream[cut..]);
        assert_eq!(client.wait_for_end().0, 4000);
        drop(client);
        assert_same_frames(&sent, &watcher.until_closed(), "client");
    }
}

#[test]
fn a_watcher_that_comes_late_sees_only_whole_frames() {
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut other = server.connect();
    let first = frame(TEXT, &[b'x'; 130]);
    let second = frame(TEXT, b"second");
    for cut in [0, 1, 2, 3, 4, 7, 8, 9, 100, first.len() - 1, first.len()] {
        let key = format!("{cut:0>21}A");
        let mut client = RawClient::open(&server, &format!("/echo?wire={key}"));
        client.send(&frame(PING, b"before"));
        client.wait_for(PONG);
        client.send(&first[..cut]);
        ask_on(&mut other, request("HEAD", "/health", ""));
        if cut == first.len() {
            client.wait_for(TEXT);
        }
        let mut watcher = Watcher::open(&server, &key);
        let opened = watcher.event();
        assert_eq!((&opened["type"], &opened["late"]), (&json!("opened"), &json!(true)));
        // The pong, and the echo of what is whole.
        let sent = if cut == first.len() { 8 + 4 + 130 } else { 8 };
        assert_eq!(opened["sent"], sent, "cut at {cut}");
        client.send(&first[cut..]);
        client.send(&second);
        while client.wait_for(TEXT) != b"second" {}
        client.send(&frame(CLOSE, b""));
        client.wait_for(CLOSE);
        drop(client);
        let events = watcher.until_closed();
        // The header has 8 bytes. Once it is read, what is left is no whole frame.
        let begin = if cut < 8 { 0 } else { 1 };
        let seen = [first.clone(), second.clone(), frame(CLOSE, b"")];
        assert_same_frames(&seen[begin..], &events, "client");
    }
}

#[test]
fn the_handshake_is_shown_byte_for_byte_except_its_key() {
    let server = Server::start(&[]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let head = handshake(&format!("/ws?name=Ana&wire={WIRE_KEY}"));
    let mut client = server.connect();
    let answer = ask_on(&mut client, &head);
    let opened = watcher.wait_for("opened");
    assert_eq!(opened["request"], head.replace(WIRE_KEY, &"*".repeat(22)));
    assert_eq!(opened["response"], answer.head);
    assert_eq!((&opened["key"], &opened["accept"]), (&json!(KEY), &json!(ACCEPT)));
    assert_eq!(opened["sha1"], "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
    assert_eq!((&opened["name"], &opened["endpoint"]), (&json!("Ana"), &json!("chat")));
    assert_eq!((&opened["late"], &opened["sent"]), (&json!(false), &json!(0)));
    assert_eq!(opened["peer"], client.local_addr().expect("an address").to_string());
    assert_eq!(opened["local"], client.peer_addr().expect("an address").to_string());
    let (asked, answered) = (opened["asked_us"].as_u64(), opened["answered_us"].as_u64());
    assert!(asked <= answered && answered <= opened["us"].as_u64(), "{opened}");
    assert_eq!(watcher.event()["kind"], "text", "the welcome");
}

#[test]
fn a_key_shows_its_own_connections_and_no_others() {
    let server = Server::start(&["--teacher-key", TEACHER]);
    let mut early = Watcher::open(&server, WIRE_KEY);
    let mut stranger = Watcher::open(&server, OTHER_KEY);
    let mut teacher = Watcher::open(&server, TEACHER);
    let mut ana = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    assert_eq!(ana.wait_for("welcome")["wire"], WIRE_KEY);
    let mut echo = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
    // Once it answers, the broadcaster knows of it.
    echo.send(&frame(TEXT, b"x"));
    echo.wait_for(TEXT);
    let mut luis = Client::open(&server, "/ws?name=Luis");
    let own_key = luis.wait_for("welcome")["wire"].as_str().expect("a key").to_owned();
    let mut late = Watcher::open(&server, WIRE_KEY);
    let mut of_luis = Watcher::open(&server, &own_key);

    assert_eq!(early.wait_for("opened")["name"], "Ana");
    assert_eq!(early.wait_for("opened")["endpoint"], "echo");
    let mut found = [late.wait_for("opened"), late.wait_for("opened")].map(|it| it["endpoint"].clone());
    found.sort_by_key(Value::to_string);
    assert_eq!(found, ["chat", "echo"]);
    assert_eq!(of_luis.wait_for("opened")["name"], "Luis");
    let names: Vec<Value> = (0..3).map(|_| teacher.wait_for("opened")["name"].clone()).collect();
    assert_eq!(names, [json!("Ana"), Value::Null, json!("Luis")], "watchers are not shown");
    luis.say(r#"{"type":"name","name":"Eva"}"#);
    assert_eq!(teacher.wait_for("named")["name"], "Eva");
    assert_eq!(of_luis.wait_for("named")["name"], "Eva");
    ana.leave();
    assert_eq!(early.wait_for("closed")["by"], "client");
    // A connection with the same key is watched from its first byte.
    let _again = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    assert_eq!(early.wait_for("opened")["late"], false);
    // The stranger got nothing: the next that comes is of its own.
    let _own = RawClient::open(&server, &format!("/echo?wire={OTHER_KEY}"));
    assert_eq!(stranger.event()["endpoint"], "echo");
}

#[test]
fn watching_needs_a_key_and_the_number_of_watchers_is_limited() {
    let server = Server::start(&["--teacher-key", TEACHER]);
    for path in ["/wire?key=", "/wire?key=teacher-of-others", "/wire?key=AAAA"] {
        let answer = ask(&server, handshake(path));
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.sentence().contains("takes a key"));
        assert_eq!(ask(&server, request("GET", path, "")).status, 426);
    }
    for key in [WIRE_KEY, TEACHER] {
        let watchers: Vec<Watcher> = (0..8).map(|_| Watcher::open(&server, key)).collect();
        let mut ninth = RawClient::open(&server, &format!("/wire?key={key}"));
        assert_eq!(ninth.wait_for_end().0, 1008);
        drop(watchers);
    }
    let mut talker = Watcher::open(&server, OTHER_KEY);
    talker.client.send(&frame(TEXT, b"hola"));
    assert_eq!(talker.client.wait_for_end().0, 1003);
}

#[test]
fn a_refused_request_is_shown_to_the_teacher_and_to_its_sender() {
    let server = Server::start(&["--teacher-key", TEACHER]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let mut own = Watcher::open(&server, WIRE_KEY);
    let foreign = handshake("/ws").replace("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n");
    let cases = [
        (foreign, 403),
        (request("GET", &format!("/ws?wire={WIRE_KEY}"), ""), 426),
        (handshake("/nowhere"), 404),
        ("GET nowhere\r\n\r\n".to_owned(), 400),
    ];
    for (head, status) in &cases {
        let answer = ask(&server, head);
        assert_eq!(answer.status, *status);
        let refused = teacher.event();
        assert_eq!((&refused["type"], &refused["status"]), (&json!("refused"), &json!(status)));
        assert_eq!(refused["request"], head.replace(WIRE_KEY, &"*".repeat(22)));
        let response = refused["response"].as_str().expect("a text");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
        assert!(response.ends_with(&answer.text()));
    }
    assert_eq!(own.event()["status"], 426);
}

#[test]
fn frames_before_a_fault_are_shown_too() {
    let server = Server::start(&["--log", "info"]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let mut echo = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
    let burst = [frame(TEXT, &[b'x'; 60_000]), frame(TEXT, &[b'y'; 100_000]), frame(CLOSE, b"\x03\xe8")];
    echo.send(&burst.concat());
    let events = watcher.until_closed();
    let shown: Vec<_> = frames(&events, "client")
        .map(|frame| (frame["kind"].as_str(), frame["length"].as_u64(), &frame["cut"]))
        .collect();
    let kinds: Vec<_> = shown.iter().map(|(kind, length, _)| (*kind, *length)).collect();
    let expected = [(Some("text"), Some(60_000)), (Some("text"), Some(100_000)), (Some("close"), Some(2))];
    assert_eq!(kinds, expected, "{shown:?}");
}

#[test]
fn a_close_is_reported_with_the_side_that_began_and_the_end_of_tcp() {
    let server = Server::start(&[]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let open = || {
        let mut client = RawClient::open(&server, &format!("/ws?wire={WIRE_KEY}"));
        // All is sent before the client goes: otherwise a write would find the reset, not a read.
        client.wait_for(TEXT);
        client
    };
    let mut end = |client: RawClient| {
        drop(client);
        let events = watcher.until_closed();
        let of_type = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
        let closed = events.last().expect("the end").clone();
        let closing = events.iter().find(|event| event["type"] == "closing").expect("it begins");
        for field in ["by", "code", "reason"] {
            assert_eq!(closing[field], closed[field]);
        }
        assert_eq!(of_type("answered") == 1, closed["answered"] == true, "{events:#?}");
        (
            closed["by"].clone(),
            closed["code"].clone(),
            closed["answered"].clone(),
            closed["tcp_by"].clone(),
            closed["tcp"].clone(),
        )
    };
    let told = |by: &str, code: u16, answered: bool, tcp_by: &str, tcp: &str| {
        (json!(by), json!(code), json!(answered), json!(tcp_by), json!(tcp))
    };

    let mut client = open();
    client.send(&frame(CLOSE, b"\x0f\xa0bye"));
    client.wait_for_end();
    assert_eq!(end(client), told("client", 4000, true, "server", "fin"));

    let mut client = open();
    client.send(&frame(CLOSE, b""));
    client.wait_for_end();
    assert_eq!(end(client), told("client", 1005, true, "server", "fin"));

    let mut client = open();
    client.send(&frame(BINARY, b"x"));
    client.wait_for_end();
    assert_eq!(end(client), told("server", 1003, false, "server", "fin"));

    let client = open();
    client.socket.shutdown(Shutdown::Write).expect("it is open");
    assert_eq!(end(client), told("nobody", 1006, false, "client", "fin"));

    let client = open();
    socket2::SockRef::from(&client.socket)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("it can be set");
    assert_eq!(end(client), told("nobody", 1006, false, "client", "reset"));

    let mut client = open();
    client.send(&frame(TEXT, br#"{"type":"show","what":"close","code":4321}"#));
    client.wait_for(CLOSE);
    client.send(&frame(CLOSE, b"\x10\xe1"));
    assert_eq!(client.frame(), None);
    assert_eq!(end(client), told("server", 4321, true, "server", "fin"));
}

#[test]
fn a_pong_is_paired_with_its_ping() {
    let server = Server::start(&["--ping", "1"]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let mut client = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
    client.wait_for(PING);
    client.send(&frame(PONG, b"unasked"));
    client.send(&frame(PONG, b""));
    let ping = watcher.wait_for("frame");
    assert_eq!((&ping["kind"], &ping["from"]), (&json!("ping"), &json!("server")));
    let unasked = watcher.wait_for("frame");
    assert!(unasked["round_trip_us"].is_null());
    let pong = watcher.wait_for("frame");
    assert_eq!(pong["ping_us"], ping["us"]);
    let between = pong["us"].as_u64().zip(ping["us"].as_u64()).map(|(pong, ping)| pong - ping);
    assert_eq!(pong["round_trip_us"].as_u64(), between);
    // The other way round.
    client.send(&frame(PING, b"one"));
    client.send(&frame(PING, b"two"));
    client.wait_for(PONG);
    client.wait_for(PONG);
    let two: Vec<Value> = (0..4).map(|_| watcher.wait_for("frame")).collect();
    for pong in two.iter().filter(|frame| frame["kind"] == "pong") {
        let ping = two.iter().find(|frame| frame["us"] == pong["ping_us"]).expect("its ping");
        assert_eq!(ping["plain"], pong["payload"]);
    }
}

#[test]
fn invalid_and_incomplete_frames_are_shown_as_such() {
    let server = Server::start(&[]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    for (sent, seen) in [
        (&b"\x83\x80abcd"[..], json!({"type": "broken", "header": "838061626364"})),
        (b"\x81\x85abcd12", json!({"type": "frame", "cut": true, "length": 5, "payload": "3132"})),
        (b"\x81\xfe\x01", json!({"type": "broken", "header": "81fe01"})),
    ] {
        let mut client = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
        client.send(sent);
        client.socket.shutdown(Shutdown::Write).expect("it is open");
        client.socket.read_to_end(&mut Vec::new()).expect("TCP ends in order");
        drop(client);
        let events = watcher.until_closed();
        let odd = events.iter().find(|event| {
            seen.as_object().expect("fields").iter().all(|(field, value)| event[field] == *value)
        });
        assert!(odd.is_some(), "{seen}: {events:#?}");
    }
}

#[test]
fn a_watcher_that_does_not_read_loses_events_and_gets_their_number() {
    const MESSAGES: usize = 30_000;
    // On a busy machine this takes longer than one who does not read is waited for.
    let server = Server::start(&["--rate", "0", "--ping", "0", "--log", "info"]);
    let mut watcher = Watcher::open(&server, WIRE_KEY);
    let mut ana = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    // The chat goes on, whole and in order.
    for number in 0..MESSAGES {
        ana.say(&number.to_string());
        assert_eq!(ana.message().1, number.to_string());
    }
    ana.leave();
    let (mut shown, mut lost) = (0, 0);
    let closed = loop {
        let event = watcher.event();
        match event["type"].as_str() {
            Some("frame") => shown += 1,
            Some("lost") => lost += event["count"].as_u64().expect("a number"),
            Some("closed") => break event,
            _ => {}
        }
        // Frames both ways, and the beginning of the closing among what was lost.
        if shown + lost >= 2 * MESSAGES as u64 + 5 {
            break event;
        }
    };
    assert!(lost > 0, "nothing was lost of {shown}");
    assert!(shown + lost >= 2 * MESSAGES as u64, "{shown} shown, {lost} lost: {closed}");
    let _next = RawClient::open(&server, &format!("/echo?wire={WIRE_KEY}"));
    watcher.wait_for("opened");
}
