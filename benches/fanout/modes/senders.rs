//! All clients send: a class that answers at the same time.

use std::time::Duration;

use crate::bench::Bench;
use crate::floor::Mode;
use crate::load::{Latency, Paced};
use crate::report::Bound::{AtLeast, AtMost, Stated};
use crate::report::{Ledger, factor, milliseconds, paced_row, whole};

/// Each sends one message a second.
const CLIENTS: usize = 1_000;
const MEASURED: Duration = Duration::from_secs(3);

/// Deliveries of the poorest quarter of a second, by those of an average one.
const STEADY: f64 = 0.8;

/// The mean time of the slowest sender's messages, divided by that of all; then divided by the floor's, which is only chance.
const FAIR: f64 = 1.25;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!("Many senders: {CLIENTS} clients send a message a second each");
    ledger.begin(&title, "chat", "floor");
    let paced = Paced { senders: CLIENTS, ..bench.pace(CLIENTS as u32, MEASURED) };
    let run = |contestant| bench.paced(contestant, CLIENTS, &paced);
    let frame_bytes = |run: &Latency| run.frame_bytes;
    let (chat, [floor]) = match bench.beside_floors(bench.rounds(), [Mode::Batched], frame_bytes, run) {
        Ok(both) => both,
        Err(error) => return ledger.unmeasured("many senders", &error),
    };
    let mut figure = |name, figure: fn(&Latency) -> f64, unit, bound| {
        ledger.compare(name, [&chat.each(figure), &floor.each(figure)], unit, bound);
    };
    figure("p50", |run| run.of_50_in_100, milliseconds, Stated);
    figure("p99", |run| run.of_99_in_100, milliseconds, Stated);
    figure("slowest sender's mean by that of all", |run| run.unfairness, factor, AtMost(FAIR));
    ledger
        .state(
            "poorest quarter second by the average",
            &chat.each(|run| run.steadiness),
            factor,
            AtLeast(STEADY),
        )
        .state("lost", &chat.each(|run| run.lost as f64), whole, AtMost(0.0));
    [chat, floor].iter().for_each(paced_row);
}
