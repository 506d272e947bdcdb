//! The cost of a join. If each join were announced to all members, N joins would cost N².

use std::io;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::{Job, Joins, Storm, sum};
use crate::process;
use crate::text::TEXT_BYTES;

const EVENTS_AT_ONCE: usize = 1024;

/// Messages that newcomers find: as many as the server keeps.
const HISTORY: u64 = 100;

const SAID_BY: Duration = Duration::from_secs(10);

pub fn run(job: &Job, more: usize) -> io::Result<Joins> {
    let mut fleet = Fleet::new(EVENTS_AT_ONCE)?;
    fill_history(&mut fleet, job)?;
    let storm = storm(&mut fleet, job, job.clients)?;
    fill_history(&mut fleet, job)?;
    let there = fleet.clients.len();
    let before: u64 = received(&fleet, 0..there);
    let more = self::storm(&mut fleet, job, job.clients + more)?;
    let bytes_for_each_other = (received(&fleet, 0..there) - before) as f64 / there as f64;
    Ok(Joins { storm, more, bytes_for_each_other })
}

/// The first client sends a message; all connected clients receive it.
fn fill_history(fleet: &mut Fleet, job: &Job) -> io::Result<()> {
    if fleet.clients.is_empty() {
        fleet.connect(&job.addresses, job.dialect, 1)?;
        fleet.clients[0].become_sender(0, job.dialect, TEXT_BYTES, None);
    }
    let everywhere = fleet.heard.tally.messages + HISTORY * fleet.clients.len() as u64;
    for _ in 0..HISTORY {
        fleet.clients[0].queue(false);
    }
    fleet.clients[0].flush()?;
    fleet.run_until(Instant::now() + SAID_BY, |fleet| fleet.heard.tally.messages == everywhere)?;
    if fleet.heard.tally.messages != everywhere {
        return Err(io::Error::other("a message did not come once to everybody"));
    }
    Ok(())
}

/// So many are there at the end. What a newcomer hears of the history is no delivery, and not counted as one.
fn storm(fleet: &mut Fleet, job: &Job, count: usize) -> io::Result<Storm> {
    let there = fleet.clients.len();
    let cpu_before = sum(&job.servers, process::cpu_seconds)?;
    let begun = Instant::now();
    fleet.connect(&job.addresses, job.dialect, count)?;
    let seconds = begun.elapsed().as_secs_f64();
    fleet.run_until_quiet()?;
    let server_cpu_seconds = sum(&job.servers, process::cpu_seconds)? - cpu_before;
    let bytes = received(fleet, there..count);
    Ok(Storm { joins: (count - there) as u64, seconds, server_cpu_seconds, bytes })
}

fn received(fleet: &Fleet, clients: std::ops::Range<usize>) -> u64 {
    fleet.clients[clients].iter().map(|client| client.received_bytes).sum()
}
