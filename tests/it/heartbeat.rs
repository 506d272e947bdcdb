//! The server notices a client that vanished, and a quiet client that answers pings stays. A client notices a server that vanished:
//! it asks for a sign of life.

use crate::common::raw::{PING, PONG, RawClient, TEXT, frame};
use crate::common::returning::{MARK, Person};
use crate::common::{Client, Server};
use serde_json::json;

#[test]
fn a_client_that_answers_no_ping_is_closed_with_4012_and_has_left_with_1006() {
    let server = Server::start(&["--ping", "1"]);
    let mut ana = Client::join(&server, "Ana");
    let mut vanished = RawClient::open(&server, "/ws?name=Luis");
    // tungstenite answers the pings to Ana while she waits.
    let left = ana.wait_for("left");
    assert_eq!((left["name"].as_str(), left["code"].as_u64()), (Some("Luis"), Some(1006)));
    assert_eq!(vanished.wait_for(PING), b"");
    assert_eq!(vanished.wait_for_end(), (4012, "no_pong: no answer to our ping in time".to_owned()));
}

#[test]
fn a_quiet_client_that_answers_pings_stays_connected() {
    let server = Server::start(&["--ping", "1"]);
    let mut quiet = RawClient::open(&server, "/ws");
    for _ in 0..3 {
        let payload = quiet.wait_for(PING);
        quiet.send(&frame(PONG, &payload));
    }
    server.wait_for_log("pong after");
    assert!(!server.log().iter().any(|line| line.contains("closing begun")));
}

#[test]
fn without_a_heartbeat_no_client_is_pinged() {
    // The other server's ping shows that an interval has passed here, too.
    let silent = Server::start(&["--ping", "0"]);
    let mut never_pinged = RawClient::open(&silent, "/echo");
    let pinging = Server::start(&["--ping", "1"]);
    RawClient::open(&pinging, "/echo").wait_for(PING);
    never_pinged.send(&frame(TEXT, b"still here?"));
    assert_eq!(never_pinged.frame(), Some((TEXT, b"still here?".to_vec())), "no ping comes before it");
}

#[test]
fn a_heartbeat_is_answered_to_its_sender_alone_and_is_no_event() {
    let server = Server::start(&["--rate", "1"]);
    let [mut ana, mut luis] = ["Ana", "Luis"].map(|name| Person::join(&server, name));
    luis.send(&json!({"type": "heartbeat", "ref": "h1"}));
    assert_eq!(luis.wait_for("heartbeat"), json!({"type": "heartbeat", "ref": "h1"}));
    luis.send(&json!({"type": "heartbeat"}));
    assert_eq!(luis.wait_for("heartbeat"), json!({"type": "heartbeat"}));
    // What two heartbeats would have cost is still there.
    for number in 0..4 {
        luis.say(&number.to_string());
    }
    luis.say(MARK);
    assert!(!ana.until_mark().iter().any(|event| event["type"] == "heartbeat"));
    let events = luis.until_mark();
    assert!(!events.iter().any(|event| event["type"] == "error"), "{events:?}");
    let ids: Vec<u64> = events.iter().filter_map(|event| event["id"].as_u64()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a heartbeat takes no id: {ids:?}");
    let mut newcomer = Person::join(&server, "Eva");
    assert!(!newcomer.until_mark().iter().any(|event| event["type"] == "heartbeat"));
}

#[test]
fn a_flood_of_heartbeats_ends_with_1008_like_any_flood() {
    let server = Server::start(&["--rate", "2"]);
    let mut flood = RawClient::open(&server, "/ws");
    let beat = frame(TEXT, br#"{"type":"heartbeat"}"#);
    for _ in 0..40 {
        flood.send(&beat);
    }
    assert_eq!(flood.wait_for_end().0, 1008);
}
