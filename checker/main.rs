//! `websocket-check URL`: tells what holds of a chat over WebSocket, of any server, written in any language.
//!
//! A program of its own; the server does not know it. `promise` is the list of what is checked; `checks` find it out, each with
//! three verdicts: it holds, it does not, it could not be told. `target` is the server, `client` one connection to it; both trust
//! nothing that the server sends. `report` and `recording` tell of it.
//!
//! The checks run on a thread of their own. This one prints, and ends the program when the minute is over, whatever happens.

#![forbid(unsafe_code)]

mod checks;
mod client;
mod connection;
mod frame;
mod head;
mod options;
mod promise;
mod recording;
mod report;
mod target;
mod text;
mod verdict;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use options::{HELP, Options};
use promise::{PROMISES, Promise};
use recording::Recorder;
use target::Target;
use text::{Language, text};
use verdict::Verdict;

/// When no new check begins and no wait goes on. What is left of the minute is for the end.
const RUN: Duration = Duration::from_secs(54);
/// A check that is still not over then is a fault of ours; the program ends all the same.
const LAST: Duration = Duration::from_secs(57);

fn main() -> ExitCode {
    let (language, options) = options::parse(std::env::args_os().skip(1));
    match options {
        Ok(Some(options)) => ExitCode::from(run(options)),
        Ok(None) => {
            print(HELP[usize::from(language == Language::Spanish)]);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "websocket-check: {}", wrong.of(language));
            ExitCode::from(2)
        }
    }
}

/// A closed standard output is no reason to stop: the exit status tells, too.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn run(options: Options) -> u8 {
    let began = Instant::now();
    let token = format!("check{:08x}", RandomState::new().build_hasher().finish() as u32);
    let recorder = Arc::new(Recorder::new(options.record.is_some(), &options.host, &token));
    let target = Arc::new(Target {
        address: options.address,
        host: options.host.clone(),
        path: options.path.clone(),
        template: options.send.clone(),
        answer: options.answer.clone(),
        pid: options.pid,
        recorder: Arc::clone(&recorder),
        token,
        end: began + RUN,
        texts: AtomicU64::new(1),
        connections: AtomicU64::new(0),
        websockets: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        no_answer: OnceLock::new(),
        opens: OnceLock::new(),
        hears: OnceLock::new(),
    });
    let is_wanted = |promise: &&Promise| {
        options.only.is_empty() || options.only.iter().any(|name| name == promise.id || name == promise.group)
    };
    let (asked, left_out): (Vec<&Promise>, Vec<&Promise>) =
        PROMISES.iter().filter(is_wanted).partition(|promise| !promise.needs_pid || options.pid.is_some());
    let verdicts = begin(asked.clone(), Arc::clone(&target));

    let mut counts = [0; 3];
    let mut objects = Vec::new();
    for promise in asked {
        let left = (began + LAST).saturating_duration_since(Instant::now());
        let verdict = verdicts.recv_timeout(left).unwrap_or_else(|_| Verdict::Unknown(minute_is_over()));
        let place = match verdict {
            Verdict::Holds => 0,
            Verdict::DoesNot(_) => 1,
            Verdict::Unknown(_) => 2,
        };
        if !promise.is_advice || place == 0 {
            counts[place] += 1;
        }
        if options.json {
            objects.push(report::json(promise, &verdict, options.language));
        } else {
            print(&report::line(promise, &verdict, &options));
        }
    }
    let left_out: Vec<&str> = left_out.iter().map(|promise| promise.id).collect();
    let mut status = report::status(counts);
    let written = options.record.as_ref().map(|file| (file, recorder.write(file)));
    if let Some((file, Err(error))) = written {
        let _ = writeln!(io::stderr(), "websocket-check: {file}: {error}");
        status = status.max(2);
    }
    let (sent, connections) =
        (target.sent.load(Ordering::Relaxed), target.connections.load(Ordering::Relaxed));
    if options.json {
        let result = json!({"url": options.url, "status": status, "holds": counts[0], "does_not": counts[1],
            "unknown": counts[2], "sent": sent, "connections": connections, "not_asked": left_out, "promises": objects});
        print(&result.to_string());
    } else {
        let cost = (sent, connections, began.elapsed().as_secs_f64());
        print(&report::summary(counts, &left_out, cost, options.language));
    }
    status
}

/// The checks' thread. It is not waited for: when the program ends, it ends.
fn begin(asked: Vec<&'static Promise>, target: Arc<Target>) -> crossbeam_channel::Receiver<Verdict> {
    let (verdicts, results) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        for promise in asked {
            target.recorder.begin(promise.id);
            let verdict = match Instant::now() < target.end {
                true => Verdict::of((promise.check)(&target)),
                false => Verdict::Unknown(minute_is_over()),
            };
            target.recorder.end(promise.id, verdict.word());
            if verdicts.send(verdict).is_err() {
                return;
            }
        }
    });
    results
}

fn minute_is_over() -> text::Text {
    text!(
        "the minute was over before it came to this; ask for it alone with --only",
        "el minuto se acabó antes de llegar a esta promesa; compruébala por separado con --only"
    )
}
