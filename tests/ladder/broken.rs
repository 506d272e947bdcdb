//! Servers that are broken in one way each, in a few lines of our own; the checker names just that.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::broken_server::{Fault, serve};
use crate::program::{Program, check, run_checker};

#[test]
fn the_checker_names_what_is_broken() {
    let table = [
        (Fault::Silent, "upgrade"),
        (Fault::Garbage, "upgrade"),
        (Fault::EndlessHead, "upgrade"),
        (Fault::WrongAccept, "accept"),
        (Fault::CaseMatters, "headers"),
        (Fault::OneRead, "headers"),
        (Fault::AnyVersion, "version"),
        (Fault::NoKeyNeeded, "key"),
        (Fault::NoHttp, "http"),
        (Fault::OthersOnly, "everybody-hears"),
        (Fault::Floods, "everybody-hears"),
        (Fault::MaskedFrames, "everybody-hears"),
        (Fault::Shuffles, "one-order"),
        (Fault::QuestionMarks, "utf8"),
        (Fault::FragmentsApart, "fragments"),
        (Fault::NoPong, "ping"),
        (Fault::WrongPong, "ping"),
        (Fault::LatePong, "ping-between"),
        (Fault::EmptyEnds, "empty"),
        (Fault::Truncates, "long"),
        (Fault::TakesUnmasked, "fault-unmasked"),
        (Fault::TakesReserved, "fault-reserved"),
        (Fault::TakesOpcode, "fault-opcode"),
        (Fault::TakesBadText, "fault-utf8"),
        (Fault::NoLimit, "fault-long"),
        (Fault::WrongCode, "fault-unmasked"),
        (Fault::AnyEndsAll, "fault-others"),
        (Fault::CloseUnanswered, "close-code"),
        (Fault::CloseOtherCode, "close-code"),
        (Fault::TcpStays, "close-tcp"),
        (Fault::Tears, "torn-frames"),
        (Fault::PongsPastTheQueue, "torn-pongs"),
        (Fault::Waits, "stalled-reader"),
        (Fault::FewComings, "comings"),
    ];
    // Each checker waits nearly all of its time.
    for some in table.chunks(6) {
        thread::scope(|scope| {
            for (fault, promise) in some {
                scope.spawn(move || {
                    let report = check(&serve(*fault), &["--only", promise]);
                    let found = (report.verdicts[*promise].as_str(), report.status);
                    assert_eq!(found, ("does-not", 1), "{fault:?}: {}", report.all);
                });
            }
        });
    }
}

#[test]
fn what_cannot_be_seen_is_not_called_right() {
    let report = check(&serve(Fault::NoPong), &["--only", "torn-pongs"]);
    assert_eq!(report.exceptions(), ["torn-pongs: unknown"], "no pong came: {}", report.all);
    let report = check(&serve(Fault::OthersOnly), &["--only", "ping,close"]);
    assert_eq!(report.status, 0, "{}", report.all);
}

#[test]
fn the_right_server_of_these_tests_is_right_but_for_its_memory() {
    let url = serve(Fault::None);
    let report = check(&url, &[]);
    assert_eq!(report.exceptions(), ["origin: does-not"], "{}", report.all);
    assert_eq!(report.status, 0, "advice does not count");
}

/// Set for a process of its own that serves.
const SERVES: &str = "LADDER_SERVES";

#[test]
fn a_queue_without_a_bound_fills_the_memory() {
    if std::env::var_os(SERVES).is_some() {
        println!("{}", serve(Fault::None).replace("ws://", "http://"));
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["broken::a_queue_without_a_bound_fills_the_memory", "--exact", "--nocapture"])
        .env(SERVES, "1");
    let program = Program::start(command, "/");
    let report = check(&program.url(), &["--only", "memory", "--pid", &program.pid()]);
    assert_eq!(report.exceptions(), ["memory: does-not"], "{}", report.all);
}

#[test]
fn a_server_that_hangs_answers_garbage_or_floods_ends_the_checker_within_a_minute() {
    thread::scope(|scope| {
        for fault in [Fault::Silent, Fault::Garbage, Fault::EndlessHead, Fault::Floods] {
            scope.spawn(move || {
                let began = Instant::now();
                let output = run_checker(&[&serve(fault)]);
                assert_eq!(output.status.code(), Some(1), "{fault:?}");
                assert!(began.elapsed() < Duration::from_secs(60), "{fault:?}: {:?}", began.elapsed());
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(text.contains("DOES NOT"), "{fault:?}: {text}");
            });
        }
    });
}
