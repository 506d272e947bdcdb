//! How long a message takes to each client, at rates that do not depend on the server.

use std::time::Duration;

use crate::bench::Bench;
use crate::floor::Mode;
use crate::load::Latency;
use crate::report::Bound::{AtMost, Stated};
use crate::report::{Bound, Ledger, Rounds, milliseconds, paced_row, whole};

/// Clients, and messages a second: with little to do, where batching could only hold a message back.
const CALM: [(usize, u32); 2] = [(100, 100), (1_000, 10)];
const CALM_FOR: Duration = Duration::from_millis(2_500);
const CALM_BOUND: f64 = 1.25;

/// A process that hardly runs meets whatever the machine does at that moment: one round differs from the next by a quarter.
const CALM_ROUNDS: usize = 9;

/// The same with a lot to do, and by how much the 99th percentile may exceed that of the batched floor.
const LOADED: [(usize, u32, f64); 2] = [(100, 10_000, 1.5), (100, 30_000, 2.0)];
const LOADED_FOR: Duration = Duration::from_secs(2);

pub fn calm(bench: &Bench, ledger: &mut Ledger) {
    let title = "Latency, little to do: to every client; the floor sends each message at once, and so does the loop here";
    ledger.begin(title, "chat", "floor");
    let rounds = bench.rounds_of(CALM_ROUNDS);
    for &(clients, rate) in bench.chosen(&CALM, |(clients, _)| *clients) {
        let name = format!("{clients} clients, {rate} messages/s");
        let paced = bench.pace(rate, CALM_FOR);
        let run = |contestant| bench.paced(contestant, clients, &paced);
        match bench.beside_floors(rounds, [Mode::Single, Mode::Loop], frame_bytes, run) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok((chat, [floor, event_loop])) => {
                median(ledger, &name, [&chat, &floor], AtMost(CALM_BOUND));
                late(ledger, &name, [&chat, &floor], AtMost(CALM_BOUND));
                lost(ledger, &name, &chat);
                let name = format!("{name}, the loop");
                median(ledger, &name, [&chat, &event_loop], Stated);
                late(ledger, &name, [&chat, &event_loop], Stated);
                [chat, floor, event_loop].iter().for_each(paced_row);
            }
        }
    }
}

pub fn loaded(bench: &Bench, ledger: &mut Ledger) {
    let title = "Latency under load: to every client; the floor is the batched one";
    ledger.begin(title, "chat", "floor");
    for &(clients, rate, most) in bench.chosen(&LOADED, |(clients, ..)| *clients) {
        let name = format!("{clients} clients, {rate} messages/s");
        let paced = bench.pace(rate, LOADED_FOR);
        let run = |contestant| bench.paced(contestant, clients, &paced);
        match bench.beside_floors(bench.rounds(), [Mode::Batched], frame_bytes, run) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok((chat, [floor])) => {
                late(ledger, &name, [&chat, &floor], AtMost(most));
                lost(ledger, &name, &chat);
                [chat, floor].iter().for_each(paced_row);
            }
        }
    }
    println!(
        "A message's time counts from the moment at which it was to be sent, to each of its deliveries. The load generator \
         waits without\nsleeping, so that it is not late itself; busy is the time in which it had something to do."
    );
}

fn frame_bytes(run: &Latency) -> f64 {
    run.frame_bytes
}

fn median(ledger: &mut Ledger, name: &str, both: [&Rounds<Latency>; 2], bound: Bound) {
    let [this, other] = both.map(|rounds| rounds.each(|run| run.of_50_in_100));
    ledger.compare(&format!("{name}: p50"), [&this, &other], milliseconds, bound);
}

fn late(ledger: &mut Ledger, name: &str, both: [&Rounds<Latency>; 2], bound: Bound) {
    let [this, other] = both.map(|rounds| rounds.each(|run| run.of_99_in_100));
    ledger.compare(&format!("{name}: p99"), [&this, &other], milliseconds, bound);
}

fn lost(ledger: &mut Ledger, name: &str, chat: &Rounds<Latency>) {
    let lost = chat.each(|run| run.lost as f64);
    if lost.iter().sum::<f64>() > 0.0 {
        ledger.state(&format!("{name}: lost"), &lost, whole, AtMost(0.0));
    }
}
