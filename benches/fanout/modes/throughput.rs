//! How much the chat brings to everybody, beside floors that send as many bytes.

use std::io;

use crate::bench::{Bench, SENDERS};
use crate::contestant::Contestant;
use crate::floor::Mode;
use crate::load::Throughput;
use crate::report::Bound::{AtLeast, AtMost, Stated};
use crate::report::{Bound, Ledger, Rounds, cost, microseconds, rate, throughput_row, whole};
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

/// What the chat is compared with: its own design at its barest, which it must come near to, and an event loop, which tells
/// what threads cost.
const FLOORS: [Mode; 2] = [Mode::Batched, Mode::Loop];

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!(
        "Throughput: {SENDERS} senders keep messages of {TEXT_BYTES} bytes in flight, everybody receives; the floor has a thread \
         for each client and\nis batched, the loop is one thread"
    );
    ledger.begin(&title, "chat", "floor");
    for &(clients, in_flight, least) in bench.chosen(&RUNS, |(clients, ..)| *clients) {
        let name = format!("{clients} clients, {} in flight", SENDERS * in_flight as usize);
        match in_turns(bench, clients, in_flight) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok([chat, floor, event_loop]) => {
                let bounds = [AtLeast(least), AtMost(COST)];
                compare(ledger, &name, [&chat, &floor], bounds);
                compare(ledger, &format!("{name}, the loop"), [&chat, &event_loop], [Stated; 2]);
                let lost: Vec<f64> = chat.each(|run| run.lost as f64);
                if lost.iter().sum::<f64>() > 0.0 {
                    ledger.state(&format!("{name}: lost"), &lost, whole, AtMost(0.0));
                }
                [chat, floor, event_loop].iter().for_each(throughput_row);
            }
        }
    }
    println!(
        "busy: how much of one core each took. Where the load generator is as busy as the server it holds the server back, and the \
         CPU time\nof a delivery says more than deliveries a second. Others: other programs, time a hypervisor took away, and \
         interrupts where the\nkernel books them apart; they are to be near 0 for a number worth quoting."
    );
}

fn compare(
    ledger: &mut Ledger,
    name: &str,
    [chat, floor]: [&Rounds<Throughput>; 2],
    [least, most]: [Bound; 2],
) {
    let figures = |of: fn(&Throughput) -> f64| [chat.each(of), floor.each(of)];
    let [this, other] = figures(rate);
    ledger.compare(&format!("{name}: deliveries/s"), [&this, &other], whole, least);
    let [this, other] = figures(cost);
    ledger.compare(&format!("{name}: CPU a delivery"), [&this, &other], microseconds, most);
}

fn in_turns(bench: &Bench, clients: usize, in_flight: u32) -> io::Result<[Rounds<Throughput>; 3]> {
    let [batched, event_loop] = FLOORS.map(|mode| Contestant::Floor(mode, 0));
    let mut all = [Contestant::Chat, batched, event_loop].map(Rounds::of);
    let [chat, floors @ ..] = &mut all;
    for _ in 0..bench.rounds() {
        // The chat goes first: the floors then send frames of the same length.
        let run = bench.throughput(Contestant::Chat, clients, in_flight)?;
        let frame_bytes = (run.message_bytes as f64 / run.deliveries as f64).round() as usize;
        chat.rounds.push(run);
        for (mode, Rounds { rounds, .. }) in FLOORS.into_iter().zip(&mut *floors) {
            let floor = Contestant::Floor(mode, frame_bytes);
            rounds.push(bench.throughput(floor, clients, in_flight)?);
        }
    }
    Ok(all)
}
