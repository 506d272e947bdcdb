//! The server notices a client that vanished. A quiet client that answers pings stays.

use crate::common::raw::{PING, PONG, RawClient, TEXT, frame};
use crate::common::{Client, Server};

#[test]
fn a_client_that_answers_no_ping_is_closed_with_4012_and_has_left_with_1006() {
    let server = Server::start(&["--ping", "1"]);
    let mut ana = Client::join(&server, "Ana");
    let mut vanished = RawClient::open(&server, "/ws?name=Luis");
    // tungstenite answers the pings to Ana while she waits.
    let left = ana.wait_for("left");
    assert_eq!((left["name"].as_str(), left["code"].as_u64()), (Some("Luis"), Some(1006)));
    assert_eq!(vanished.wait_for(PING), b"");
    assert_eq!(vanished.wait_for_end(), (4012, "no answer to our ping in time".to_owned()));
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
