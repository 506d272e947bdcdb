//! The command line: the flags, and the error for a wrong one.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::project_file;
use crate::common::raw::{ask_on, request};
use crate::common::{Client, PATIENCE, Server};
use websocket_classroom::config::FLAGS;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
    command.args(arguments).env_remove("RUST_LOG");
    command.stdout(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    finish(command(arguments))
}

/// Runs to the end, which must come.
fn finish(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("it can be waited for").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("it can be killed");
            panic!("{command:?} does not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("it has ended")
}

/// The only line on standard error; nothing is on standard output.
#[track_caller]
fn only_line(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.lines().count(), 1, "{errors:?}");
    assert!(errors.ends_with('\n') && output.stdout.is_empty());
    errors.trim_end().to_owned()
}

#[test]
fn help_names_every_flag_with_its_default_and_bound() {
    let output = run(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let help = String::from_utf8(output.stdout).expect("text");
    let mut flags = help.split("\n  --").skip(1);
    for flag in FLAGS.iter().filter(|flag| flag.is_offered()) {
        let entry = flags.next().expect("a flag");
        let name = flag.usage() + "\n";
        assert!(format!("--{entry}").starts_with(&name), "{entry:?} is not {name}");
        let default = match flag.default {
            "" => "none",
            default => default,
        };
        let default = format!("default {default}; {}", flag.bound());
        assert!(entry.contains(flag.help) && entry.ends_with(&default), "{entry}");
    }
    assert_eq!(run(&["-h"]).stdout, help.as_bytes());
}

#[test]
fn version_is_that_of_the_package() {
    let output = run(&["--version"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let version = concat!("websocket-classroom ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(output.stdout, version.as_bytes());
}

#[test]
fn the_documents_say_of_every_flag_what_help_says() {
    let documents = project_file("docs/flags.md");
    for flag in FLAGS {
        let default = match flag.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        let name = format!("`{}`", flag.usage());
        let row = format!("| {name} | {default} | {} | {} |", flag.bound(), flag.help);
        assert!(documents.lines().any(|line| line == row), "not there: {row}");
    }
}

#[test]
fn make_run_has_a_variable_for_every_flag() {
    let makefile = project_file("Makefile");
    let list = |name: &str| {
        let (_, rest) = makefile.split_once(&format!("\n{name} :=")).expect("a list");
        // A backslash at its end goes on with the next line.
        let lines = rest
            .split_inclusive('\n')
            .scan(true, |goes_on, line| std::mem::replace(goes_on, line.ends_with("\\\n")).then_some(line));
        let list: String = lines.collect();
        list.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect::<Vec<_>>()
    };
    let mut known = [list("SINGLE"), list("REPEATED"), list("SWITCHES")].concat();
    let mut flags: Vec<&str> = FLAGS.iter().map(|flag| flag.name).collect();
    known.sort();
    flags.sort();
    assert_eq!(known, flags);
}

#[test]
fn a_wrong_flag_or_value_is_named_in_one_line() {
    for (arguments, named) in [
        (&["--prot", "80"][..], "--prot"),
        (&["--port", "80", "stray"], "stray"),
        (&["-p"], "-p"),
        (&["--port"], "--port needs a value"),
        (&["--port", "abc"], "--port: \"abc\""),
        (&["--port", "65536"], "--port: \"65536\""),
        (&["--port", "-1"], "--port"),
        (&["--port", ""], "--port: \"\""),
        (&["--port=80\n81"], "--port: \"80\\n81\""),
        (&["--max-clients", "0"], "--max-clients: \"0\""),
        (&["--handshake-timeout", "301"], "--handshake-timeout: \"301\""),
        (&["--log", "loud"], "--log: \"loud\""),
        (&["--origin", "school.example"], "--origin: \"school.example\""),
        (&["--host", ""], "--host: \"\""),
        (&["--host-name", "school.example/chat"], "--host-name: \"school.example/chat\""),
        (&["--host-name", "*.school.example"], "--host-name: \"*.school.example\""),
        (&["--host-name", "ana@school.example"], "--host-name"),
        (&["--host-name", "school.example:99999"], "--host-name"),
        (&["--host-name", "school..example"], "--host-name"),
        (&["--host-name", "two words"], "--host-name"),
        (&["--host-name", &"ñ".repeat(80)], "--host-name"),
        (&["--origin", "https://school.example/chat"], "--origin: \"https://school.example/chat\""),
        (&["--origin", "https://*.school.example"], "--origin"),
        (&["--origin", "https://"], "--origin"),
        (&["--origin", "file:///home/ana/client.html"], "--origin null"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = only_line(&output);
        assert!(line.starts_with("websocket-classroom: "), "{line}");
        assert!(line.contains(named), "{arguments:?}: {line}");
    }
}

#[test]
fn a_port_in_use_is_named_in_one_line() {
    // A server with only one of the two loopback addresses would miss half of the browsers.
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(other) = TcpListener::bind(address) else {
            // A machine without IPv6.
            continue;
        };
        let port = other.local_addr().expect("an address").port().to_string();
        // The second time on a system that allows too few open files for the default of --max-clients.
        let binary = env!("CARGO_BIN_EXE_websocket-classroom");
        let few_files = r#"ulimit -n 256; exec "$0" "$@""#;
        let mut limited = Command::new("sh");
        limited.args(["-c", few_files, binary, "--port", &port]);
        limited.stdout(Stdio::piped());
        for command in [command(&["--port", &port]), limited] {
            let output = finish(command);
            assert_eq!(output.status.code(), Some(1), "{address}");
            let line = only_line(&output);
            assert!(line.contains(&format!("port {port} is in use")), "{line}");
        }
    }
}

#[test]
fn a_host_that_is_not_of_this_machine_is_named_in_one_line() {
    let output = run(&["--port", "0", "--host", "192.0.2.1"]);
    assert_eq!(output.status.code(), Some(1));
    let line = only_line(&output);
    assert!(line.contains("cannot listen on 192.0.2.1"), "{line}");
}

#[test]
fn localhost_answers_on_both_loopback_addresses() {
    let server = Server::start(&[]);
    for address in ["127.0.0.1", "[::1]"] {
        if TcpListener::bind(format!("{address}:0")).is_err() {
            // A machine without IPv6.
            continue;
        }
        let socket = TcpStream::connect(format!("{address}:{}", server.port()));
        let mut socket = socket.expect("the server accepts");
        assert_eq!(ask_on(&mut socket, request("GET", "/", "")).status, 200);
    }
}

#[test]
fn the_flag_sets_the_log_level_and_otherwise_rust_log_does() {
    let levels = ["INFO", "DEBUG", "TRACE"];
    for (flags, variable, logged) in [
        (&[][..], None, 1),
        (&[], Some("debug"), 2),
        (&[], Some("TRACE"), 3),
        (&[], Some("off"), 0),
        (&[], Some("nonsense"), 1),
        (&["--log", "debug"], None, 2),
        (&["--log", "info"], Some("trace"), 1),
        (&["--log", "off"], Some("trace"), 0),
    ] {
        let mut command = command(&["--port", "0"]);
        command.args(flags);
        if let Some(variable) = variable {
            command.env("RUST_LOG", variable);
        }
        let mut server = Server::spawn(command);
        let mut ana = Client::join(&server, "Ana");
        ana.say("hola");
        ana.wait_for("message");
        drop(ana);
        assert!(server.stop().success());
        if logged > 0 {
            server.wait_for_log(" ended");
        }
        let log = server.log();
        for (place, level) in levels.iter().enumerate() {
            let is_there = log.iter().any(|line| line.starts_with(level));
            // Below `info` there are frames, which the inspector draws.
            if *level != "INFO" && cfg!(not(feature = "inspector")) {
                continue;
            }
            assert_eq!(is_there, place < logged, "{flags:?} {variable:?}: {log:#?}");
        }
    }
}

#[test]
fn what_can_be_meant_by_a_host_name_is_what_a_browser_sends() {
    for (given, sent) in [
        ("school.example:8443", "school.example:8443"),
        ("School.Example.", "school.example"),
        ("https://school.example/", "school.example"),
        ("aula.españa.es", "aula.xn--espaa-rta.es"),
        ("AULA.ESPAN\u{303}A.ES", "aula.xn--espaa-rta.es:3000"),
        ("xn--espaa-rta.es", "xn--espaa-rta.es"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
    ] {
        let server = Server::start(&["--host-name", given]);
        let head = format!("GET /health HTTP/1.1\r\nHost: {sent}\r\n\r\n");
        assert_eq!(ask_on(&mut server.connect(), head).status, 200, "{given}");
        let head = "GET /health HTTP/1.1\r\nHost: other.example\r\n\r\n";
        assert_eq!(ask_on(&mut server.connect(), head).status, 403, "{given}");
    }
}

#[test]
fn what_can_be_meant_by_an_origin_is_what_a_browser_sends() {
    for (given, sent) in [
        ("https://school.example:443", "https://school.example"),
        ("http://school.example:80", "http://school.example"),
        ("HTTPS://School.Example/", "https://school.example"),
        ("https://school.example.", "https://school.example."),
        ("https://school.example", "https://school.example."),
        ("wss://school.example:8443", "https://school.example:8443"),
        ("https://españa.es", "https://xn--espaa-rta.es"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("null", "null"),
        ("NULL", "null"),
    ] {
        let server = Server::start(&["--origin", given]);
        let head = |origin| format!("GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n");
        assert_eq!(ask_on(&mut server.connect(), head(sent)).status, 200, "{given}");
        for other in
            ["https://other.example", "https://school.example:8444", "http://school.example.evil.example"]
        {
            assert_eq!(ask_on(&mut server.connect(), head(other)).status, 403, "{given}");
        }
    }
}

#[test]
fn a_page_from_disk_is_told_which_flag_lets_it_in() {
    let server = Server::start(&[]);
    let head = "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n";
    let answer = ask_on(&mut server.connect(), head);
    assert_eq!(answer.status, 403);
    assert!(String::from_utf8_lossy(&answer.body).contains("--origin null"));
}

#[test]
fn a_port_that_no_browser_opens_is_warned_of() {
    // The Fetch standard blocks them.
    let mut tried = 0;
    for port in ["6000", "6667", "5060", "10080"] {
        if TcpListener::bind(format!("127.0.0.1:{port}")).is_err() {
            continue;
        }
        let server = Server::spawn(command(&["--port", port]));
        server.wait_for_log(&format!("browsers refuse to open port {port}"));
        tried += 1;
    }
    assert!(tried > 0, "all of these ports are in use");
    let server = Server::start(&[]);
    server.wait_for_log("listening on");
    assert!(!server.log().iter().any(|line| line.contains("browsers refuse")));
}

#[test]
fn the_address_for_all_is_localhost_by_ipv6_too() {
    if TcpListener::bind("[::1]:0").is_err() {
        // A machine without IPv6.
        return;
    }
    let server = Server::start(&["--host", "0.0.0.0"]);
    let mut socket = TcpStream::connect(format!("[::1]:{}", server.port())).expect("the server accepts");
    assert_eq!(ask_on(&mut socket, request("GET", "/", "")).status, 200);
}

#[test]
fn localhost_is_not_printed_where_it_is_another_program() {
    for (host, other) in [("0.0.0.0", "[::1]:0"), ("127.0.0.1", "[::1]:0"), ("::1", "127.0.0.1:0")] {
        let Ok(other) = TcpListener::bind(other) else { continue };
        let port = other.local_addr().expect("an address").port().to_string();
        if host != "::1" && TcpListener::bind(format!("127.0.0.1:{port}")).is_err() {
            continue;
        }
        let mut child = command(&["--host", host, "--port", &port])
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
        let mut banner = String::new();
        while !banner.contains("Ctrl-C") {
            assert!(std::io::BufRead::read_line(&mut out, &mut banner).expect("text") > 0, "{banner}");
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let own =
            if host == "::1" { format!("http://[::1]:{port}/") } else { format!("http://127.0.0.1:{port}/") };
        assert!(banner.contains(&format!("page      {own}\n")), "{banner}");
        assert!(!banner.contains("http://localhost") && !banner.contains("ws://localhost"), "{banner}");
        assert!(banner.contains("another program"), "{banner}");
    }
}
