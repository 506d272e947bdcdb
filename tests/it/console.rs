//! Windows, where the server is a second process without a console: what happens in the console reaches it through the first one, the
//! launcher. Under wine.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::raw::{CLOSE, RawClient, TEXT};
use crate::common::{Client, PATIENCE, Server, program};

/// What wine makes of 0xc000013a, the status of a program that Ctrl-C ends.
const CONTROL_C: i32 = 0x3a;

/// The program for Windows; with a launcher although there is no console here.
fn launcher(arguments: &[&str]) -> Command {
    assert!(std::env::var_os("CLASSROOM_PROGRAM").is_some(), "run by make cross");
    let mut command = program();
    command.args(arguments).env("CLASSROOM_LAUNCHER", "always");
    command
}

fn start() -> Server {
    Server::spawn(launcher(&["--port", "0", "--rate", "0", "--log", "info"]))
}

/// In a terminal, which ends with the program `script`.
fn in_a_terminal(mut script: Command) -> Command {
    let windows = std::env::var("CLASSROOM_PROGRAM").expect("run by make cross");
    let command = format!("exec {windows} --port 0 --host 0.0.0.0 --log info");
    script.args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"]);
    script.env("SHELL", "/bin/sh").env("TERM", "xterm").env_remove("NO_COLOR");
    script
}

/// Not even its own handlers run.
fn kill(server: &Server) {
    let kill = format!("kill -KILL {}", server.process());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success(), "{kill}");
}

/// The server, which is no process of ours, has ended.
fn wait_until_nothing_listens(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < deadline, "the server still listens");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs wine: run by make cross"]
fn when_the_first_process_is_killed_all_is_delivered_and_every_client_gets_1001() {
    let server = start();
    let mut ana = Client::join(&server, "Ana");
    let mut luis = RawClient::join(&server, "Luis");
    for number in 0..1000 {
        ana.say(&format!("{number}"));
    }
    while ana.message().1 != "999" {}
    kill(&server);
    let mut messages = 0;
    loop {
        match luis.frame().expect("a close frame comes first") {
            (CLOSE, payload) => {
                assert_eq!(payload, b"\x03\xe9shutting_down: the server is shutting down");
                break;
            }
            (TEXT, payload) => messages += usize::from(payload.starts_with(br#"{"type":"message""#)),
            other => panic!("not expected: {other:?}"),
        }
    }
    assert_eq!(messages, 1000);
    assert_eq!(ana.wait_for_close().0, 1001);
    ana.read_to_end();
    drop(luis);
    wait_until_nothing_listens(server.port());
}

#[test]
#[ignore = "needs wine: run by make cross"]
fn control_c_ends_it_in_order_and_a_second_one_at_once() {
    let mut server = start();
    let mut ana = Client::join(&server, "Ana");
    server.signal("INT");
    server.wait_for_log("closing begun by the server: 1001");
    assert_eq!(ana.wait_for_close().0, 1001);
    ana.read_to_end();
    assert_eq!(server.wait().code(), Some(0));
    server.wait_for_log("main] ended");

    let mut server = start();
    let _silent = RawClient::open(&server, "/ws");
    server.signal("INT");
    server.wait_for_log("a second signal stops at once");
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(CONTROL_C));
    wait_until_nothing_listens(server.port());
}

#[test]
#[ignore = "needs wine and script(1): run by make cross"]
fn a_closed_terminal_ends_it_in_order() {
    let server = Server::spawn(in_a_terminal(Command::new("script")));
    let mut ana = Client::join(&server, "Ana");
    kill(&server);
    assert_eq!(ana.wait_for_close().0, 1001);
    ana.read_to_end();
    wait_until_nothing_listens(server.port());
}

#[test]
#[ignore = "needs wine and script(1): run by make cross"]
fn a_terminal_shows_what_it_always_did() {
    // It ends by itself, whatever the server does.
    let mut limited = Command::new("timeout");
    limited.args(["60", "script"]);
    let mut script = in_a_terminal(limited);
    let mut script =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script is installed");
    let mut output = BufReader::new(script.stdout.take().expect("it is piped"));
    let mut seen = String::new();
    while !seen.contains("listening on") || !seen.ends_with('\n') {
        assert!(output.read_line(&mut seen).expect("text") > 0, "{seen}");
    }
    let mut keyboard = script.stdin.take().expect("it is piped");
    // A line changes nothing; then Ctrl-C.
    keyboard.write_all(b"hola\r").expect("it is there");
    while !seen.contains("hola") {
        let mut byte = [0];
        output.read_exact(&mut byte).expect("the terminal shows it");
        seen.push(char::from(byte[0]));
    }
    keyboard.write_all(b"\x03").expect("it is there");
    output.read_to_string(&mut seen).expect("text");
    assert_eq!(script.wait().expect("it ends").code(), Some(0), "{seen}");
    // The terminal hides its cursor while it prints.
    let seen = seen.replace("\u{1b}[?25l", "").replace("\u{1b}[?25h", "").replace('\r', "");
    let line = |words: &str| seen.lines().find(|line| line.contains(words)).expect(words);
    for words in [" listening on 0.0.0.0:", " stopping: closing all connections", " ended"] {
        let (clock, _) = line(words).split_once(words).expect("it is there");
        // What the terminal shows of the keyboard may stand before it.
        let clock = clock.trim_start_matches("^C");
        assert!(clock.split(':').all(|part| part.len() == 2 && part.parse::<u8>().is_ok()), "{clock:?}");
    }
    // The QR code, where a phone could reach this machine, is in one piece.
    let lines: Vec<bool> = seen.lines().map(|line| line.contains("\u{1b}[30;107m")).collect();
    let pieces = lines.chunk_by(|one, next| one == next).filter(|piece| piece[0]).count();
    assert_eq!(pieces, usize::from(seen.contains("the code opens")), "{seen}");
}

#[test]
#[ignore = "needs wine: run by make cross"]
fn what_keeps_it_from_starting_is_printed_with_its_status() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output =
        launcher(&["--host", "127.0.0.1", "--port", &port]).stdin(Stdio::null()).output().expect("wine");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.starts_with("websocket-classroom: ") && errors.contains(&port), "{errors}");
}

#[test]
#[ignore = "needs wine: run by make cross"]
#[cfg(feature = "accounts")]
fn who_adds_users_talks_to_the_first_process() {
    let folder = format!("{}/windows-console", env!("CARGO_TARGET_TMPDIR"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut command = launcher(&["--users", "class.txt", "--add-users"]);
    command.current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut adding = command.spawn().expect("wine");
    adding.stdin.take().expect("it is piped").write_all(b"ana,her long password\n").expect("it is there");
    // A server would not end with its input.
    let deadline = Instant::now() + PATIENCE;
    while adding.try_wait().expect("it can be waited for").is_none() {
        if Instant::now() > deadline {
            adding.kill().expect("it can be killed");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = adding.wait_with_output().expect("it has ended");
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(format!("{folder}/class.txt")).expect("a list").contains("ana:$argon2id$"));
}
