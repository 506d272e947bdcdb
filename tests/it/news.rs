//! "How late do I hear of it?": the same ten pieces of news over a WebSocket, by polling, long polling and server-sent events.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::common::raw::{Answer, CLOSE, RawClient, TEXT, ask, ask_on, frame, read_answer, request};
use crate::common::{Client, Server};
use serde_json::{Value, json};

const PIECES: u64 = 10;

fn get(query: &str) -> String {
    request("GET", &format!("/news{query}"), "")
}

fn stream(query: &str, more: &str) -> String {
    request("GET", &format!("/news{query}"), &format!("Accept: text/event-stream\r\n{more}"))
}

fn body(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).expect("a JSON object")
}

/// A run that begins now.
fn begin(server: &Server) -> String {
    let news = body(&ask(server, get("")));
    assert_eq!((&news["count"], &news["over"]), (&json!(10), &json!(false)));
    // The first may happen at once.
    assert!(news["pieces"].as_array().is_some_and(|pieces| pieces.len() <= 1), "{news}");
    news["run"].as_str().expect("an id").to_owned()
}

/// The number, the moment and the text of pieces.
fn what_happened(pieces: &[Value]) -> Vec<Value> {
    pieces.iter().map(|piece| json!([piece["number"], piece["at"], piece["text"]])).collect()
}

/// The chunks of a stream up to the last, each an event: its fields before `data`, and its data.
fn events(socket: &mut TcpStream) -> Vec<(String, Value)> {
    let mut reader = BufReader::new(socket);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line of the stream");
        line.trim_end().to_owned()
    };
    let mut events = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(), 16).expect("a chunk has its length first");
        if length == 0 {
            assert_eq!(line(), "");
            return events;
        }
        let (fields, data, blank, end) = (line(), line(), line(), line());
        assert_eq!(length, fields.len() + data.len() + 3, "a chunk is one event");
        assert_eq!((blank.as_str(), end.as_str()), ("", ""));
        let data = data.strip_prefix("data: ").expect("data");
        events.push((fields, serde_json::from_str(data).expect("JSON")));
    }
}

fn open_stream(server: &Server, request: &str) -> TcpStream {
    let mut socket = server.connect();
    socket.write_all(request.as_bytes()).expect("the server takes bytes");
    let head = read_answer(&mut socket, true);
    assert_eq!(head.header("content-type"), Some("text/event-stream"), "{head:?}");
    assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(head.header("content-length"), None);
    socket
}

