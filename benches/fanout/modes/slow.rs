//! Some clients never read: what that costs the others, and the server's memory.

use std::io;
use std::time::Duration;

use crate::bench::Bench;
use crate::contestant::Contestant;
use crate::load::{Latency, Paced};
use crate::report::Bound::{AtLeast, AtMost};
use crate::report::{Ledger, Rounds, kibibytes, milliseconds, paced_row, whole};

const CLIENTS: usize = 60;
const SLEEPERS: usize = 10;
const RATE: u32 = 1_000;
const TEXT_BYTES: usize = 1024;

/// Long enough for the sleepers to be cut off and gone.
const MEASURED: Duration = Duration::from_secs(3);

/// The 99th percentile of the others, by that of a run in which all read.
const LATE: f64 = 1.5;

/// What may wait for one of them: the default of `--backlog`.
const BACKLOG_KIB: f64 = 1024.0;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    let title = format!(
        "Slow readers: {CLIENTS} clients, {RATE} messages/s of {TEXT_BYTES} bytes; {SLEEPERS} read nothing, or are not there"
    );
    ledger.begin(&title, "with them", "without");
    let [with, without] = match in_turns(bench) {
        Ok(both) => both,
        Err(error) => return ledger.unmeasured("slow readers", &error),
    };
    let late = [&with, &without].map(|rounds| rounds.each(|run| run.of_99_in_100));
    ledger.compare("p99 of those who read", [&late[0], &late[1]], milliseconds, AtMost(LATE));
    let grown = with.rounds.iter().zip(&without.rounds);
    let grown: Vec<f64> =
        grown.map(|(with, without)| with.grown_kib as f64 - without.grown_kib as f64).collect();
    let sleepers = SLEEPERS as f64;
    let told = |run: &Latency| run.told_why as f64 / run.read_on as f64 * 100.0;
    ledger
        .state("memory for the ten (PSS)", &grown, kibibytes, AtMost(sleepers * BACKLOG_KIB))
        .state("cut off", &with.each(|run| run.cut_off as f64), whole, AtLeast(sleepers))
        .state("told why, with 4008, % of those who read on", &with.each(told), whole, AtLeast(100.0))
        .state("lost by those who read", &with.each(|run| run.lost as f64), whole, AtMost(0.0));
    paced_row(&with);
    paced_row(&without);
}

fn in_turns(bench: &Bench) -> io::Result<[Rounds<Latency>; 2]> {
    // Not shortened: otherwise no client would be cut off.
    let common = Paced {
        text_bytes: TEXT_BYTES,
        watch_memory: true,
        measured: MEASURED,
        ..bench.pace(RATE, MEASURED)
    };
    let asleep = Paced { sleepers: SLEEPERS, ..common.clone() };
    let mut all = [Contestant::Chat, Contestant::Chat].map(Rounds::of);
    for _ in 0..bench.rounds() {
        all[0].rounds.push(bench.paced(Contestant::Chat, CLIENTS, &asleep)?);
        all[1].rounds.push(bench.paced(Contestant::Chat, CLIENTS - SLEEPERS, &common)?);
    }
    Ok(all)
}
