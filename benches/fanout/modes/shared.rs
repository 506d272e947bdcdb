//! Several servers that share one chat through Redis.

use std::io;
use std::time::Duration;

use crate::bench::{Bench, SENDERS};
use crate::contestant::Contestant;
use crate::redis;
use crate::report::Bound::Stated;
use crate::report::{
    Ledger, Rounds, cost, microseconds, milliseconds, paced_row, rate, shared_head, shared_row, whole,
};

const CLIENTS: usize = 100;
const CONTESTANTS: [Contestant; 4] =
    [Contestant::Chat, Contestant::Shared(1), Contestant::Shared(2), Contestant::Shared(3)];

const IN_FLIGHT_EACH: u32 = 16;

/// To fill the stream, only the senders are connected, and each keeps this many messages in flight.
const SATURATING_IN_FLIGHT_EACH: u32 = 256;

/// Messages a second where the latency is measured.
const RATE: u32 = 100;
const MEASURED: Duration = Duration::from_secs(4);

pub fn run(bench: &Bench, ledger: &mut Ledger) -> io::Result<()> {
    if !cfg!(feature = "redis") {
        return Err(io::Error::other("this part takes `cargo bench --features redis`"));
    }
    if !redis::is_here() {
        return Err(io::Error::other("this part takes an installed redis-server"));
    }
    for (name, clients, in_flight) in [
        ("Servers that share one chat", CLIENTS, IN_FLIGHT_EACH),
        ("The stream when it is full, only the senders", SENDERS, SATURATING_IN_FLIGHT_EACH),
    ] {
        let title = format!("{name}: {SENDERS} senders with {in_flight} messages in flight each");
        ledger.begin(&title, "shared", "one process");
        if let Err(error) = compare(bench, ledger, clients, in_flight) {
            ledger.unmeasured(name, &error);
        }
    }
    println!(
        "us/mess.: CPU time for one message in microseconds, of all servers together and of Redis. All servers share one core here, \
         and Redis has\nthe other together with the load generator: so it is the CPU time that counts. Servers on machines of their \
         own have it each for itself."
    );
    let title = format!("Latency through Redis: {RATE} messages/s");
    ledger.begin(&title, "", "");
    for contestant in CONTESTANTS {
        let paced = bench.pace(RATE, MEASURED);
        match bench.paced(contestant, CLIENTS, &paced) {
            Err(error) => ledger.unmeasured(&contestant.to_string(), &error),
            Ok(run) => {
                ledger.state(&format!("{contestant}: p50"), &[run.of_50_in_100], milliseconds, Stated).state(
                    &format!("{contestant}: p99"),
                    &[run.of_99_in_100],
                    milliseconds,
                    Stated,
                );
                paced_row(&Rounds { contestant, rounds: vec![run] });
            }
        }
    }
    Ok(())
}

fn compare(bench: &Bench, ledger: &mut Ledger, clients: usize, in_flight: u32) -> io::Result<()> {
    let mut all = CONTESTANTS.map(Rounds::of);
    for _ in 0..bench.rounds() {
        for Rounds { contestant, rounds } in &mut all {
            rounds.push(bench.throughput(*contestant, clients, in_flight)?);
        }
    }
    let [chat, others @ ..] = &all;
    for shared in others {
        let name = shared.contestant;
        let rates = [&shared.each(rate)[..], &chat.each(rate)];
        ledger.compare(&format!("{name}: deliveries/s"), rates, whole, Stated);
        let costs = [&shared.each(cost)[..], &chat.each(cost)];
        ledger.compare(&format!("{name}: CPU a delivery"), costs, microseconds, Stated);
    }
    shared_head();
    all.iter().for_each(|rounds| shared_row(clients, rounds));
    Ok(())
}
