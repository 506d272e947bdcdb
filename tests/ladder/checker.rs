//! The checker's command line: which hosts it talks to, what it prints, its exit status, and what a recording holds.

use std::collections::BTreeSet;
use std::net::TcpListener;

use serde_json::Value;

use crate::program::{Program, check, run_checker};

fn complains(arguments: &[&str], word: &str) {
    let output = run_checker(arguments);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(text.contains(word) && text.lines().count() == 1, "{arguments:?}: {text}");
}

#[test]
fn a_wrong_command_line_is_one_sentence_and_exit_status_2() {
    complains(&[], "which URL");
    complains(&["wss://localhost/"], "must be like ws://localhost:8080/");
    complains(&["ws://localhost:8080/", "--only", "nonsense"], "nonsense");
    complains(&["ws://localhost:8080/", "--send", "no place"], "%text%");
    complains(&["ws://localhost:8080/", "--pid", "0"], "process id");
    complains(&["ws://localhost:8080/", "--nonsense"], "nonsense");
    complains(&["ws://localhost:8080/", "--only"], "only");
}

#[test]
fn only_this_machine_is_talked_to_unless_the_host_is_yours() {
    // An address for documentation (RFC 5737): nothing is there.
    complains(&["ws://192.0.2.1:9/"], "--yes-this-host-is-mine");
    let output =
        run_checker(&["ws://192.0.2.1:9/", "--yes-this-host-is-mine", "--only", "upgrade", "--json"]);
    assert_eq!(output.status.code(), Some(2), "it cannot be told");
}

#[test]
fn where_nothing_listens_nothing_can_be_told() {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let report = check(&format!("ws://127.0.0.1:{port}/"), &[]);
    let verdicts: BTreeSet<&str> = report.verdicts.values().map(String::as_str).collect();
    assert_eq!((verdicts, report.status), (BTreeSet::from(["unknown"]), 2), "{}", report.all);
    for promise in report.all["promises"].as_array().expect("promises") {
        let detail = promise["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("does the server run?"), "each says why: {promise}");
    }
}

#[test]
fn exit_status_0_if_all_that_was_asked_for_holds() {
    let program = Program::example("1_echo");
    assert_eq!(check(&program.url(), &["--only", "handshake,utf8"]).status, 0);
    assert_eq!(check(&program.url(), &["--only", "everybody-hears"]).status, 1);
    assert_eq!(check(&program.url(), &["--only", "one-order"]).status, 2);
    assert_eq!(check(&program.url(), &["--only", "memory"]).status, 2, "without --pid nothing is asked");
}

#[test]
fn spanish_and_english_say_the_same() {
    let program = Program::example("1_echo");
    let url = program.url();
    let text = |language| {
        let output = run_checker(&[&url, "--only", "everybody-hears,ping", "--lang", language]);
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let (english, spanish) = (text("en"), text("es"));
    for (english_line, spanish_line) in english.lines().zip(spanish.lines()) {
        assert_ne!(english_line, spanish_line);
    }
    assert_eq!(english.lines().count(), spanish.lines().count(), "{english}{spanish}");
    assert!(spanish.contains("NO         everybody-hears Todos reciben"), "{spanish}");
}

#[test]
fn a_server_that_wraps_texts_in_json_is_told_how_to_speak() {
    let server = Program::own(&["--rate", "0"]);
    let template = r#"{"type":"message","text":"%text%"}"#;
    let only = "everybody-hears,utf8,fragments,long";
    let right = check(&server.url(), &["--only", only, "--send", template, "--answer", "text"]);
    assert_eq!(right.status, 0, "{}", right.all);
    let wrong = check(&server.url(), &["--only", "everybody-hears", "--answer", "data.text"]);
    assert_eq!(wrong.status, 1, "{}", wrong.all);
}

#[test]
fn a_recording_holds_what_went_over_the_wire_and_no_text_of_others() {
    let program = Program::own(&["--rate", "0"]);
    let file = std::env::temp_dir().join(format!("ladder-{}.jsonl", std::process::id()));
    let path = file.to_str().expect("UTF-8");
    let url = format!("{}?key=SECRET-KEY", program.url());
    check(&url, &["--only", "version,http,everybody-hears,close-tcp,fault-unmasked", "--record", path]);
    let text = std::fs::read_to_string(&file).expect("a recording");
    let _ = std::fs::remove_file(&file);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["recording"], &lines[0]["version"]), (&"websocket-classroom".into(), &1.into()));
    assert!(lines[0]["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", lines[0]);
    let of = |kind| lines.iter().filter(move |line| line["type"] == kind);
    for line in &lines[1..] {
        assert!(line["conn"].as_u64().is_some_and(|conn| conn > 0) && line["us"].is_u64(), "{line}");
    }
    let names =
        |kind, field| -> BTreeSet<&str> { of(kind).filter_map(|line| line[field].as_str()).collect() };
    assert_eq!(names("refused", "why"), BTreeSet::from(["version: holds"]));
    assert!(
        names("opened", "name").is_superset(&BTreeSet::from(["everybody-hears: holds", "close-tcp: holds"]))
    );
    assert_eq!(of("exchanged").map(|line| &line["status"]).collect::<Vec<_>>(), [426], "plain HTTP at /ws");
    assert!(of("opened").all(|opened| {
        opened["request"].as_str().is_some_and(|head| head.starts_with("GET /ws?* HTTP/1.1\r\n"))
    }));
    // Each connection has its end.
    assert_eq!(of("opened").count(), of("closed").count());
    // The welcome has the session's secret; the join of another is not our text, either.
    assert!(
        of("frame").any(|frame| frame["hidden"] == true
            && frame["payload"].as_str().is_some_and(|hex| hex.starts_with("··")))
    );
    for secret in ["SECRET-KEY", "session", &hex("session"), &hex("users")] {
        assert!(!text.contains(secret), "{secret}");
    }
    let close =
        of("frame").find(|frame| frame["kind"] == "close" && frame["from"] == "client").expect("our close");
    assert_eq!(
        (&close["plain"], &close["length"], &close["bits"]),
        (&"03e8627965".into(), &5.into(), &7.into())
    );
    let closed = of("closed").find(|closed| closed["conn"] == close["conn"]).expect("its end");
    assert_eq!(
        (&closed["by"], &closed["code"], &closed["answered"]),
        (&"client".into(), &1000.into(), &true.into())
    );
    assert_eq!((&closed["tcp_by"], &closed["tcp"]), (&"server".into(), &"fin".into()));
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
