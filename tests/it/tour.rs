//! What README shows of the log is what the server writes. What it says of the page is tried in `tests/browser/`, its commands for
//! websocat in `websocat.rs`.

use crate::common::raw::{CLOSE, RawClient, TEXT, ask, ask_on, frame, frame_masked_by, handshake, request};
use crate::common::{Server, project_file};

/// The lines in README that begin like this, without their indentation.
fn shown(beginning: &str) -> Vec<String> {
    let readme = project_file("README.md");
    let lines = readme.lines().map(str::trim).filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

/// The log's lines of a connection, without what stands before its number.
fn written(server: &Server, connection: &str) -> Vec<String> {
    let lines = server.log().into_iter().filter_map(|line| Some(line[line.find(connection)?..].to_owned()));
    lines.collect()
}

/// Numbers differ from run to run.
fn without_numbers(line: &str) -> String {
    let parts: Vec<&str> =
        line.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    parts.join("0")
}

#[test]
fn the_life_of_a_connection_stands_in_the_log_as_readme_shows_it() {
    let server = Server::start(&["--log", "info"]);
    for _page in 0..2 {
        ask(&server, request("GET", "/health", "Connection: close\r\n"));
    }
    let shown = shown("conn 3: ");
    let word_after = |begin: &str| {
        let line = shown.iter().find_map(|line| line.split_once(begin)).expect("it is shown");
        line.1.split([' ', ',']).next().expect("a word").to_owned()
    };
    let key = word_after("Sec-WebSocket-Key ");
    let head = handshake("/ws?name=Eva").replace("dGhlIHNhbXBsZSBub25jZQ==", &key);
    let mut socket = server.connect();
    let answer = ask_on(&mut socket, head);
    assert_eq!(answer.header("sec-websocket-accept"), Some(word_after("Sec-WebSocket-Accept ").as_str()));
    let mut eva = RawClient::over(socket);
    eva.send(&frame(TEXT, b"hola"));
    eva.send(&frame(CLOSE, &1001_u16.to_be_bytes()));
    assert_eq!(eva.wait_for_end().0, 1001);
    drop(eva);
    server.wait_for_log("conn 3: closed by the client");
    let written = written(&server, "conn 3: ");
    assert_eq!(written.len(), 5, "{written:#?}");
    assert_eq!(written[1], shown[1]);
    for (written, shown) in written.iter().zip(&shown) {
        assert_eq!(without_numbers(written), without_numbers(shown));
    }
    assert_eq!(written.len(), shown.len());
}

#[test]
#[cfg(feature = "inspector")]
fn a_frame_is_drawn_in_the_log_as_readme_shows_it() {
    let server = Server::start(&["--log", "trace"]);
    let mut client = RawClient::open(&server, "/echo");
    server.wait_for_log("conn 1: talks to the echo");
    client.send(&frame_masked_by([0x37, 0xfa, 0x21, 0x3d], TEXT, b"hola\n"));
    assert_eq!(client.wait_for(TEXT), b"hola\n");
    let shown = shown("conn 1: ");
    assert_eq!(shown.len(), 12, "{shown:#?}");
    server.wait_for_log_times(&shown[11], 2);
    let written = written(&server, "conn 1: ");
    let begins = written.iter().position(|line| *line == shown[0]).expect("it was waited for");
    assert_eq!(written[begins..][..12], shown);
}
