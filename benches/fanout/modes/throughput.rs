//! How many messages the chat delivers, compared with floors that send as many bytes.

use crate::bench::{Bench, SENDERS};
use crate::floor::Mode;
use crate::load::Throughput;
use crate::report::Bound::{AtLeast, AtMost, Stated};
use crate::report::{Bound, Ledger, Rounds, cost, microseconds, rate, throughput_row, whole};
use crate::text::TEXT_BYTES;

/// Clients; messages that each sender keeps under way (how much is in flight decides how much a server can send at once,
/// so it is the same for all); the least part of the floor's deliveries; and rounds, more where the machine's mood weighs most.
const RUNS: [(usize, u32, f64, usize); 6] = [
    (10, 16, 0.8, 9),
    (100, 16, 0.8, 5),
    (1_000, 16, 0.8, 5),
    (100, 1, 0.8, 5),
    (100, 4, 0.8, 5),
    (10_000, 16, 0.6, 5),
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
    for &(clients, in_flight, least, rounds) in bench.chosen(&RUNS, |(clients, ..)| *clients) {
        let name = format!("{clients} clients, {} in flight", SENDERS * in_flight as usize);
        let run = |contestant| bench.throughput(contestant, clients, in_flight);
        match bench.beside_floors(bench.rounds_of(rounds), FLOORS, frame_bytes, run) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok((chat, [floor, event_loop])) => {
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

fn frame_bytes(run: &Throughput) -> f64 {
    run.message_bytes as f64 / run.deliveries as f64
}
