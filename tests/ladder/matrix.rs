//! The whole matrix: each program of the ladder fails exactly where its first lines say, and this project's server nowhere.

use std::collections::BTreeMap;

use crate::program::{Program, Report, check};

/// No program of the ladder has these, and `6_rounds` says so.
const MISSING_IN_ALL: [(&str, &[&str]); 7] = [
    ("origin", &["does-not"]),
    ("fault-unmasked", &["does-not"]),
    ("fault-reserved", &["does-not"]),
    ("fault-opcode", &["does-not"]),
    ("fault-utf8", &["does-not"]),
    ("fault-long", &["does-not"]),
    ("close-sigterm", &["does-not"]),
];

/// A race can be seen, but its absence cannot be: two orders are rare enough to be missed once.
const RACE: &[&str] = &["does-not", "holds"];

#[track_caller]
fn fails_at(name: &str, own: &[(&'static str, &'static [&'static str])]) {
    let program = Program::example(name);
    let report = check(&program.url(), &["--pid", &program.pid()]);
    let expected: BTreeMap<&str, &[&str]> = MISSING_IN_ALL.iter().chain(own).copied().collect();
    assert_eq!(report.verdicts.len(), 29, "{report:?}");
    for (promise, verdict) in &report.verdicts {
        let allowed = expected.get(promise.as_str()).copied().unwrap_or(&["holds"]);
        assert!(
            allowed.contains(&verdict.as_str()),
            "{name}, {promise}: {verdict}, not {allowed:?}; {}",
            report.all
        );
    }
    assert_eq!(report.status, 1);
    does_not_send_more_than_it_says(&report);
}

/// Its help says: 160 MiB, 200 connections.
fn does_not_send_more_than_it_says(report: &Report) {
    let number = |name: &str| report.all[name].as_u64().expect("a number");
    assert!(number("sent") <= 160 << 20 && (20..=200).contains(&number("connections")), "{}", report.all);
}

const UNKNOWN: &[&str] = &["unknown"];
const DOES_NOT: &[&str] = &["does-not"];

#[test]
fn echo_is_no_chat() {
    let needs_listeners = ["one-order", "torn-frames", "torn-pongs", "stalled-reader", "memory"];
    let unknown = needs_listeners.map(|promise| (promise, UNKNOWN));
    fails_at("1_echo", &[&[("everybody-hears", DOES_NOT)], &unknown[..]].concat());
}

#[test]
fn everybody_writes_tears_frames() {
    let torn = [("torn-frames", DOES_NOT), ("torn-pongs", DOES_NOT), ("stalled-reader", DOES_NOT)];
    fails_at("2_everybody_writes", &[&[("one-order", RACE), ("memory", UNKNOWN)], &torn[..]].concat());
}

#[test]
fn locks_let_pongs_past_and_wait_for_a_stalled_reader() {
    let own =
        [("torn-pongs", DOES_NOT), ("stalled-reader", DOES_NOT), ("one-order", RACE), ("memory", UNKNOWN)];
    fails_at("3_locks", &own);
}

#[test]
fn one_writer_waits_for_a_stalled_reader() {
    fails_at("4_one_writer", &[("stalled-reader", DOES_NOT), ("memory", UNKNOWN)]);
}

#[test]
fn never_wait_lacks_only_what_all_lack() {
    fails_at("5_never_wait", &[]);
}

#[test]
fn rounds_lacks_only_what_all_lack() {
    fails_at("6_rounds", &[]);
}

#[test]
fn the_classroom_server_passes_all_of_it() {
    let server = Program::own(&["--rate", "0"]);
    let report: Report = check(&server.url(), &["--pid", &server.pid()]);
    assert_eq!(report.exceptions(), Vec::<String>::new(), "{}", report.all);
    assert_eq!((report.status, report.verdicts.len()), (0, 29));
    does_not_send_more_than_it_says(&report);
}
