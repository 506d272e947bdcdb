//! What one join costs, in small and large chats.

use std::io;

use crate::bench::Bench;
use crate::load::{Joins, Storm};
use crate::report::Bound::{AtMost, Stated};
use crate::report::{Ledger, kibibytes, microseconds, whole};

/// Clients that come at once, into a chat whose history is full; and how often: only the first and the last are compared.
const CROWDS: [(usize, usize); 3] = [(1_000, 2), (5_000, 1), (10_000, 2)];

/// Then these come, also at once.
const MORE: usize = 200;

/// The highest CPU time of a join, divided by the lowest. Each second that a crowd takes has its 21 notices to
/// everybody there; if every join were announced to all, the largest crowd would pay ten times as much as the smallest.
const FLAT: f64 = 1.5;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!("Joins: a crowd comes at once, then {MORE} more");
    ledger.begin(&title, "largest crowd", "smallest");
    let mut crowds: Vec<(usize, Vec<Joins>)> = Vec::new();
    for &(clients, rounds) in bench.chosen(&CROWDS, |(clients, _)| *clients) {
        let rounds = rounds.min(bench.rounds());
        match (0..rounds).map(|_| bench.joins(clients, MORE)).collect::<io::Result<_>>() {
            Ok(joins) => crowds.push((clients, joins)),
            Err(error) => ledger.unmeasured(&format!("{clients} clients"), &error),
        }
    }
    let ([(_, smallest), ..], [.., (_, largest)]) = (&crowds[..], &crowds[..]) else { return };
    let each = |joins: &[Joins], figure: fn(&Joins) -> f64| joins.iter().map(figure).collect();
    let mut flat = |name: &str, figure: fn(&Joins) -> f64, unit, bound| {
        let figures: [Vec<f64>; 2] = [each(largest, figure), each(smallest, figure)];
        ledger.compare(name, [&figures[0], &figures[1]], unit, bound);
    };
    flat("CPU a join, all at once", |joins| cpu(&joins.storm), microseconds, AtMost(FLAT));
    flat("bytes to each newcomer", |joins| kib(&joins.storm), kibibytes, AtMost(FLAT));
    flat("bytes to each newcomer, some more", |joins| kib(&joins.more), kibibytes, AtMost(FLAT));
    let others = |joins: &Joins| joins.bytes_for_each_other / 1024.0;
    flat("bytes to each who was there, some more", others, kibibytes, AtMost(FLAT));
    flat("CPU a join, some more", |joins| cpu(&joins.more), microseconds, Stated);
    for (clients, joins) in &crowds {
        let Some(Joins { storm, more, .. }) = joins.first() else { continue };
        println!(
            "  {:>6}: {:.0} us and {:.1} KiB a join in {:.2} s; then {:.0} us and {:.1} KiB in {:.2} s",
            whole(*clients as f64),
            cpu(storm),
            kib(storm),
            storm.seconds,
            cpu(more),
            kib(more),
            more.seconds
        );
    }
    println!(
        "Some more: their notices, 20 a second and a crowd, go to all who were there, however many have come. So that CPU time \
         grows with the\nchat, but not with the joins."
    );
}

/// In microseconds.
fn cpu(storm: &Storm) -> f64 {
    storm.server_cpu_seconds / storm.joins as f64 * 1e6
}

fn kib(storm: &Storm) -> f64 {
    storm.bytes as f64 / storm.joins as f64 / 1024.0
}
