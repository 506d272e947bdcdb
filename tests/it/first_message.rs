//! Secrets that come with the first message, since proxies log addresses: sessions, and keys of the inspector. What the address may
//! say, the message may say, too, and no watcher or log sees it.

use std::net::Shutdown;

use crate::common::raw::{PING, RawClient, TEXT, frame};
use crate::common::returning::{MARK, Person};
use crate::common::{Client, Server};
use serde_json::{Value, json};

/// Joins by a first message.
fn join(server: &Server, message: &Value) -> Client {
    let mut client = Client::open(server, "/ws?join=message");
    client.say(&message.to_string());
    client
}

#[test]
fn a_client_joins_and_comes_back_by_its_first_message() {
    let server = Server::start(&["--history", "0"]);
    let mut ana = Person::join(&server, "Ana");
    let mut luis = join(&server, &json!({"type": "join", "name": "Luis"}));
    let welcome = luis.event();
    assert_eq!((&welcome["type"], &welcome["you"]), (&json!("welcome"), &json!("Luis")));
    // What follows at once is said after the join.
    luis.say("hola");
    assert_eq!(ana.wait_for("message")["from"], "Luis");
    drop(luis);
    ana.wait_for("left");
    ana.tell("Luis", "psst");
    ana.wait_for("message");
    let after = welcome["last"].clone();
    let mut back = join(
        &server,
        &json!({"type": "join", "name": "Luis", "session": welcome["session"], "epoch": welcome["epoch"], "after": after}),
    );
    let again = back.event();
    assert_eq!((&again["you"], &again["recovered"]), (&json!("Luis"), &json!(true)));
    assert_eq!([back.message().1, back.message().1], ["hola", "psst"]);
    // At the page's own address, too; and a name that is refused is refused as in the address.
    let mut eva = Client::open(&server, "/?join=message");
    eva.say(r#"{"type":"join","name":"ana"}"#);
    assert_ne!(eva.wait_for("welcome")["you"], "ana");
    assert_eq!(eva.wait_for("error")["code"], "name_taken");
    eva.say(MARK);
    ana.until_mark();
}

#[test]
fn a_first_message_that_is_no_join_ends_the_connection_with_1008() {
    let server = Server::start(&[]);
    let long = json!({"type": "join", "name": "Ana", "epoch": "x".repeat(9000)}).to_string();
    for wrong in
        ["hola", "", "{", r#"{"type":"message","text":"hola"}"#, r#"{"type":"join","name":7}"#, "[]", &long]
    {
        let mut client = RawClient::open(&server, "/ws?join=message");
        client.send(&frame(TEXT, wrong.as_bytes()));
        let (code, reason) = client.wait_for_end();
        assert!(code == 1008 && reason.starts_with("not_a_join: "), "{wrong:.40}: {code} {reason}");
    }
    let mut ana = Person::join(&server, "Ana");
    assert_eq!(ana.welcome["count"], 1);
    ana.say(MARK);
    ana.hears_nothing();
}

#[test]
fn without_a_first_message_the_connection_ends_in_time_though_bytes_keep_coming() {
    let server = Server::start(&["--handshake-timeout", "1"]);
    let mut silent = RawClient::open(&server, "/ws?join=message");
    let mut pinging = RawClient::open(&server, "/ws?join=message");
    let mut slow = RawClient::open(&server, "/ws?join=message");
    // A message that never ends.
    let long = frame(TEXT, &vec![b' '; 60_000]);
    slow.send(&long[..long.len() - 1]);
    pinging.send(&frame(PING, b"still here"));
    let watcher = if cfg!(feature = "inspector") { "/wire" } else { "/ws?join=message" };
    let mut watcher = RawClient::open(&server, watcher);
    for client in [&mut silent, &mut pinging, &mut slow, &mut watcher] {
        let (code, reason) = client.wait_for_end();
        assert!(code == 1008 && reason.starts_with("no_first_message: "), "{code} {reason}");
    }
    // One that joined is not closed when that time is over.
    let mut ana = join(&server, &json!({"type": "join", "name": "Ana"}));
    ana.wait_for("welcome");
    let mut later = RawClient::open(&server, "/ws?join=message");
    later.wait_for_end();
    ana.say(MARK);
    assert_eq!(ana.message().1, MARK);
}

#[cfg(feature = "inspector")]
mod watched {
    use super::*;
    use crate::common::wire::{OTHER_KEY, TEACHER, WIRE_KEY, Watcher};

    /// Watches by a key in the first message.
    fn watch(server: &Server, key: &str) -> Watcher {
        let mut client = RawClient::open(server, "/wire");
        client.send(&frame(TEXT, json!({"type": "watch", "key": key}).to_string().as_bytes()));
        let mut watcher = Watcher { client, raw: Vec::new() };
        assert_eq!(watcher.event()["type"], "watching");
        watcher
    }

    #[test]
    fn a_key_in_the_first_message_opens_what_it_opens_in_the_address() {
        let server = Server::start(&["--teacher-key", TEACHER]);
        let (mut own, mut teacher) = (watch(&server, WIRE_KEY), watch(&server, TEACHER));
        let mut stranger = watch(&server, OTHER_KEY);
        let mut ana = join(&server, &json!({"type": "join", "name": "Ana", "wire": WIRE_KEY}));
        assert_eq!(ana.wait_for("welcome")["wire"], WIRE_KEY);
        ana.say("hola");
        ana.message();
        ana.leave();
        for watcher in [&mut own, &mut teacher] {
            let events = watcher.until_closed();
            assert_eq!(events[0]["type"], "opened", "{events:#?}");
            let first = events.iter().find(|event| event["type"] == "frame").expect("a frame");
            let shown = ["from", "kind", "hidden"].map(|field| first[field].clone());
            assert_eq!(shown, [json!("client"), json!("text"), json!(true)], "the join message");
            assert!(events.iter().any(|event| event["name"] == "Ana"), "{events:#?}");
        }
        let mut other = RawClient::open(&server, &format!("/echo?wire={OTHER_KEY}"));
        other.send(&frame(crate::common::raw::CLOSE, b""));
        assert!(stranger.until_closed().iter().all(|event| event["name"] != "Ana"));
        // A watcher that comes later finds it by the same key.
        let mut luis = join(&server, &json!({"type": "join", "name": "Luis", "wire": WIRE_KEY}));
        luis.wait_for("welcome");
        assert_eq!(watch(&server, WIRE_KEY).wait_for("opened")["name"], "Luis");
        for wrong in ["short", ""] {
            let mut client = RawClient::open(&server, "/wire");
            client.send(&frame(TEXT, json!({"type": "watch", "key": wrong}).to_string().as_bytes()));
            let (code, reason) = client.wait_for_end();
            assert!(code == 1008 && reason.starts_with("wrong_key: "), "{code} {reason}");
        }
        let mut client = RawClient::open(&server, "/wire");
        client.send(&frame(TEXT, b"hola"));
        assert!(client.wait_for_end().1.starts_with("not_a_watch: "));
    }

    #[test]
    fn a_request_that_is_refused_may_bring_its_key_in_a_header() {
        use crate::common::raw::{ask, request};
        let server = Server::start(&["--log", "trace"]);
        let mut own = watch(&server, WIRE_KEY);
        let head = request("GET", "/ws", &format!("X-Wire-Key: {WIRE_KEY}\r\n"));
        assert_eq!(ask(&server, head).status, 426);
        let refused = own.wait_for("refused");
        assert!(refused["request"].as_str().expect("a head").contains("X-Wire-Key: ***"), "{refused}");
        own.assert_never_saw(WIRE_KEY);
        assert!(!server.log().iter().any(|line| line.contains(WIRE_KEY)));
    }

    #[test]
    fn no_watcher_and_no_log_sees_the_secrets_of_a_first_message() {
        const SECRET: &str = "S3CRET-S3CRET-S3CRET";
        let server = Server::start(&["--teacher-key", TEACHER, "--log", "trace"]);
        let (mut own, mut teacher) = (watch(&server, WIRE_KEY), watch(&server, TEACHER));
        let message =
            json!({"type": "join", "name": "Ana", "session": SECRET, "epoch": SECRET, "wire": WIRE_KEY});
        let message = message.to_string();
        let whole = frame(TEXT, message.as_bytes());
        let fragments =
            [frame(0x01, &message.as_bytes()[..60]), frame(0x80, &message.as_bytes()[60..])].concat();
        let cut = whole[..whole.len() - 3].to_vec();
        let wrong = frame(TEXT, format!("{message}x").as_bytes());
        for bytes in [whole, fragments, cut, wrong] {
            let mut client = RawClient::open(&server, "/ws?join=message");
            client.send(&bytes);
            client.socket.shutdown(Shutdown::Write).expect("it is open");
            while client.frame().is_some() {}
            teacher.wait_for("closed");
        }
        own.wait_for("closed");
        own.wait_for("closed");
        for secret in [SECRET, &SECRET[..8], WIRE_KEY] {
            teacher.assert_never_saw(secret);
            own.assert_never_saw(secret);
            assert!(!server.log().iter().any(|line| line.contains(secret)), "{secret} in the log");
        }
        let hex: String = SECRET[..8].bytes().map(|byte| format!("{byte:02x}")).collect();
        let spaced: String = SECRET[..4].bytes().map(|byte| format!("{byte:02x} ")).collect();
        assert!(!server.log().iter().any(|line| line.contains(&hex) || line.contains(&spaced)));
        // Nor in the masked bytes.
        let masked = &frame(TEXT, SECRET.as_bytes())[6..];
        let masked: String = masked.iter().map(|byte| format!("{byte:02x}")).collect();
        for watcher in [&teacher, &own] {
            for shift in 0..4 {
                let part = &masked[2 * shift..2 * shift + 16];
                assert!(!String::from_utf8_lossy(&watcher.raw).contains(part));
            }
        }
    }

    #[test]
    #[cfg(feature = "accounts")]
    fn where_people_must_sign_in_the_teachers_key_is_enough_and_no_other_is() {
        use crate::common::users::Users;
        let users = Users::new(&["ana"]);
        let server = Server::start(&["--users", &users.path(), "--teacher-key", TEACHER]);
        watch(&server, TEACHER);
        let mut stranger = RawClient::open(&server, "/wire");
        stranger.send(&frame(TEXT, json!({"type": "watch", "key": WIRE_KEY}).to_string().as_bytes()));
        let (code, reason) = stranger.wait_for_end();
        assert!(code == 4500 && reason.starts_with("not_signed_in: "), "{code} {reason}");
    }
}
