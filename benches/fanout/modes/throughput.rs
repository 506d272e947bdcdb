//! How much the chat brings to everybody, beside a floor that sends as many bytes.

use std::io;

use crate::bench::{Bench, SENDERS};
use crate::contestant::Contestant;
use crate::floor::Mode;
use crate::load::Throughput;
use crate::report::Bound::{AtLeast, AtMost};
use crate::report::{Ledger, Rounds, cost, microseconds, rate, throughput_row, whole};
use crate::text::TEXT_BYTES;

/// Clients, and messages that each sender keeps under way: how much is in flight decides how much a server can send at
/// once, so it is the same for all. And the least part of the floor's deliveries.
const RUNS: [(usize, u32, f64); 6] = [
    (10, 16, 0.8),
    (100, 16, 0.8),
    (1_000, 16, 0.8),
    (100, 1, 0.8),
    (100, 4, 0.8),
    (10_000, 16, 0.6),
];

/// By the floor's CPU time for a delivery.
const COST: f64 = 1.3;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!(
        "Throughput: {SENDERS} senders keep messages of {TEXT_BYTES} bytes in flight, everybody receives; the floor is the \
         batched one"
    );
    ledger.begin(&title, "chat", "floor");
    for &(clients, in_flight, least) in bench.chosen(&RUNS, |(clients, ..)| *clients) {
        let name = format!("{clients} clients, {} in flight", SENDERS * in_flight as usize);
        match in_turns(bench, clients, in_flight) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok([chat, floor]) => {
                let figures = |of: fn(&Throughput) -> f64| [chat.each(of), floor.each(of)];
                let [this, other] = figures(rate);
                let rates = format!("{name}: deliveries/s");
                ledger.compare(&rates, [&this, &other], whole, AtLeast(least));
                let [this, other] = figures(cost);
                let costs = format!("{name}: CPU a delivery");
                ledger.compare(&costs, [&this, &other], microseconds, AtMost(COST));
                let lost: Vec<f64> = chat.each(|run| run.lost as f64);
                if lost.iter().sum::<f64>() > 0.0 {
                    ledger.state(&format!("{name}: lost"), &lost, whole, AtMost(0.0));
                }
                throughput_row(&chat);
                throughput_row(&floor);
            }
        }
    }
    println!(
        "busy: how much of one core each took. Where the load generator is as busy as the server it holds the server back, and the \
         CPU time\nof a delivery says more than deliveries a second. Others: other programs, time a hypervisor took away, and \
         interrupts where the\nkernel books them apart; they are to be near 0 for a number worth quoting."
    );
}

fn in_turns(bench: &Bench, clients: usize, in_flight: u32) -> io::Result<[Rounds<Throughput>; 2]> {
    let mut all = [Contestant::Chat, Contestant::Floor(Mode::Batched, 0)].map(Rounds::of);
    for _ in 0..bench.rounds() {
        // The chat goes first: the floor then sends frames of the same length.
        let run = bench.throughput(Contestant::Chat, clients, in_flight)?;
        let frame_bytes = (run.message_bytes as f64 / run.deliveries as f64).round() as usize;
        all[0].rounds.push(run);
        let floor = Contestant::Floor(Mode::Batched, frame_bytes);
        all[1].rounds.push(bench.throughput(floor, clients, in_flight)?);
    }
    Ok(all)
}
