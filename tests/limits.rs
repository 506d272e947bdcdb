//! When the machine or the flags give no more: those inside chat on, newcomers are told, and afterwards all is as before.

#![forbid(unsafe_code)]

mod common;

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::raw::{self, RawClient, handshake, read_answer};
use common::{Client, Server};

/// The server in a shell that sets a limit first.
fn limited(limit: &str, arguments: &str) -> Server {
    let mut shell = Command::new("sh");
    let server = env!("CARGO_BIN_EXE_websocket-classroom");
    shell.args(["-c", &format!("{limit}; exec '{server}' --port 0 --log info {arguments}")]);
    Server::spawn(shell)
}

#[test]
fn a_full_descriptor_table_keeps_newcomers_waiting_and_recovers() {
    let server = limited("ulimit -n 40", "");
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    // These are accepted until the table is full; the rest wait in the system's queue.
    let crowd: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    server.wait_for_log("cannot accept connections just now");
    ana.say("still here");
    assert_eq!(luis.message().1, "still here");
    drop(crowd);
    let mut eva = Client::join(&server, "Eva");
    eva.say("in again");
    assert_eq!(luis.message().1, "in again");
}

#[test]
#[ignore = "needs root, to run the server as a user of its own: run by make test"]
fn without_a_thread_a_newcomer_gets_a_503() {
    // This limit counts all threads of a user, and spares root; the user nobody has no others.
    let directory =
        std::env::temp_dir().join(format!("websocket-classroom-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the server's copy");
    let copy = directory.join("server");
    std::fs::copy(env!("CARGO_BIN_EXE_websocket-classroom"), &copy)
        .expect("the server can be copied");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&directory, open).expect("the copy can be shared");
    let mut limited = Command::new("setpriv");
    limited.args(["--reuid=65534", "--clear-groups", "prlimit", "--nproc=40"]);
    limited.arg(&copy).args(["--port", "0", "--log", "info"]);
    let server = Server::spawn(limited);
    std::fs::remove_dir_all(&directory).expect("the copy can be removed");

    let mut ana = Client::join(&server, "Ana");
    let mut idle = Vec::new();
    let answer = loop {
        let mut socket = server.connect();
        socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
        let answer = read_answer(&mut socket, false);
        if answer.status != 101 {
            break answer;
        }
        idle.push(socket);
        assert!(idle.len() < 100, "the limit has no effect");
    };
    assert_eq!(answer.status, 503, "{}", answer.text());
    server.wait_for_log(": no thread for ");
    // Many at once are all told, none is just hung up on.
    let mut crowd: Vec<TcpStream> = (0..500).map(|_| server.connect()).collect();
    for socket in &mut crowd {
        socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
    }
    for socket in &mut crowd {
        assert_eq!(read_answer(socket, false).status, 503);
    }
    ana.say("still here");
    assert_eq!(ana.message().1, "still here");
    drop(idle);
    server.wait_for_log("closed without a close frame");
    let health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    while raw::ask(&server, health).status != 200 {}
}

#[test]
fn an_address_has_no_more_connections_than_its_bound_and_others_notice_nothing() {
    let server = Server::start(&["--max-per-address", "3", "--log", "info"]);
    let neighbour = |last| server.connect_from(Ipv4Addr::new(127, 0, 0, last));
    let refused = |mut socket: TcpStream| {
        let answer = read_answer(&mut socket, false);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert!(
            answer.text().contains("too many connections from your address"),
            "{}",
            answer.text()
        );
    };
    let ana = Client::join(&server, "Ana");
    let luis = Client::join(&server, "Luis");
    // One that has not said a word yet counts, too.
    let silent = server.connect();
    refused(server.connect());
    server.wait_for_log("from 127.0.0.1:");
    server.wait_for_log("refused: too many from this address");
    let others: Vec<TcpStream> = (2..52)
        .map(|last| {
            let mut socket = neighbour(last);
            socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
            assert_eq!(read_answer(&mut socket, false).status, 101);
            socket
        })
        .collect();
    refused(server.connect());
    drop((luis, others));
    // Its place is free a moment after it has gone.
    let eva = loop {
        let mut socket = server.connect();
        socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
        if read_answer(&mut socket, false).status == 101 {
            break socket;
        }
    };
    refused(server.connect());
    drop((ana, silent, eva));
}

#[test]
fn threads_and_descriptors_return_when_people_leave() {
    let server = Server::start(&["--log", "info", "--rate", "0"]);
    let mut ana = Client::join(&server, "Ana");
    let open_files =
        || std::fs::read_dir(format!("/proc/{}/fd", server.process())).expect("proc").count();
    let (threads, descriptors) = (server.status("Threads"), open_files());
    let crowd: Vec<RawClient> = (0..100).map(|_| RawClient::open(&server, "/echo")).collect();
    // Each message is a round trip, so this is no spinning: the thread that read the handshake ends a moment after it.
    while server.status("Threads") > threads + 100 {
        ana.say("waiting for the last handshake's thread");
        ana.message();
    }
    assert_eq!(server.status("Threads"), threads + 100, "one thread each");
    assert_eq!(open_files(), descriptors + 100, "one descriptor each");
    drop(crowd);
    while server.status("Threads") > threads || open_files() > descriptors {
        ana.say("waiting for them to go");
        ana.message();
    }
    assert_eq!((server.status("Threads"), open_files()), (threads, descriptors));
}
