//! The memory of an idle client, and how fast many clients connect and leave.

use crate::bench::Bench;
use crate::contestant::Contestant;
use crate::report::Bound::{AtMost, Stated};
use crate::report::{Ledger, kibibytes, seconds, whole};

const CLIENTS: [usize; 2] = [1_000, 10_000];

/// Of a client, where there are 10,000.
const MEMORY: f64 = 24.0;

/// 10,000 come, and 10,000 go.
const SECONDS: f64 = 4.0;

pub fn run(bench: &Bench, ledger: &mut Ledger) {
    ledger.begin("Memory: everybody is connected, nobody speaks; then all leave", "chat", "");
    for &clients in bench.chosen(&CLIENTS, |clients| *clients) {
        let name = format!("{clients} clients");
        let idle = match bench.idle(Contestant::Chat, clients, true) {
            Ok(idle) => idle,
            Err(error) => {
                ledger.unmeasured(&name, &error);
                continue;
            }
        };
        let grown = idle.memory_kib as f64 - idle.memory_before_kib as f64;
        let is_bound = |bound| if clients == 10_000 { AtMost(bound) } else { Stated };
        ledger
            .state(&format!("{name}: PSS each"), &[grown / clients as f64], kibibytes, is_bound(MEMORY))
            .state(&format!("{name}: all welcomed"), &[idle.connect_seconds], seconds, is_bound(SECONDS))
            .state(&format!("{name}: all gone"), &[idle.leave_seconds], seconds, is_bound(SECONDS));
        println!(
            "  PSS {} KiB when empty, {} KiB with all, {} threads",
            whole(idle.memory_before_kib as f64),
            whole(idle.memory_kib as f64),
            whole(idle.threads as f64)
        );
    }
    println!(
        "PSS counts the process's own memory. What the kernel keeps for a client is not in it: its socket with buffers (empty \
         here) and its\nthread's kernel stack, 16 KiB on x86-64. Gone: /health counts nobody, and the threads are as few as before."
    );
}
