//! What the documents show of a running server is what it does: README's log, the design's threads. README's tour of the page is
//! walked through in `tests/browser/tour.rs`, its commands for websocat are tried in `websocat.rs`.

use crate::common::raw::{CLOSE, RawClient, TEXT, ask, ask_on, frame, frame_masked_by, handshake, request};
use crate::common::users::Users;
use crate::common::{PATIENCE, Server, project_file};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

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

/// The design's table of threads.
#[test]
#[cfg(all(target_os = "linux", feature = "accounts", feature = "inspector"))]
fn each_thread_of_the_server_stands_in_the_table_of_threads() {
    let users = Users::new(&["ana"]);
    let server = users.serve(&[]);
    let _waits = server.connect();
    let tasks = format!("/proc/{}/task", server.process());
    let names = || -> BTreeSet<String> {
        let tasks = std::fs::read_dir(&tasks).expect("it runs").filter_map(Result::ok);
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        // Each connection has its number.
        names.map(|name| name.trim_end_matches(['\n', ' ']).replace("conn 1", "conn N")).collect()
    };
    let deadline = Instant::now() + PATIENCE;
    while !names().contains("conn N") && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    let design = project_file("docs/design.md");
    let (_, table) = design.split_once("\n## Threads\n").expect("the table");
    let (table, _) = table.split_once("\n## ").expect("its end");
    let table: BTreeSet<&str> = table.split('`').skip(1).step_by(2).collect();
    let names = names();
    assert!(names.contains("conn N") && names.len() > 8, "{names:?}");
    for name in &names {
        assert!(table.contains(name.as_str()), "no row for the thread {name}: {names:?}");
    }
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
