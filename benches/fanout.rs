//! How fast the chat brings messages to everybody, and how much memory an idle client takes.
//!
//! ```text
//! make bench                                         all of it, about two minutes
//! cargo bench --bench fanout -- throughput           one part of it
//! cargo bench --bench fanout -- throughput 100       one part, with 100 clients only
//! cargo bench --bench fanout -- watching             what it costs that somebody could watch
//! cargo bench --bench fanout -- memory
//! cargo bench --features redis --bench fanout -- redis     several servers that share one chat
//! ```
//!
//! A number alone says little: machines differ. So in the same run the *raw floor* does the least
//! that any server must do for the same messages, and what counts is the ratio between the two.
//! * `contestant`: starts the real binary and the floors, each a process on a core of its own
//! * `redis`: starts the redis-server through which several servers are one chat
//! * `floor`: the least work that still brings every message to every client
//! * `load`: all the clients, in a third process on the other core; `client` is one of them
//! * `watcher`: somebody who watches everybody through the inspector
//! * `text`: the 64-byte texts that travel
//! * `process`: CPU time and memory, from `/proc`
//! * `report`: the tables
#![forbid(unsafe_code)]

#[path = "fanout/client.rs"]
mod client;
#[path = "fanout/contestant.rs"]
mod contestant;
#[path = "fanout/floor.rs"]
mod floor;
#[path = "fanout/load.rs"]
mod load;
#[path = "fanout/process.rs"]
mod process;
#[path = "fanout/redis.rs"]
mod redis;
#[path = "fanout/report.rs"]
mod report;
#[path = "fanout/text.rs"]
mod text;
#[path = "fanout/watcher.rs"]
mod watcher;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use contestant::{Contestant, Pinning, measure};
use floor::Mode;
use load::{Idle, Latency, Outcome, Task, Throughput};
use report::Rounds;
use watcher::Watching;

/// Clients of the throughput runs; all of them receive, the first few also send.
const THROUGHPUT_CLIENTS: [usize; 3] = [10, 100, 1_000];

/// Clients that send, in every throughput run.
const SENDERS: usize = 4;

/// Messages each sender keeps under way: as one comes back to it, the next goes out. How much is in
/// flight decides how much a server can send at once, so it is the same for all.
const IN_FLIGHT_EACH: u32 = 16;

/// Each contestant runs this often, in turns, so that all meet the machine in the same moods.
const ROUNDS: usize = 3;

/// Clients of the watching runs.
const WATCHING_CLIENTS: [usize; 1] = [100];

/// Clients of the runs with several servers, and the servers.
const REDIS_CLIENTS: [usize; 1] = [100];
const REDIS_CONTESTANTS: [Contestant; 4] =
    [Contestant::Chat, Contestant::Shared(1), Contestant::Shared(2), Contestant::Shared(3)];

/// What fills the stream: nobody but the senders is there, and each keeps this many under way.
const SATURATING_IN_FLIGHT_EACH: u32 = 256;

/// One message after this time, where the latency is measured.
const PACE: Duration = Duration::from_millis(10);

/// Clients of the memory runs.
const MEMORY_CLIENTS: [usize; 2] = [1_000, 10_000];

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

/// What the words on the command line ask for: all, a part, or a part with one number of clients.
struct Selection {
    part: Option<String>,
    clients: Option<usize>,
}

impl Selection {
    fn parse(words: &[&str]) -> io::Result<Self> {
        let words: Vec<&str> = words.iter().copied().filter(|word| *word != "--bench").collect();
        let part = words.first().map(|part| part.to_string());
        let clients = words.get(1).map(|count| count.parse()).transpose();
        match (part.as_deref(), clients) {
            (None | Some("throughput" | "watching" | "memory" | "redis"), Ok(clients))
                if words.len() <= 2 =>
            {
                Ok(Self { part, clients })
            }
            _ => Err(io::Error::other(
                "I know `throughput`, `watching`, `memory` and `redis`, then a number of clients",
            )),
        }
    }

    /// The numbers of clients to run in this part: the usual ones, or the one that was asked for.
    fn clients(&self, part: &str, usual: &[usize]) -> Vec<usize> {
        match (&self.part, self.clients) {
            (Some(chosen), _) if chosen != part => Vec::new(),
            (_, Some(clients)) => vec![clients],
            (_, None) => usual.to_vec(),
        }
    }

