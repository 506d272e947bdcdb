//! Guessing passwords is slow, is counted, gives an attacker no information, and disturbs no other client.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::raw::{Answer, RawClient, TEXT, ask, ask_on, frame, read_answer, request};
use crate::common::users::{Users, basic, cookie_of, handshake_with, password_of, post, sign_in};
use crate::common::wire::{TEACHER, Watcher};
use crate::common::{Client, Server};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A sign-in from a client address of its own.
fn try_from(server: &Server, source: Ipv4Addr, name: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    let mut socket = server.connect_from(source);
    ask_on(&mut socket, post("/login", "application/json", &body, ""))
}

/// As many wrong passwords at once, each for the name that belongs to its number: the statuses of the answers.
fn guess(server: &Server, source: Ipv4Addr, count: usize, name: impl Fn(usize) -> String + Sync) -> Vec<u16> {
    let name = &name;
    thread::scope(|scope| {
        let guess = |number| scope.spawn(move || try_from(server, source, &name(number), "wrong").status);
        let guesses: Vec<_> = (0..count).map(guess).collect();
        guesses.into_iter().map(|guess| guess.join().expect("an answer")).collect()
    })
}

/// The cost of each password check, from the log.
fn checks(server: &Server) -> Vec<String> {
    let log = server.log();
    let checked = log.iter().filter_map(|line| line.split_once("a password was checked: "));
    checked.map(|(_, cost)| cost.to_owned()).collect()
}

#[test]
fn an_unknown_name_takes_the_same_work_and_gets_the_same_answer() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let known = sign_in(&server, "Ana", "wrong");
    for unknown in ["Nobody", "", "not:a:name", "\u{202e}", &"x".repeat(1000)] {
        let answer = sign_in(&server, unknown, "wrong");
        assert_eq!((answer.status, answer.text()), (known.status, known.text()), "{unknown:?}");
    }
    let unknown = ask(&server, handshake_with("/ws", &basic("Nobody", "wrong")));
    assert_eq!(unknown.status, 401);
    assert_eq!(checks(&server), ["Argon2id, m=19456,t=2,p=1"; 7]);
}

#[test]
fn an_unknown_name_costs_as_much_as_those_on_the_list() {
    let users = Users::new(&[]);
    let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    users.write(&format!("Ana:$argon2id$v=19$m=65536,t=2,p=1${salt_and_hash}\n"));
    let server = users.serve(&[]);
    for name in ["Ana", "Nobody"] {
        assert_eq!(sign_in(&server, name, "wrong").status, 401);
    }
    assert_eq!(sign_in(&server, "Ana", "password").status, 200, "another tool's hash");
    assert_eq!(checks(&server), ["Argon2id, m=65536,t=2,p=1"; 3]);
}

#[test]
fn every_spelling_of_an_unknown_name_costs_the_same() {
    let users = Users::new(&[]);
    let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let lines =
        (1..=8).map(|passes| format!("Person {passes}:$argon2id$v=19$m=64,t={passes},p=1${salt_and_hash}\n"));
    users.write(&lines.collect::<String>());
    let server = users.serve(&[]);
    for name in ["nobody", "NOBODY", "Nobody", "  nObOdY "] {
        assert_eq!(sign_in(&server, name, "wrong").status, 401);
    }
    let costs = checks(&server);
    assert_eq!(costs, [costs[0].as_str(); 4]);
}

#[test]
fn after_ten_wrong_passwords_a_name_must_wait_and_no_other() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let mut ana = Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    for name in ["Ana", "Nobody"] {
        assert_eq!(guess(&server, HERE, 10, |_| name.to_owned()), [401; 10]);
        let before = checks(&server).len();
        // Even the right one, from wherever, and also for a WebSocket.
        let elsewhere = Ipv4Addr::new(127, 0, 0, 2);
        let answer = try_from(&server, elsewhere, name, &password_of(name));
        assert_eq!(answer.status, 429, "{name}");
        let wait: u32 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("s");
        assert!((1..=30).contains(&wait), "{answer:?}");
        assert!(answer.sentence().contains(&format!("{wait} s")), "{answer:?}");
        let basic = basic(name, &password_of(name));
        assert_eq!(ask(&server, handshake_with("/ws", &basic)).status, 429);
        assert_eq!(checks(&server).len(), before, "no password is checked any more");
    }
    assert_eq!(sign_in(&server, "Luis", &password_of("Luis")).status, 200);
    // Who is here stays here.
    ana.say("still here");
    assert_eq!(ana.message().1, "still here");
}

#[test]
fn right_passwords_are_not_counted() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    for _ in 0..15 {
        assert_eq!(sign_in(&server, "Ana", &password_of("Ana")).status, 200);
    }
}

#[test]
fn after_a_hundred_wrong_passwords_an_address_must_wait_and_no_other() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let guesser = Ipv4Addr::new(127, 0, 0, 9);
    let mut statuses = Vec::new();
    while statuses.len() < 200 {
        let begin = statuses.len();
        statuses.extend(guess(&server, guesser, 25, |number| format!("name {}", begin + number)));
    }
    // Each round takes a second, which adds one token to the bucket; the other attempts get 429.
    let wrong = statuses.iter().filter(|status| **status == 401).count();
    assert!((100..150).contains(&wrong), "{statuses:?}");
    assert_eq!(checks(&server).len(), wrong, "no other password is checked");
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
    assert_eq!(try_from(&server, HERE, "Ana", &password_of("Ana")).status, 200);
}

