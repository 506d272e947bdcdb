//! Flags, logger, signals, run: everything else is in the library, whose `lib.rs` is the map.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::process::{self, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::{LevelFilter, error, info, warn};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use websocket_classroom::config::{self, Options, Request};
use websocket_classroom::server::{Server, Stopper};
use websocket_classroom::{features, logger};

/// How long the banner's terminal is waited for.
const BANNER_PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let options = match config::parse(std::env::args_os().skip(1)) {
        Ok(Request::Serve(options)) => options,
        Ok(Request::Enrol(enrolment, users)) => {
            return match features::enrol(&enrolment, &users) {
                Ok(done) => say(&done),
                Err(wrong) => fail(1, &wrong),
            };
        }
        Ok(Request::Help) => return say(&config::help()),
        Ok(Request::Version) => {
            return say(concat!("websocket-classroom ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Err(wrong) => return fail(2, &wrong.to_string()),
    };
    if let Err(error) = logger::start(log_level(&options)) {
        return fail(1, &format!("cannot start the log: {error}"));
    }
    match serve(*options) {
        Ok(()) => {
            info!("ended");
            logger::flush();
            ExitCode::SUCCESS
        }
        Err(reason) => {
            logger::flush();
            fail(1, &reason)
        }
    }
}

fn serve(options: Options) -> Result<(), String> {
    let server = Server::bind(options).map_err(|error| error.to_string())?;
    raise_descriptor_limit(server.descriptors());
    warn_of_too_few_threads(server.threads());
    let signals =
        Signals::new(signals_to_obey()).map_err(|error| format!("no signals: {error}"))?;
    let stopper = server.stopper();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || obey(signals, &stopper))
        .map_err(|error| format!("no thread for signals: {error}"))?;
    print_banner(&server);
    server.run().map_err(|error| {
        error!("{error}");
        error.to_string()
    })
}

/// A standard output that is closed, or a terminal that stands still (Ctrl-S), is no reason not to serve.
fn print_banner(server: &Server) {
    let banner = server.banner();
    let (printing, printed) = mpsc::channel::<()>();
    let print = move || {
        let out = io::stdout();
        let terminal = out.is_terminal();
        let _ = banner.print(terminal, out.lock());
        drop(printing);
    };
    if thread::Builder::new().name("banner".to_owned()).spawn(print).is_ok() {
        // It stands above the log's first line, unless that would take too long.
        let _ = printed.recv_timeout(BANNER_PATIENCE);
    }
}

/// Ctrl-C, a service manager's wish, and a terminal that is closed; but under nohup that is to be nothing.
fn signals_to_obey() -> Vec<i32> {
    let ignored = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    // Where the system does not say, it stays as it is.
    let is_hangup_ignored = ignored.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0);
    let hangup = (!is_hangup_ignored).then_some(SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(hangup).collect()
}

/// The first signal ends the server in order, the second at once; but a terminal that closes may say so twice.
fn obey(mut signals: Signals, stopper: &Stopper) {
    let mut stopping = false;
    for signal in signals.forever() {
        if stopping && signal == SIGHUP {
            continue;
        }
        if stopping {
            process::exit(128 + signal);
        }
        stopping = true;
        info!("stopping: telling everybody; once more to stop at once");
        let helper = stopper.clone();
        // On a thread of its own, so that the next signal is heard; without one, as well as can be.
        if thread::Builder::new().spawn(move || helper.stop()).is_err() {
            stopper.stop();
        }
    }
}

fn log_level(options: &Options) -> LevelFilter {
    let from_environment = || std::env::var("RUST_LOG").ok()?.parse().ok();
    options.log.or_else(from_environment).unwrap_or(LevelFilter::Info)
}

/// Systems start a program with a small limit and let it ask for more.
fn raise_descriptor_limit(wanted: u64) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => {
            warn!(
                "the system allows {limit} open files; {wanted} are needed if everybody comes whom the flags allow"
            );
        }
        Ok(_) => {}
        Err(error) => warn!("cannot ask for more open files: {error}"),
    }
}

/// Each process has so many, and only the machine's owner can change that.
fn warn_of_too_few_threads([allowed, wanted]: [usize; 2]) {
    if allowed < wanted {
        warn!(
            "the system allows threads for {allowed} connections (vm.max_map_count); {wanted} are needed if everybody comes whom the flags allow"
        );
    }
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One line on standard error, which may be closed.
fn fail(status: u8, reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "websocket-classroom: {reason}");
    ExitCode::from(status)
}
