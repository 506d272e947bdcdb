//! The cost of the inspector without a watcher, and with one.

use std::io;

use crate::bench::Bench;
use crate::contestant::Contestant;
use crate::load::Throughput;
use crate::report::Bound::{AtLeast, AtMost, Stated};
use crate::report::{Ledger, Rounds, cost, microseconds, rate, throughput_row, whole};
use crate::watcher::Watching;

const CLIENTS: usize = 100;
const IN_FLIGHT_EACH: u32 = 16;

/// After a watcher has gone, the cost must be zero, except for the difference between two runs of the same server.
const NO_MORE: f64 = 0.9;
const NO_MORE_COST: f64 = 1.1;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    ledger.begin("The inspector: the same chat watched or not", "watched", "never watched");
    let [never, no_more, always] = match in_turns(bench) {
        Ok(all) => all,
        Err(error) => return ledger.unmeasured("the inspector", &error),
    };
    for (name, watched, [least, most]) in [
        ("watched before", &no_more, [AtLeast(NO_MORE), AtMost(NO_MORE_COST)]),
        ("all are watched", &always, [Stated, Stated]),
    ] {
        let of = |figure: fn(&Throughput) -> f64| [watched.each(figure), never.each(figure)];
        let [this, other] = of(rate);
        ledger.compare(&format!("{name}: deliveries/s"), [&this, &other], whole, least);
        let [this, other] = of(cost);
        ledger.compare(&format!("{name}: CPU a delivery"), [&this, &other], microseconds, most);
    }
    [never, no_more, always].iter().for_each(throughput_row);
}

fn in_turns(bench: &Bench) -> io::Result<[Rounds<Throughput>; 3]> {
    let mut all = [Watching::Never, Watching::NoMore, Watching::Always]
        .map(|watching| Rounds::of(Contestant::Watched(watching)));
    for _ in 0..bench.rounds() {
        for Rounds { contestant, rounds } in &mut all {
            rounds.push(bench.throughput(*contestant, CLIENTS, IN_FLIGHT_EACH)?);
        }
    }
    Ok(all)
}
