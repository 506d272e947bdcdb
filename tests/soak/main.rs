//! A long run: many clients come, go, chat, stall and misbehave at random. Every message is checked, and the server's resources are
//! measured. `make soak MINUTES=30`; the short form, a few seconds, is part of every `cargo test`.
//!
//! `SEED=7` repeats a run; `CLIENTS` is 200 by default; with `HURRY=3` all clients are three times as fast. The clients: `person` and
//! `steps` (chat, and receive everything once and in order), `visitors` (pages, the echo, watchers), `rowdy` (misbehave). The checks:
//! `book` (public messages), `letters` (private messages), `samples` (memory, threads, descriptors).

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;

mod book;
mod letters;
mod metronome;
mod person;
#[allow(dead_code)] // The bench asks for more.
#[path = "../../benches/fanout/process.rs"]
mod process;
mod rowdy;
mod samples;
mod stage;
mod steps;
mod tally;
mod visitors;

use std::any::Any;
use std::env;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::random::Random;
use crate::common::raw::{ask, request};
use crate::common::{Client, Server};
use letters::POSTED as POSTED_LETTERS;
use samples::{Rest, Sample, Trend};
use serde_json::Value;
use stage::{END, PATIENCE, Stage};
use tally::Fault;

const TEACHER_KEY: &str = "teacher-of-the-long-run";

/// Samples of a run, if they are not too close to each other.
const SAMPLES: u32 = 30;
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);

/// A tenth of a second each: then a server that has just started is ready.
const UNCHANGED: u32 = 10;

/// Longer than anything may linger when its client is gone.
const UNTIL_REST: Duration = Duration::from_secs(60);

/// What a client's thread needs at most.
const STACK: usize = 512 * 1024;

/// What a run is made of.
struct Run {
    time: Duration,
    clients: usize,
    seed: u64,
    /// How many times faster than in the long run everybody acts.
    hurry: f64,
    flags: &'static [&'static str],
}

#[test]
fn clients_that_come_go_stall_and_misbehave_for_a_few_seconds_do_no_harm() {
    run(&Run {
        time: Duration::from_secs(6),
        clients: 40,
        seed: 20_261_124,
        hurry: 6.0,
        flags: &["--handshake-timeout", "2"],
    });
}

#[test]
#[ignore = "runs for MINUTES: make soak"]
fn a_long_run_loses_nothing_and_leaves_nothing_behind() {
    let minutes: f64 = given("MINUTES", 30.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970").as_secs();
    run(&Run {
        time: Duration::from_secs_f64(minutes * 60.0),
        clients: given("CLIENTS", 200),
        seed: given("SEED", now),
        hurry: given("HURRY", 1.0),
        flags: &[],
    });
}

fn given<T: std::str::FromStr>(name: &str, absent: T) -> T {
    match env::var(name).ok().filter(|value| !value.is_empty()) {
        Some(value) => value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")),
        None => absent,
    }
}

fn run(run: &Run) {
    let Run { time, clients, seed, hurry, flags } = *run;
    println!("{clients} clients for {:.1} minutes; SEED={seed}", time.as_secs_f64() / 60.0);
    println!("{}\n\n{}", process::machine(), Sample::HEAD);
    let flags = [&["--teacher-key", TEACHER_KEY, "--log", "info"], flags].concat();
    let mut server = Server::start(&flags);
    server.patience = PATIENCE;
    health(&server);
    let before = rest(&server, None);
    let stage = Stage::new(&server, TEACHER_KEY, clients, time, hurry);
    let samples = perform_all(&stage, seed);
    check_messages(&stage);
    check_rest(&stage, before);
    check_trend(&stage, &samples);
    check_log(&stage);
    println!("\n{}", stage.tally);
    let faults = stage.tally.faults();
    let status = server.stop();
    assert!(faults.is_empty(), "SEED={seed}: {faults:#?}");
    assert!(status.success(), "SEED={seed}: the server ended with {status}");
}

/// From the first to the last, with a witness who is there all the time.
fn perform_all(stage: &Stage<'_>, seed: u64) -> Vec<Sample> {
    let mut witness = Client::open(stage.server, "/ws?name=witness");
    stage.book.begin(&witness.event());
    let ears = witness.websocket.get_ref().0.try_clone().expect("a descriptor is left");
    let mut samples = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| stage.metronome.run(|| stage.all_wait()));
        scope.spawn(|| {
            fails_into(stage, "the witness", || {
                stage.book.write(&mut witness, &stage.tally);
                witness.leave();
            });
        });
        for number in 0..stage.board.len() {
            let thread = thread::Builder::new().name(format!("client {number}")).stack_size(STACK);
            let started = thread.spawn_scoped(scope, move || {
                fails_into(stage, "a client", || perform(stage, seed, number));
                stage.performing.fetch_sub(1, Ordering::SeqCst);
            });
            started.expect("a thread can be had");
        }
        fails_into(stage, "the samples", || samples = watch_the_server(stage));
        stage.give_up();
        fails_into(stage, "the end", || draw_the_curtain(stage));
        if !stage.book.is_complete() {
            // It hears nothing but pings, for ever.
            let _ = ears.shutdown(Shutdown::Both);
        }
    });
    samples
}

