//! What TLS costs: beside the same chat without it, and beside the least that encrypting takes.

use std::io;

use crate::bench::{Bench, SENDERS};
use crate::contestant::Contestant;
use crate::floor::Mode;
use crate::load::Throughput;
use crate::report::Bound::{AtLeast, AtMost, Stated};
use crate::report::{Ledger, Rounds, cost, kibibytes, microseconds, rate, seconds, throughput_row, whole};

/// Clients, and the least part of the floor's deliveries.
const RUNS: [(usize, f64); 3] = [(10, 0.8), (100, 0.8), (1_000, 0.8)];
const IN_FLIGHT: u32 = 16;

const IDLE: [usize; 2] = [1_000, 10_000];

pub fn run(bench: &Bench, ledger: &mut Ledger) -> io::Result<()> {
    if !cfg!(feature = "tls") {
        return Err(io::Error::other("this part takes `cargo bench --features tls`"));
    }
    let title =
        format!("TLS: {SENDERS} senders keep messages in flight; the floor is the raw one with rustls");
    ledger.begin(&title, "wss", "floor, ws");
    for &(clients, least) in bench.chosen(&RUNS, |(clients, _)| *clients) {
        let name = format!("{clients} clients");
        match in_turns(bench, clients) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok([encrypted, floor, plain]) => {
                let of = |figure: fn(&Throughput) -> f64, other: &Rounds<Throughput>| {
                    [encrypted.each(figure), other.each(figure)]
                };
                let [this, other] = of(rate, &floor);
                ledger.compare(&format!("{name}: deliveries/s"), [&this, &other], whole, AtLeast(least));
                let [this, other] = of(cost, &floor);
                ledger.compare(
                    &format!("{name}: CPU a delivery"),
                    [&this, &other],
                    microseconds,
                    AtMost(1.0 / least),
                );
                let [this, other] = of(rate, &plain);
                ledger.compare(&format!("{name}: deliveries/s, ws"), [&this, &other], whole, Stated);
                let [this, other] = of(cost, &plain);
                ledger.compare(&format!("{name}: CPU a delivery, ws"), [&this, &other], microseconds, Stated);
                [encrypted, floor, plain].iter().for_each(throughput_row);
            }
        }
    }
    ledger.begin("TLS: all are connected, none speaks; then all leave", "wss", "");
    for &clients in bench.chosen(&IDLE, |clients| *clients) {
        let name = format!("{clients} clients");
        match bench.idle(Contestant::Encrypted, clients, true) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok(idle) => {
                let grown = idle.memory_kib as f64 - idle.memory_before_kib as f64;
                let handshakes = clients as f64 / idle.connect_seconds;
                ledger
                    .state(&format!("{name}: PSS each"), &[grown / clients as f64], kibibytes, Stated)
                    .state(&format!("{name}: handshakes/s"), &[handshakes], whole, Stated)
                    .state(&format!("{name}: all gone"), &[idle.leave_seconds], seconds, Stated);
            }
        }
    }
    println!(
        "handshakes/s: TCP, TLS, HTTP and the welcome; the load generator, which does its half of each, takes a core of its own."
    );
    Ok(())
}

fn in_turns(bench: &Bench, clients: usize) -> io::Result<[Rounds<Throughput>; 3]> {
    let mut all =
        [Contestant::Encrypted, Contestant::Floor(Mode::Encrypted, 0), Contestant::Chat].map(Rounds::of);
    for _ in 0..bench.rounds() {
        let mut bytes = 0;
        for Rounds { contestant, rounds } in &mut all {
            let measured = match *contestant {
                Contestant::Floor(mode, _) => Contestant::Floor(mode, bytes),
                other => other,
            };
            let run = bench.throughput(measured, clients, IN_FLIGHT)?;
            bytes = (run.message_bytes as f64 / run.deliveries as f64).round() as usize;
            rounds.push(run);
        }
    }
    Ok(all)
}
