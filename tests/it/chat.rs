//! Which messages reach which members, through a real server and real sockets.

use std::thread;

use crate::common::raw::{CLOSE, PING, PONG, RawClient, TEXT, frame};
use crate::common::{Client, Server};
use serde_json::{Value, json};

#[test]
fn three_members_get_each_others_messages() {
    let server = Server::start(&["--history", "0"]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    let mut eva = Client::join(&server, "Eva");
    assert_eq!(ana.wait_for("joined")["name"], "Luis");
    assert_eq!(ana.wait_for("joined")["name"], "Eva");
    assert_eq!(luis.wait_for("joined")["count"], 3);
    ana.say("hola");
    luis.say(r#"{"type":"message","text":"¿qué tal? 👋"}"#);
    for client in [&mut ana, &mut luis, &mut eva] {
        let mut heard = [client.message(), client.message()];
        heard.sort();
        assert_eq!(heard, [pair("Ana", "hola"), pair("Luis", "¿qué tal? 👋")]);
    }
}

#[test]
fn the_limits_in_a_welcome_are_those_that_hold() {
    let server = Server::start(&["--max-message", "300", "--rate", "3"]);
    let mut ana = RawClient::open(&server, "/ws?name=Ana");
    let welcome: Value = serde_json::from_slice(&ana.wait_for(TEXT)).expect("a welcome");
    let limit = |name: &str| welcome["limits"][name].as_u64().expect("a number") as usize;
    assert_eq!((limit("rate"), limit("burst")), (3, 15));
    // The burst goes through, each as long as it may be; then one more is refused.
    for _ in 0..limit("burst") {
        ana.send(&frame(TEXT, &vec![b'x'; limit("message")]));
        assert!(ana.wait_for(TEXT).starts_with(b"{\"type\":\"message\""));
    }
    let refused = (0..limit("burst")).find_map(|_| {
        ana.send(&frame(TEXT, b"one more"));
        let answer = String::from_utf8(ana.wait_for(TEXT)).expect("UTF-8");
        answer.contains("too_fast").then_some(answer)
    });
    assert!(refused.is_some());
    let mut luis = RawClient::open(&server, "/ws?name=Luis");
    luis.send(&frame(TEXT, &vec![b'x'; limit("message") + 1]));
    assert_eq!(luis.wait_for_end().0, 1009);
}

fn pair(from: &str, text: &str) -> (String, String) {
    (from.to_owned(), text.to_owned())
}

#[test]
fn a_welcome_lists_the_members_and_a_new_member_gets_no_notice_of_itself() {
    let server = Server::start(&["--history", "0"]);
    let _ana = Client::join(&server, "Ana");
    let mut luis = Client::open(&server, "/?name=Luis");
    let welcome = luis.event();
    let mut expected = json!({
        "type": "welcome", "you": "Luis", "users": ["Ana", "Luis"], "count": 2, "last": 1, "recovered": false,
        "session": welcome["session"], "epoch": welcome["epoch"],
        "limits": {"message": 65536, "rate": 20, "burst": 100, "one_more_per": 4096, "heartbeat": 5, "name": 64, "ref": 64},
    });
    if cfg!(feature = "inspector") {
        expected["wire"] = welcome["wire"].clone();
        assert!(expected["wire"].is_string());
    }
    assert_eq!(welcome, expected);
    luis.say("first");
    let next = luis.event();
    assert_eq!((next["type"].as_str(), next["id"].as_u64()), (Some("message"), Some(3)));
}

#[test]
fn all_members_get_all_messages_in_the_same_order() {
    const SENDERS: usize = 4;
    const MESSAGES: usize = 500;
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut listeners: Vec<Client> =
        (0..3).map(|number| Client::join(&server, &format!("listener-{number}"))).collect();
    let senders: Vec<Client> =
        (0..SENDERS).map(|number| Client::join(&server, &format!("sender-{number}"))).collect();
    let senders: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(number, mut sender)| {
            thread::spawn(move || {
                for message in 0..MESSAGES {
                    sender.say(&format!("{number} {message}"));
                }
                // Senders hear it all, too.
                heard_by(&mut sender, SENDERS * MESSAGES)
            })
        })
        .collect();
    let first = heard_by(&mut listeners[0], SENDERS * MESSAGES);
    let ids: Vec<u64> = first.iter().filter_map(|event| event["id"].as_u64()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "ids rise by one");
    for sender in 0..SENDERS {
        let own = first.iter().filter(|event| event["from"] == format!("sender-{sender}"));
        let texts: Vec<_> = own.map(|event| event["text"].as_str().unwrap_or("").to_owned()).collect();
        let sent: Vec<_> = (0..MESSAGES).map(|message| format!("{sender} {message}")).collect();
        assert_eq!(texts, sent, "a sender's messages keep their order, none lost, none doubled");
    }
    for listener in &mut listeners[1..] {
        assert_eq!(heard_by(listener, SENDERS * MESSAGES), first);
    }
    for sender in senders {
        assert_eq!(sender.join().expect("the sender is content"), first);
    }
}

fn heard_by(client: &mut Client, messages: usize) -> Vec<Value> {
    (0..messages).map(|_| client.wait_for("message")).collect()
}

#[test]
fn a_ref_comes_back_only_to_the_sender() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    ana.say(r#"{"type":"message","text":"hola","ref":"a1"}"#);
    let own = ana.wait_for("message");
    let heard = luis.wait_for("message");
    assert_eq!((&own["id"], &own["ref"]), (&heard["id"], &json!("a1")));
    assert_eq!(heard.get("ref"), None);
}

#[test]
fn people_leave_with_their_code_and_reason() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = RawClient::open(&server, "/ws?name=Luis");
    ana.wait_for("joined");
    luis.send(&frame(CLOSE, b"\x03\xe9lunch"));
    let left = ana.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&json!("Luis"), &json!(1001)));
    assert_eq!((&left["reason"], &left["count"]), (&json!("lunch"), &json!(1)));

    let mut eva = RawClient::open(&server, "/ws?name=Eva");
    eva.send(&frame(CLOSE, b""));
    assert_eq!(ana.wait_for("left")["code"], 1005, "a close frame without a code");

    drop(RawClient::open(&server, "/ws?name=Paz"));
    assert_eq!(ana.wait_for("left")["code"], 1006, "no close frame at all");
}