/// One client: a part after the other, to the end.
fn perform(stage: &Stage<'_>, seed: u64, number: usize) {
    let mut random = Random(seed ^ (number as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
    // Not all at once.
    stage.sleep(stage.moment(&mut random, 0.0, 15.0));
    let mut life = 0;
    while !stage.is_over() {
        life += 1;
        let random = &mut random;
        let part = random.below(20);
        let who = format!("client {number}");
        match part {
            // Some stay for the whole run.
            _ if number % 4 == 0 => {
                fails_into(stage, &who, || person::live(stage, random, number, life, None));
            }
            0..=9 => {
                let long = Some(stage.moment(random, 20.0, 180.0));
                fails_into(stage, &who, || person::live(stage, random, number, life, long));
            }
            10..=13 => rowdy::misbehave(stage, random, number, life),
            14..=16 => fails_if_in_time(stage, &who, || visitors::talk_to_the_echo(stage, random)),
            17..=18 => fails_if_in_time(stage, &who, || visitors::watch(stage, random)),
            _ => fails_if_in_time(stage, &who, || visitors::load_the_page(stage, random)),
        }
        stage.set_presence(number, None);
        stage.sleep(stage.moment(random, 0.0, 5.0));
    }
}

/// A failed assertion is a fault of the server like any other, and the run goes on.
fn fails_into(stage: &Stage<'_>, who: &str, part: impl FnOnce()) {
    if let Err(failure) = catch_unwind(AssertUnwindSafe(part)) {
        stage.tally.fault(Fault::Broken, 1, || format!("{who}: {}", words(&*failure)));
    }
}

/// The same for who depends on short deadlines of the server.
fn fails_if_in_time(stage: &Stage<'_>, who: &str, part: impl FnOnce()) {
    let begun = Instant::now();
    if let Err(failure) = catch_unwind(AssertUnwindSafe(part)) {
        stage.fault_since(begun, Fault::Broken, || format!("{who}: {}", words(&*failure)));
    }
}

fn words(failure: &(dyn Any + Send)) -> &str {
    let text = failure.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| failure.downcast_ref::<&str>().copied()).unwrap_or("it failed")
}

/// A row for each moment, to the end of the time.
fn watch_the_server(stage: &Stage<'_>) -> Vec<Sample> {
    let pause = (stage.time / SAMPLES).max(SHORTEST_PAUSE);
    let mut samples = Vec::new();
    while !stage.is_over() {
        stage.sleep(pause);
        let sample = Sample::take(stage, &health(stage.server));
        println!("{sample}");
        samples.push(sample);
    }
    samples
}

/// What can be known only now that all is over.
fn check_messages(stage: &Stage<'_>) {
    let Stage { server, book, letters, tally, .. } = stage;
    letters.check(tally);
    let health = health(server);
    let posted = book.messages() + tally.get(POSTED_LETTERS);
    let wrong = health["messages"].as_u64().unwrap_or_default().abs_diff(posted);
    tally.fault(Fault::Broken, wrong, || format!("{posted} messages were posted, but {health}"));
}

/// When everybody has left, nothing of them is left.
fn check_rest(stage: &Stage<'_>, before: Rest) {
    let Stage { server, tally, .. } = stage;
    let after = rest(server, Some(before));
    let health = health(server);
    println!("{}  at rest", Sample::take(stage, &health));
    println!("\nat rest: {before:?} before, {after:?} after");
    let grown = u64::from(after != before);
    tally.fault(Fault::Grown, grown, || format!("{before:?} became {after:?}"));
    let left = health["clients"].as_u64().unwrap_or(1);
    tally.fault(Fault::Broken, left, || format!("everybody left, but {health}"));
}

fn check_trend(stage: &Stage<'_>, samples: &[Sample]) {
    let Some(trend) = Trend::of(samples) else {
        return println!("too few samples to see whether memory grows");
    };
    println!("{trend}");
    stage.tally.fault(Fault::Grown, u64::from(trend.is_too_much()), || trend.to_string());
}

/// The server itself saw nothing that it must complain of; before anybody comes it may, of a system that gives it little.
fn check_log(stage: &Stage<'_>) {
    let log = stage.server.log().into_iter().skip_while(|line| !line.contains("conn 1:"));
    let is_complaint = |line: &String| ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word));
    let complaints: Vec<String> = log.filter(is_complaint).collect();
    let count = complaints.len() as u64;
    stage.tally.fault(Fault::Broken, count, || format!("the log: {}", complaints[0]));
}

fn health(server: &Server) -> Value {
    let answer = ask(server, request("GET", "/health", "Connection: close\r\n"));
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// When all have said what they had to say, the last message is said, which all must hear.
fn draw_the_curtain(stage: &Stage<'_>) {
    let deadline = Instant::now() + 2 * PATIENCE;
    while !stage.all_wait() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let mut last = Client::join(stage.server, "the-last");
    last.say(END);
    last.leave();
}

/// Threads and descriptors, once they are as they should be, or no longer change; or as they are after a while.
fn rest(server: &Server, right: Option<Rest>) -> Rest {
    let deadline = Instant::now() + UNTIL_REST;
    let mut last = Rest::of(server);
    let mut unchanged = 0;
    loop {
        let is_right = right.map_or(unchanged >= UNCHANGED, |right| last == right);
        if is_right || Instant::now() > deadline {
            return last;
        }
        thread::sleep(Duration::from_millis(100));
        let now = Rest::of(server);
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
}
