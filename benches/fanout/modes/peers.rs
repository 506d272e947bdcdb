//! The same load on servers that a class could have written with Node.

use std::io;

use crate::bench::Bench;
use crate::contestant::Contestant;
use crate::floor::Mode;
use crate::load::Throughput;
use crate::peers::{self, Peer};
use crate::report::Bound::Stated;
use crate::report::{Ledger, Rounds, kibibytes, rate, throughput_row, whole};

const CLIENTS: [usize; 3] = [10, 100, 1_000];
const IN_FLIGHT_EACH: u32 = 16;

const IDLE_CLIENTS: usize = 10_000;

const PEERS: [Contestant; 2] = [Contestant::Peer(Peer::Ws), Contestant::Peer(Peer::SocketIo)];

pub fn run(bench: &Bench, ledger: &mut Ledger) -> io::Result<()> {
    peers::install()?;
    ledger.begin("Others' servers: 4 senders with 16 messages in flight each", "chat", "other");
    for &clients in bench.chosen(&CLIENTS, |clients| *clients) {
        let all = match in_turns(bench, clients) {
            Ok(all) => all,
            Err(error) => {
                ledger.unmeasured(&format!("{clients} clients"), &error);
                continue;
            }
        };
        let [chat, others @ ..] = &all[..] else { continue };
        for other in others {
            let name = format!("{clients} clients, and {}: deliveries/s", other.contestant);
            ledger.compare(&name, [&chat.each(rate), &other.each(rate)], whole, Stated);
        }
        all.iter().for_each(throughput_row);
    }
    for contestant in [Contestant::Chat].into_iter().chain(PEERS) {
        let name = format!("{IDLE_CLIENTS} idle clients, {contestant}: PSS each");
        match bench.idle(contestant, IDLE_CLIENTS, false) {
            Err(error) => ledger.unmeasured(&name, &error),
            Ok(idle) => {
                let grown = idle.memory_kib as f64 - idle.memory_before_kib as f64;
                ledger.state(&name, &[grown / IDLE_CLIENTS as f64], kibibytes, Stated);
            }
        }
    }
    Ok(())
}

fn in_turns(bench: &Bench, clients: usize) -> io::Result<Vec<Rounds<Throughput>>> {
    let floors = [Mode::Batched, Mode::Single, Mode::Loop].map(|mode| Contestant::Floor(mode, 0));
    let mut all: Vec<Rounds<Throughput>> =
        [Contestant::Chat].into_iter().chain(PEERS).chain(floors).map(Rounds::of).collect();
    for _ in 0..bench.rounds() {
        let mut frame_bytes = 0;
        for Rounds { contestant, rounds } in &mut all {
            let contestant = match *contestant {
                Contestant::Floor(mode, _) => Contestant::Floor(mode, frame_bytes),
                other => other,
            };
            let run = bench.throughput(contestant, clients, IN_FLIGHT_EACH)?;
            if contestant == Contestant::Chat {
                frame_bytes = (run.message_bytes as f64 / run.deliveries as f64).round() as usize;
            }
            rounds.push(run);
        }
    }
    Ok(all)
}