#[test]
fn a_right_password_does_not_wait_for_wrong_ones() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let mut wrong = server.connect();
    let body = "name=Nobody&password=wrong";
    let request = post("/login", "application/x-www-form-urlencoded", body, "");
    std::io::Write::write_all(&mut wrong, request.as_bytes()).expect("the server takes it");
    // The wrong one has been compared, and its answer waits on purpose.
    server.wait_for_log("wrong password for a name that is not on the list");
    assert_eq!(sign_in(&server, "Ana", &password_of("Ana")).status, 200);
    let answered =
        |status: &str| server.log().iter().position(|line| line.contains("POST") && line.contains(status));
    server.wait_for_log("answered 200");
    assert_eq!(answered("answered 401"), None);
    server.wait_for_log("answered 401");
}

#[test]
fn a_flood_of_wrong_passwords_does_not_disturb_the_chat() {
    const MESSAGES: usize = 300;
    let users = Users::new(&["Ana", "Luis", "Eva"]);
    let server = users.serve(&["--rate", "0"]);
    let as_user = |name| Client::open_as(&server, "/ws", &basic(name, &password_of(name)));
    let mut luis = as_user("Luis");
    luis.wait_for("welcome");
    let mut ana = as_user("Ana");
    ana.wait_for("welcome");
    let (is_over, busy) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        for number in 0..100 {
            let (server, is_over, busy) = (&server, &is_over, &busy);
            scope.spawn(move || {
                let mut tries = 0;
                while !is_over.load(Ordering::Relaxed) {
                    tries += 1;
                    let source = Ipv4Addr::new(127, 1, number, tries);
                    let name = format!("name {number} {tries}");
                    match try_from(server, source, &name, "wrong").status {
                        401 => {}
                        503 => busy.store(true, Ordering::Relaxed),
                        status => panic!("{status}"),
                    }
                }
            });
        }
        // It has begun, and more come than can be compared.
        server.wait_for_log("too many want to sign in");
        for number in 0..MESSAGES {
            ana.say(&format!("message {number}"));
        }
        for number in 0..MESSAGES {
            assert_eq!(luis.message(), ("Ana".into(), format!("message {number}")));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(busy.into_inner());
    // And then all is as before.
    assert_eq!(sign_in(&server, "Eva", &password_of("Eva")).status, 200);
}

#[test]
fn nothing_secret_is_in_the_log_or_in_the_inspector() {
    const SECRETS: [&str; 4] = ["S3CRET-right", "S3CRET-wrong", "S3CRET-name", "S3CRET-form"];
    let users = Users::new(&[]);
    assert!(users.run(&["--add-user", "Ana"], "S3CRET-right\n").status.success());
    let server = users.serve(&["--teacher-key", TEACHER, "--log", "trace"]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let signed_in = sign_in(&server, "Ana", "S3CRET-right");
    assert_eq!(signed_in.status, 200);
    let cookie = cookie_of(&signed_in);
    assert_eq!(sign_in(&server, "Ana", "S3CRET-wrong").status, 401);
    // The password in the field of the name.
    assert_eq!(sign_in(&server, "S3CRET-name", "x").status, 401);
    let form = "password=S3CRET-form&name=Ana";
    let form = post("/login", "application/x-www-form-urlencoded", form, "");
    assert_eq!(ask(&server, form).status, 401);
    for name in ["Ana", "S3CRET-name"] {
        let head = handshake_with("/ws", &basic(name, "S3CRET-wrong"));
        assert_eq!(ask(&server, head).status, 401);
    }
    // A body whose length is missing, or too small, is taken for the next request, which is refused and shown.
    let json = r#"{"name":"Ana","password":"S3CRET-wrong"}"#;
    for (length, body) in [("", json), ("Content-Length: 9\r\n", json), ("", "name=x\r\nS3CRET-form: x")] {
        let head = request("POST", "/login", &format!("Content-Type: application/json\r\n{length}"));
        let mut socket = server.connect();
        assert_eq!(ask_on(&mut socket, format!("{head}{body}\r\n\r\n")).status, 400);
        assert_eq!(read_answer(&mut socket, false).status, 400);
    }
    // Refused answers come to the teacher, and what else is done with the cookie.
    for header in [basic("Ana", "S3CRET-right"), format!("Cookie: {cookie}")] {
        let mut tab = RawClient::open_with(&server, handshake_with("/ws", &header).as_bytes());
        tab.wait_for(TEXT);
        tab.send(&frame(TEXT, b"for all to see"));
    }
    assert_eq!(ask(&server, post("/logout", "", "", &format!("Cookie: {cookie}\r\n"))).status, 200);
    let mut closed = 0;
    while closed < 2 {
        closed += usize::from(teacher.event()["type"] == "closed");
    }
    let encoded = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let (_, token) = cookie.split_once('=').expect("a pair");
    let more = [encoded("Ana:S3CRET-right"), encoded("Ana:S3CRET-wrong"), token.to_owned()];
    let log = server.log();
    for secret in SECRETS.iter().copied().chain(more.iter().map(String::as_str)) {
        teacher.assert_never_saw(secret);
        let line = log.iter().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(String::from_utf8_lossy(&teacher.raw).contains("401 Unauthorized"));
    assert_eq!(ask(&server, request("GET", "/health", "")).status, 200);
}