#[test]
fn a_renaming_reaches_all_members_and_taken_or_invalid_names_are_refused() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut guest = Client::open(&server, "/ws");
    assert_eq!(guest.wait_for("welcome")["you"], "guest-1");
    guest.say(r#"{"type":"name","name":" ANA "}"#);
    assert_eq!(guest.wait_for("error")["code"], "name_taken");
    guest.say(r#"{"type":"name","name":"A\u200bna"}"#);
    assert_eq!(guest.wait_for("error")["code"], "bad_name");
    guest.say(r#"{"type":"name","name":"  Luis   Ángel "}"#);
    for client in [&mut ana, &mut guest] {
        let renamed = client.wait_for("renamed");
        assert_eq!((&renamed["from"], &renamed["name"]), (&json!("guest-1"), &json!("Luis Ángel")));
    }
    ana.say(r#"{"type":"name","name":"ANA"}"#);
    assert_eq!(guest.wait_for("renamed")["name"], "ANA", "one's own name may change its case");
}

#[test]
fn a_requested_name_that_is_taken_makes_a_guest_and_the_welcome_says_why() {
    let server = Server::start(&["--history", "0"]);
    let mut ana = Client::join(&server, "Ana");
    let mut second = Client::open(&server, "/ws?name=ana");
    assert_eq!(second.event()["you"], "guest-1");
    assert_eq!(second.event()["code"], "name_taken");
    ana.leave();
    assert_eq!(second.wait_for("left")["name"], "Ana");
    second.say(r#"{"type":"name","name":"ana"}"#);
    assert_eq!(second.wait_for("renamed")["name"], "ana", "a name is free again when its owner is gone");
}

#[test]
fn an_invalid_command_is_answered_and_reaches_no_other_member() {
    let server = Server::start(&["--history", "0"]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    for (said, code) in [
        ("{", "bad_message"),
        (r#"{"type":"shout","text":"x"}"#, "bad_message"),
        (r#"{"type":"message","text":"psst","to":"Eva"}"#, "no_such_user"),
        (r#"{"type":"message","text":""}"#, "empty"),
        ("  ", "empty"),
        (&("{\"type\":\"message\",\"text\":".to_owned() + &"[".repeat(60_000)), "bad_message"),
        (&("{\"x\":".to_owned() + &"[1,".repeat(15_000)), "bad_message"),
    ] {
        ana.say(said);
        assert_eq!(ana.wait_for("error")["code"], code, "{said:.60}");
    }
    ana.say("after");
    let heard = luis.event();
    assert_eq!(heard["text"], "after");
}

#[test]
fn too_many_messages_a_second_are_warned_about_and_then_end_with_1008() {
    let server = Server::start(&["--rate", "2"]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    for number in 0..100 {
        // Once the server has closed, further messages go nowhere.
        let _ = luis.websocket.send(tungstenite::Message::text(format!("{number}")));
    }
    assert_eq!(luis.wait_for("error")["code"], "too_fast");
    assert_eq!(luis.wait_for_close().0, 1008);
    assert_eq!(ana.wait_for("left")["code"], 1008);
}

#[test]
fn a_ping_is_answered_while_a_broadcast_is_in_progress() {
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut noisy = Client::join(&server, "noisy");
    let mut calm = RawClient::join(&server, "calm");
    let sender = thread::spawn(move || {
        for number in 0..2000 {
            noisy.say(&format!("noise {number}"));
        }
        noisy
    });
    let mut messages = 0;
    for number in 0..20_u8 {
        calm.send(&frame(PING, &[number]));
        loop {
            match calm.frame().expect("the connection stays") {
                (PONG, payload) => {
                    assert_eq!(payload, [number]);
                    break;
                }
                (TEXT, payload) => messages += usize::from(is_message(&payload)),
                other => panic!("whole frames only, no pieces of others: {other:?}"),
            }
        }
    }
    while messages < 2000 {
        messages += usize::from(is_message(&calm.wait_for(TEXT)));
    }
    drop(sender.join().expect("the sender is content"));
}

fn is_message(payload: &[u8]) -> bool {
    serde_json::from_slice::<Value>(payload).expect("an event is JSON")["type"] == "message"
}

#[test]
fn an_echo_returns_text_and_binary_and_reaches_no_other_client() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut echo = Client::open(&server, "/echo");
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let text = "ñ".repeat(length / 2) + &"x".repeat(length % 2);
        for message in [tungstenite::Message::text(text.clone()), tungstenite::Message::binary(text)] {
            echo.websocket.send(message.clone()).expect("the server takes a message");
            assert_eq!(echo.websocket.read().expect("the echo comes"), message);
        }
    }
    ana.say("still quiet here");
    assert_eq!(ana.event()["text"], "still quiet here");
}

#[test]
fn many_joins_at_once_are_announced_together() {
    let server = Server::start(&["--log", "info"]);
    let mut ana = Client::join(&server, "Ana");
    let crowd: Vec<Client> = (0..60).map(|_| Client::open(&server, "/ws")).collect();
    let (mut joined, mut told) = (0, 0);
    while joined < crowd.len() as u64 {
        let event = ana.event();
        told += 1;
        joined += match event["type"].as_str() {
            Some("joined") => 1,
            Some("crowd") => event["joined"].as_u64().expect("a number"),
            other => panic!("not a notice: {other:?}"),
        };
    }
    assert!(told < crowd.len(), "{told} notices for {} people", crowd.len());
}
