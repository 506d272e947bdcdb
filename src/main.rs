//! Flags, log, signals, run: how the server starts and stops. Everything else is in the library, whose `lib.rs` is the map.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::{self, ExitCode};
use std::thread;

use log::{LevelFilter, error, info};
use websocket_classroom::config::{self, Options, Request};
use websocket_classroom::server::Server;
use websocket_classroom::stopper::Stopper;
use websocket_classroom::system::{Signal, Signals};
use websocket_classroom::{features, logger, system};

fn main() -> ExitCode {
    let options = match config::parse(std::env::args_os().skip(1)) {
        Ok(Request::Serve(options)) => options,
        Ok(Request::Enrol(enrolment, users)) => {
            return match features::enrol(&enrolment, &users) {
                Ok(added) => print(&added),
                Err(reason) => fail(1, &reason),
            };
        }
        Ok(Request::Help) => return print(&config::help()),
        Ok(Request::Version) => {
            return print(concat!("websocket-classroom ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        Err(wrong_flag) => return fail(2, &wrong_flag.to_string()),
    };
    let from_environment = || std::env::var("RUST_LOG").ok()?.parse().ok();
    let level = options.log.or_else(from_environment).unwrap_or(LevelFilter::Info);
    if let Err(error) = logger::start(level) {
        return fail(1, &format!("cannot start the log: {error}"));
    }
    // On Windows a second process serves, which the end of the console does not end.
    system::launch();
    let served = serve(*options).inspect(|()| info!("ended"));
    logger::flush();
    served.map_or_else(|reason| fail(1, &reason), |()| ExitCode::SUCCESS)
}

fn serve(options: Options) -> Result<(), String> {
    let server = Server::bind(options)?;
    system::raise_descriptor_limit(server.descriptors());
    system::warn_of_too_few_threads(server.threads());
    let signals = Signals::new().map_err(|error| format!("no signals: {error}"))?;
    let stopper = server.stopper();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || handle(signals, &stopper))
        .map_err(|error| format!("no thread for signals: {error}"))?;
    server.banner().print_in_time();
    server.run().map_err(|error| {
        error!("{error}");
        error.to_string()
    })
}

/// The first signal stops the server in order: close frames first. The second ends it at once. SIGHUP does not count as the
/// second: a closed terminal may send it twice.
fn handle(mut signals: Signals, stopper: &Stopper) {
    let mut stopping = false;
    while let Some(signal) = signals.wait() {
        match signal {
            Signal::Hangup if stopping => continue,
            Signal::Stop(status) if stopping => process::exit(status),
            _ => {}
        }
        stopping = true;
        info!("stopping: closing all connections; a second signal stops at once");
        let helper = stopper.clone();
        // `stop` may wait: on another thread, so that this one can receive the second signal.
        if thread::Builder::new().spawn(move || helper.stop()).is_err() {
            stopper.stop();
        }
    }
}

fn print(text: &str) -> ExitCode {
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