#[test]
fn the_same_ten_pieces_come_over_all_four_ways() {
    let server = Server::start(&[]);
    let mut witness = Client::join(&server, "witness");
    let mut client = RawClient::join(&server, "Ana");
    client.send(&frame(TEXT, br#"{"type":"show","what":"news"}"#));
    let mut pushed = || loop {
        let event: Value = serde_json::from_slice(&client.wait_for(TEXT)).expect("an event");
        if event["type"] == "shown" {
            assert_eq!(event["what"], "news");
            return event;
        }
    };
    let announced = pushed();
    let run = announced["run"].as_str().expect("an id").to_owned();
    assert!(announced["part"].is_null() && announced["at"].is_null() && announced["now"].is_number());

    let mut streamed = open_stream(&server, &stream(&format!("?run={run}"), ""));
    let mut long = server.connect();
    let mut by_long_poll: Vec<Value> = Vec::new();
    while by_long_poll.len() < 10 {
        let query = format!("?run={run}&after={}&wait=10", by_long_poll.len());
        let news = body(&ask_on(&mut long, get(&query)));
        let pieces = news["pieces"].as_array().expect("a list");
        assert!(!pieces.is_empty(), "a long poll answers when there is something: {news}");
        for piece in pieces {
            assert!(piece["at"].as_f64() <= news["now"].as_f64(), "nothing comes before it happens: {news}");
        }
        by_long_poll.extend(pieces.iter().cloned());
        assert_eq!(news["over"], by_long_poll.len() == 10);
    }
    let by_push: Vec<Value> = (0..10)
        .map(|_| {
            let event = pushed();
            assert_eq!(event["run"], run);
            assert!(event["at"].as_f64() <= event["now"].as_f64(), "{event}");
            json!({ "number": event["part"], "at": event["at"], "text": event["text"] })
        })
        .collect();
    let mut by_stream = events(&mut streamed);
    assert_eq!(by_stream.remove(0).0, "event: run");
    assert_eq!(by_stream.pop().expect("its end").0, "event: over");
    let ids: Vec<String> = (1..=PIECES).map(|number| format!("id: {number}")).collect();
    assert_eq!(by_stream.iter().map(|(fields, _)| fields.clone()).collect::<Vec<_>>(), ids);
    let by_stream: Vec<Value> = by_stream.into_iter().map(|(_, data)| data).collect();
    let by_poll = body(&ask(&server, get(&format!("?run={run}"))));
    let by_poll = by_poll["pieces"].as_array().expect("a list");

    let expected = what_happened(by_poll);
    assert_eq!(expected.len(), 10);
    for others in [by_push, by_stream, by_long_poll] {
        assert_eq!(what_happened(&others), expected);
    }
    // The connection of a stream can be used again.
    assert_eq!(ask_on(&mut streamed, get("")).status, 200);
    // No other member got any of it.
    witness.say("and now");
    loop {
        let event = witness.event();
        assert_ne!(event["type"], "shown");
        if event["type"] == "message" {
            break;
        }
    }
}

#[test]
fn polling_answers_at_once_and_says_the_sizes_of_both_heads() {
    let server = Server::start(&[]);
    let run = begin(&server);
    let request = get(&format!("?run={run}&after=10"));
    let mut socket = server.connect();
    let answer = ask_on(&mut socket, &request);
    assert_eq!(answer.header("x-request-head"), Some(request.len().to_string().as_str()));
    assert_eq!(answer.header("x-response-head"), Some(answer.head.len().to_string().as_str()));
    let connection = answer.header("x-connection").expect("a number").to_owned();
    assert_eq!(body(&answer)["over"], true, "there is nothing behind the last");
    let again = ask_on(&mut socket, get(&format!("?run={run}&after=10&wait=10")));
    assert_eq!((again.status, again.header("x-connection")), (200, Some(connection.as_str())));
    assert_eq!(ask(&server, request.replace("GET", "HEAD")).status, 200);
}

#[test]
fn a_stream_goes_on_behind_the_last_event_and_ends_for_good_when_all_is_over() {
    let server = Server::start(&[]);
    let run = begin(&server);
    let mut socket = open_stream(&server, &stream(&format!("?run={run}"), "Last-Event-ID: 9\r\n"));
    let fields: Vec<String> = events(&mut socket).into_iter().map(|(fields, _)| fields).collect();
    assert_eq!(fields, ["event: run", "id: 10", "event: over"]);
    let over = ask(&server, stream(&format!("?run={run}"), "Last-Event-ID: 10\r\n"));
    assert_eq!((over.status, over.header("content-length")), (204, None));
    assert_eq!(over.header("x-response-head"), Some(over.head.len().to_string().as_str()));
    // HTTP/1.0 has no chunks.
    let old = stream(&format!("?run={run}"), "").replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(ask(&server, old).header("content-type"), Some("application/json"));
}

#[test]
fn what_asks_for_no_run_of_this_server_gets_a_sentence() {
    let server = Server::start(&[]);
    let run = begin(&server);
    for wrong in ["?run=", "?run=x", "?run=00000000-0-0", &format!("?run={run}0000000000")] {
        let answer = ask(&server, get(wrong));
        assert_eq!(answer.status, 404, "{wrong}");
        answer.sentence();
    }
    for wrong in
        ["after=11", "after=-1", "after=x", "after=", "wait=11", "wait=0.5", "wait=99999999999999999999"]
    {
        let answer = ask(&server, get(&format!("?run={run}&{wrong}")));
        assert_eq!(answer.status, 400, "{wrong}");
        answer.sentence();
    }
    assert_eq!(ask(&server, request("POST", "/news", "")).status, 405);
    let health: Value = body(&ask(&server, request("GET", "/health", "")));
    let id = health["server"].as_str().expect("which server this is");
    assert!(id.len() == 8 && run.starts_with(id), "{id} {run}");
}

#[test]
fn a_client_that_leaves_its_stream_frees_its_thread_before_the_next_piece() {
    let server = Server::start(&[]);
    let run = begin(&server);
    let query = format!("?run={run}&after=9");
    let stays = open_stream(&server, &stream(&query, ""));
    let leaves = open_stream(&server, &stream(&query, ""));
    let prefix = server.log_prefix(leaves.local_addr().expect("an address").port());
    drop(leaves);
    server.wait_for_log(&format!("{prefix} GET"));
    // The other waits for the same piece.
    let stays_prefix = server.log_prefix(stays.local_addr().expect("an address").port());
    assert!(!server.log().iter().any(|line| line.contains(&format!("{stays_prefix} GET"))));
}

#[test]
fn only_so_many_may_wait_at_once_and_the_server_does_not_wait_for_them_to_end() {
    let mut server = Server::start(&[]);
    let run = begin(&server);
    let query = format!("?run={run}&after=9");
    let streams: Vec<TcpStream> = (0..256).map(|_| open_stream(&server, &stream(&query, ""))).collect();
    for one_more in [stream(&query, ""), get(&format!("{query}&wait=10"))] {
        assert_eq!(ask(&server, one_more).status, 503);
    }
    // Who does not wait is answered, and the chat goes on.
    assert_eq!(ask(&server, get(&query)).status, 200);
    let mut ana = Client::join(&server, "Ana");
    ana.say("hola");
    assert_eq!(ana.message().1, "hola");
    assert!(server.stop().success());
    drop(streams);
}

#[test]
fn a_run_that_is_pushed_ends_with_its_client() {
    let server = Server::start(&[]);
    let mut gone = RawClient::join(&server, "Ana");
    gone.send(&frame(TEXT, br#"{"type":"show","what":"news"}"#));
    gone.send(&frame(CLOSE, b""));
    assert_eq!(gone.wait_for_end().0, 1005);
    let mut next = Client::join(&server, "Luis");
    next.say("still here");
    assert_eq!(next.message().1, "still here");
}
