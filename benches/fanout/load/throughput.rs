//! How much arrives: some clients keep a number of messages in flight each, all receive.

use std::io;
use std::time::Duration;

use super::fleet::Fleet;
use super::{Job, Sample, Throughput};
use crate::client::Client;
use crate::text::TEXT_BYTES;
use crate::watcher::{Watching, watch};

const EVENTS_AT_ONCE: usize = 1024;

pub fn run(
    job: &Job,
    senders: usize,
    in_flight: u32,
    watching: Watching,
    [warm_up, measured]: [Duration; 2],
) -> io::Result<Throughput> {
    let mut fleet = Fleet::new(EVENTS_AT_ONCE)?;
    fleet.connect(&job.addresses, job.dialect, job.clients)?;
    watch(job.addresses[0], watching)?;
    for (identity, client) in fleet.clients.iter_mut().take(senders).enumerate() {
        let identity = u16::try_from(identity).expect("fewer senders than 65,536");
        client.become_sender(identity, job.dialect, TEXT_BYTES, None);
        client.keep_in_flight(in_flight)?;
    }
    fleet.run_for(warm_up)?;

    let before = Sample::take(&fleet, job)?;
    fleet.run_for(measured)?;
    let after = Sample::take(&fleet, job)?;

    fleet.clients.iter_mut().for_each(Client::end_sending);
    let sent: u64 = fleet.clients.iter().map(Client::sent).sum();
    let lost = fleet.drain(sent * job.clients as u64)?;
    Ok(Throughput {
        seconds: (after.time - before.time).as_secs_f64(),
        deliveries: after.tally.messages - before.tally.messages,
        message_bytes: after.tally.message_bytes - before.tally.message_bytes,
        server_cpu_seconds: after.server_cpu_seconds - before.server_cpu_seconds,
        load_cpu_seconds: after.load_cpu_seconds - before.load_cpu_seconds,
        redis_cpu_seconds: after.redis_cpu_seconds - before.redis_cpu_seconds,
        other_cpu_seconds: after.others_since(&before),
        lost,
    })
}
