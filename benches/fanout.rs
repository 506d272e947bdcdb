//! How fast the chat delivers messages, how long they take, and what clients cost, with a bound for each figure.
//!
//! ```text
//! make bench                                              all parts but `redis`, `tls`, `peers` and the first build: some thirteen minutes
//! make bench-peers                                        other servers under the same load; needs Node
//! cargo bench --bench fanout -- throughput                one part
//! cargo bench --bench fanout -- throughput 100            one part, only its runs with 100 clients
//! BENCH_QUICK=1 cargo bench --bench fanout                everything short, to see that it works; the figures say nothing
//! ```
//!
//! | part | what it measures |
//! |---|---|
//! | `throughput` | deliveries a second and CPU for each, with 10 to 10,000 clients |
//! | `latency` | median and 99th percentile with little to do |
//! | `loaded` | 99th percentile at one and at three million deliveries a second |
//! | `memory` | an idle client's memory; 10,000 come and go |
//! | `slow` | clients that read nothing: what it costs the others, and the server |
//! | `senders` | a thousand clients that all send |
//! | `joins` | what a join costs in a chat of few and of many |
//! | `private` | private messages and the history, beside public messages |
//! | `watching` | the cost of the inspector, with and without a watcher |
//! | `build` | size of the binary, crates, time to start; `build first` also the first build |
//! | `redis` | several servers that share one chat; takes `--features redis` and a redis-server |
//! | `tls` | the same over TLS, beside rustls alone; takes `--features tls` |
//! | `peers` | Node's `ws` and `socket.io` |
//!
//! A number alone says little: machines differ. So in the same run a *raw floor* does the least that must be done for the same
//! messages, and what counts is the ratio between the two: the median of rounds in turns, mostly five. The run fails where a bound is
//! missed.
//! * `modes`: the parts; `bench`: how they measure
//! * `contestant`: starts the real binary and the floors, each a process on a core of its own
//! * `redis`: starts the redis-server through which several servers are one chat; `peers`: installs others' servers
//! * `floor`: the least work that still brings every message to every client, with a thread for each and with one for all
//! * `load`: all the clients, in a third process on the other core; `client` is one of them
//! * `watcher`: a client that watches everyone through the inspector
//! * `text`: the 64-byte texts that travel; `timing`: when each is to leave, and when it arrived
//! * `process`: CPU time and memory, from `/proc`
//! * `report`: the tables and the bounds
#![forbid(unsafe_code)]

#[path = "fanout/bench.rs"]
mod bench;
#[path = "fanout/client.rs"]
mod client;
#[path = "fanout/contestant.rs"]
mod contestant;
#[path = "fanout/floor/mod.rs"]
mod floor;
#[path = "fanout/load/mod.rs"]
mod load;
#[path = "fanout/modes/mod.rs"]
mod modes;
#[path = "fanout/peers.rs"]
mod peers;
#[path = "fanout/process.rs"]
mod process;
#[path = "fanout/redis.rs"]
mod redis;
#[path = "fanout/report.rs"]
mod report;
#[path = "fanout/stream.rs"]
mod stream;
#[path = "fanout/text.rs"]
mod text;
#[path = "fanout/timing.rs"]
mod timing;
#[cfg(feature = "tls")]
#[path = "fanout/tls.rs"]
mod tls;
#[path = "fanout/watcher.rs"]
mod watcher;

use std::io;
use std::process::ExitCode;

use bench::Bench;
use report::Ledger;

/// Without a word all of these run; the others only by their name.
const DEFAULT_PARTS: [&str; 10] =
    ["build", "throughput", "latency", "loaded", "memory", "slow", "senders", "joins", "private", "watching"];
const PARTS_BY_NAME: [&str; 3] = ["redis", "tls", "peers"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        // We start ourselves again in these two parts.
        ["--floor", mode, frame_bytes] => run_floor(mode, frame_bytes),
        ["--load", job] => load::run(job),
        _ if words.contains(&"--bench") => run_benchmark(&words),
        // `cargo test --all-targets` runs benchmarks too, without this flag.
        _ => {
            println!("fanout is a benchmark: run it with `make bench`");
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_floor(mode: &str, frame_bytes: &str) -> io::Result<()> {
    let frame_bytes = frame_bytes.parse().map_err(io::Error::other)?;
    floor::serve(serde_json::from_str(mode)?, frame_bytes)
}

fn run_benchmark(words: &[&str]) -> io::Result<()> {
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "--bench").collect();
    let (parts, clients, with_first_build) = match words[..] {
        [] => (DEFAULT_PARTS.to_vec(), None, false),
        ["build", "first"] => (vec!["build"], None, true),
        [part] if is_part(part) => (vec![part], None, false),
        [part, clients] if is_part(part) => {
            (vec![part], Some(clients.parse().map_err(io::Error::other)?), false)
        }
        _ => {
            let known = [&DEFAULT_PARTS[..], &PARTS_BY_NAME].concat().join(", ");
            return Err(io::Error::other(format!(
                "I know these parts, each alone or with a number of clients: {known}; and `build first`"
            )));
        }
    };
    let bench = Bench::new(clients);
    println!("{}", process::machine());
    println!("{}; all traffic on 127.0.0.1", bench.pinning);

    let mut ledger = Ledger::default();
    for part in parts {
        match part {
            "build" => modes::build::run(&bench, &mut ledger, with_first_build),
            "throughput" => modes::throughput::run(&bench, &mut ledger),
            "latency" => modes::latency::calm(&bench, &mut ledger),
            "loaded" => modes::latency::loaded(&bench, &mut ledger),
            "memory" => modes::memory::run(&bench, &mut ledger),
            "slow" => modes::slow::run(&bench, &mut ledger),
            "senders" => modes::senders::run(&bench, &mut ledger),
            "joins" => modes::joins::run(&bench, &mut ledger),
            "private" => modes::private::run(&bench, &mut ledger),
            "watching" => modes::watching::run(&bench, &mut ledger),
            "redis" => modes::shared::run(&bench, &mut ledger)?,
            "tls" => modes::encrypted::run(&bench, &mut ledger)?,
            _ => modes::peers::run(&bench, &mut ledger)?,
        }
    }
    if ledger.close() { Ok(()) } else { Err(io::Error::other("a bound is missed")) }
}

fn is_part(word: &str) -> bool {
    DEFAULT_PARTS.contains(&word) || PARTS_BY_NAME.contains(&word)
}