    /// Only who asks for this part has what it takes.
    fn redis_clients(&self) -> Vec<usize> {
        self.part.as_ref().map_or(Vec::new(), |_| self.clients("redis", &REDIS_CLIENTS))
    }
}

fn run_benchmark(words: &[&str]) -> io::Result<()> {
    let selection = Selection::parse(words)?;
    let pinning = Pinning::find();
    println!("{}", process::machine());
    println!("{pinning}; all traffic on 127.0.0.1");

    let throughput = selection.clients("throughput", &THROUGHPUT_CLIENTS);
    let watching = selection.clients("watching", &WATCHING_CLIENTS);
    let memory = selection.clients("memory", &MEMORY_CLIENTS);
    let failures = throughput_table(pinning, &throughput)
        + watching_table(pinning, &watching)
        + memory_table(pinning, &memory)
        + redis_tables(pinning, &selection.redis_clients())?;
    match failures {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("rows that could not be measured: {failures}"))),
    }
}

/// Prints a table with a row for each number of clients; how many rows failed.
fn throughput_table(pinning: Pinning, counts: &[usize]) -> usize {
    if counts.is_empty() {
        return 0;
    }
    println!(
        "\nThroughput: {SENDERS} senders with {IN_FLIGHT_EACH} messages of {} bytes in flight \
         each; median of {ROUNDS} rounds in turns",
        text::TEXT_BYTES
    );
    report::throughput_head();
    let failures = counts
        .iter()
        .map(|&clients| say_if_failed(clients, compare_throughput(pinning, clients)))
        .sum();
    report::throughput_foot();
    failures
}

/// Prints a table with some rows for each number of clients; how many of them failed.
fn watching_table(pinning: Pinning, counts: &[usize]) -> usize {
    if counts.is_empty() {
        return 0;
    }
    println!("\nThe inspector: the same chat when nobody watches, and when a teacher watches all");
    report::throughput_head();
    let rows = counts.iter();
    rows.map(|&clients| say_if_failed(clients, compare_watching(pinning, clients))).sum()
}

/// Prints a table with a row for each number of clients; how many rows failed.
fn memory_table(pinning: Pinning, counts: &[usize]) -> usize {
    if counts.is_empty() {
        return 0;
    }
    println!("\nMemory of the chat: everybody is connected, nobody speaks");
    report::memory_head();
    let failures = counts
        .iter()
        .map(|&clients| say_if_failed(clients, measure_memory(pinning, clients)))
        .sum();
    report::memory_foot();
    failures
}

/// Prints the tables of servers that share one chat; how many rows failed.
fn redis_tables(pinning: Pinning, counts: &[usize]) -> io::Result<usize> {
    if counts.is_empty() {
        return Ok(0);
    }
    if !cfg!(feature = "redis") {
        return Err(io::Error::other("this part takes `cargo bench --features redis`"));
    }
    if !redis::is_here() {
        return Err(io::Error::other("this part takes an installed redis-server"));
    }
    let mut failures = 0;
    println!(
        "\nServers that share one chat: {SENDERS} senders with {IN_FLIGHT_EACH} messages in flight each"
    );
    report::shared_head();
    for &clients in counts {
        failures += say_if_failed(clients, compare_shared(pinning, clients, IN_FLIGHT_EACH));
    }
    println!(
        "\nThe stream when it is full: only the {SENDERS} senders, {SATURATING_IN_FLIGHT_EACH} messages in flight each"
    );
    report::shared_head();
    failures += say_if_failed(SENDERS, compare_shared(pinning, SENDERS, SATURATING_IN_FLIGHT_EACH));
    report::shared_foot();
    println!("\nLatency: a message every {PACE:?}, until the last client has it");
    report::latency_head();
    for &clients in counts {
        failures += say_if_failed(clients, measure_latencies(pinning, clients));
    }
    Ok(failures)
}

/// A failed row says why, and the others still run; 1 if this one failed.
fn say_if_failed(clients: usize, row: io::Result<()>) -> usize {
    match row {
        Ok(()) => 0,
        Err(error) => {
            println!("{clients:>7}  not measured: {error}");
            1
        }
    }
}

