//! Private messages and the history must not slow public messages down.

use std::io;
use std::time::Duration;

use crate::bench::Bench;
use crate::contestant::Contestant;
use crate::load::{Latency, Paced};
use crate::report::Bound::AtMost;
use crate::report::{Ledger, Rounds, microseconds, milliseconds, paced_row, whole};

const CLIENTS: usize = 100;
const MEASURED: Duration = Duration::from_secs(2);

/// Public messages a second, and with a private one on every ten of them.
const PUBLIC: u32 = 10_000;
const ALL: u32 = 11_000;
const PRIVATE_EVERY: u64 = 11;

/// By the run without. So near to full load a 99th percentile is the machine's mood for a good part.
const LATE: f64 = 1.5;
const COST: f64 = 1.15;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!("Private messages and history: {CLIENTS} clients, {PUBLIC} public messages/s");
    ledger.begin(&title, "with", "without");
    match in_turns(bench) {
        Err(error) => ledger.unmeasured("private messages and history", &error),
        Ok([with, plain, forgetful]) => {
            compare(ledger, "10 % private on top", &with, &plain);
            compare(ledger, "history of 100", &plain, &forgetful);
            [with, plain, forgetful].iter().for_each(paced_row);
        }
    }
}

fn compare(ledger: &mut Ledger, name: &str, with: &Rounds<Latency>, without: &Rounds<Latency>) {
    let of = |figure: fn(&Latency) -> f64| [with.each(figure), without.each(figure)];
    let [this, other] = of(|run| run.of_99_in_100);
    ledger.compare(&format!("{name}: p99 of the public"), [&this, &other], milliseconds, AtMost(LATE));
    let [this, other] = of(|run| run.server_cpu_seconds / run.deliveries as f64 * 1e6);
    ledger.compare(&format!("{name}: CPU a public delivery"), [&this, &other], microseconds, AtMost(COST));
    let lost = with.each(|run| run.lost as f64);
    ledger.state(&format!("{name}: lost"), &lost, whole, AtMost(0.0));
}

fn in_turns(bench: &Bench) -> io::Result<[Rounds<Latency>; 3]> {
    let public = bench.pace(PUBLIC, MEASURED);
    let private = Paced { private_every: PRIVATE_EVERY, ..bench.pace(ALL, MEASURED) };
    let mut all = [Contestant::Named, Contestant::Chat, Contestant::Forgetful].map(Rounds::of);
    for _ in 0..bench.rounds() {
        for Rounds { contestant, rounds } in &mut all {
            let paced = if *contestant == Contestant::Named { &private } else { &public };
            rounds.push(bench.paced(*contestant, CLIENTS, paced)?);
        }
    }
    Ok(all)
}