fn compare_throughput(pinning: Pinning, clients: usize) -> io::Result<()> {
    let (mut chat, mut batched, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // The chat goes first: the floors then send frames of the same length.
        let run = measure_throughput(pinning, Contestant::Chat, clients)?;
        let frame_bytes = (run.message_bytes as f64 / run.deliveries as f64).round() as usize;
        chat.push(run);
        for (mode, runs) in [(Mode::Batched, &mut batched), (Mode::Single, &mut single)] {
            let floor = Contestant::Floor(mode, frame_bytes);
            runs.push(measure_throughput(pinning, floor, clients)?);
        }
    }
    let chat = Rounds { contestant: Contestant::Chat, rounds: chat };
    let floors = [(Mode::Batched, batched), (Mode::Single, single)]
        .map(|(mode, rounds)| Rounds { contestant: Contestant::Floor(mode, 0), rounds });

    report::throughput_row(clients, &chat);
    floors.iter().for_each(|floor| report::throughput_row(clients, floor));
    floors.iter().for_each(|floor| report::ratio_row(&chat, floor));
    Ok(())
}

fn compare_watching(pinning: Pinning, clients: usize) -> io::Result<()> {
    let mut all = [Watching::Never, Watching::NoMore, Watching::Always]
        .map(|watching| Rounds { contestant: Contestant::Watched(watching), rounds: Vec::new() });
    for _ in 0..ROUNDS {
        for Rounds { contestant, rounds } in &mut all {
            rounds.push(measure_throughput(pinning, *contestant, clients)?);
        }
    }
    all.iter().for_each(|rounds| report::throughput_row(clients, rounds));
    let [never, others @ ..] = &all;
    others.iter().for_each(|rounds| report::ratio_row(rounds, never));
    Ok(())
}

fn compare_shared(pinning: Pinning, clients: usize, in_flight: u32) -> io::Result<()> {
    let mut all = REDIS_CONTESTANTS.map(|contestant| Rounds { contestant, rounds: Vec::new() });
    for _ in 0..ROUNDS {
        for Rounds { contestant, rounds } in &mut all {
            rounds.push(measure_in_flight(pinning, *contestant, clients, in_flight)?);
        }
    }
    all.iter().for_each(|rounds| report::shared_row(clients, rounds));
    let [chat, others @ ..] = &all;
    others.iter().for_each(|rounds| report::ratio_row(rounds, chat));
    Ok(())
}

fn measure_latencies(pinning: Pinning, clients: usize) -> io::Result<()> {
    for contestant in REDIS_CONTESTANTS {
        let latency: Latency =
            match measure(pinning, contestant, clients, Task::Latency { every: PACE })? {
                Outcome::Latency(latency) => latency,
                other => return Err(unexpected(contestant, other)),
            };
        report::latency_row(clients, contestant, &latency);
    }
    Ok(())
}

fn measure_throughput(
    pinning: Pinning,
    contestant: Contestant,
    clients: usize,
) -> io::Result<Throughput> {
    measure_in_flight(pinning, contestant, clients, IN_FLIGHT_EACH)
}

fn measure_in_flight(
    pinning: Pinning,
    contestant: Contestant,
    clients: usize,
    in_flight: u32,
) -> io::Result<Throughput> {
    let watching = match contestant {
        Contestant::Watched(watching) => watching,
        Contestant::Chat | Contestant::Shared(_) | Contestant::Floor(..) => Watching::Never,
    };
    let task = Task::Throughput { senders: SENDERS, in_flight, watching };
    match measure(pinning, contestant, clients, task)? {
        Outcome::Throughput(run) if run.deliveries > 0 => Ok(run),
        Outcome::Throughput(_) => Err(unusable(contestant, "delivered nothing")),
        other => Err(unexpected(contestant, other)),
    }
}

fn measure_memory(pinning: Pinning, clients: usize) -> io::Result<()> {
    let idle: Idle = match measure(pinning, Contestant::Chat, clients, Task::Idle)? {
        Outcome::Idle(idle) => idle,
        other => return Err(unexpected(Contestant::Chat, other)),
    };
    report::memory_row(clients, &idle);
    Ok(())
}

fn unexpected(contestant: Contestant, outcome: Outcome) -> io::Error {
    match outcome {
        Outcome::Failed(reason) => unusable(contestant, &reason),
        _ => unusable(contestant, "was measured for something else"),
    }
}

fn unusable(contestant: Contestant, reason: &str) -> io::Error {
    io::Error::other(format!("{contestant}: {reason}"))
}
