//! How long a message takes: senders follow a schedule, and every delivery to every client is timed.

use std::io;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::{Job, Latency, Paced, Sample, sum};
use crate::client::Tally;
use crate::process;
use crate::timing::{Histogram, Schedule, Timing};

/// Few, for in between the schedule is looked at.
const EVENTS_AT_ONCE: usize = 64;

/// Nearer than this to the next message the load generator waits without sleeping: the kernel counts a wait in
/// milliseconds, and wakes late.
const SLEEPLESS: Duration = Duration::from_micros(1_500);

/// How often the servers' memory is looked at, where that is of interest.
const MEMORY_EVERY: Duration = Duration::from_millis(200);

pub fn run(job: &Job, paced: &Paced) -> io::Result<Latency> {
    let mut fleet = Fleet::new(EVENTS_AT_ONCE)?;
    fleet.connect(&job.addresses, job.dialect, job.clients)?;
    let awake = job.clients - paced.sleepers;
    for (index, client) in fleet.clients.iter_mut().take(paced.senders).enumerate() {
        let identity = u16::try_from(index).expect("fewer senders than 65,536");
        let to = (paced.private_every > 0).then_some((index + paced.senders) % awake);
        client.become_sender(identity, job.dialect, paced.text_bytes, to);
    }
    if paced.sleepers > 0 {
        // Else it would be merged who is cut off.
        fleet.run_until_quiet()?;
        fleet.put_to_sleep(awake..job.clients)?;
    }

    let interval = Duration::from_secs(1) / paced.rate;
    let schedule = Schedule {
        start: Instant::now(),
        interval,
        senders: paced.senders as u64,
        private_every: paced.private_every,
    };
    let messages = |time: Duration| (time.as_nanos() / interval.as_nanos()) as u64;
    let (first, end) = (messages(paced.warm_up), messages(paced.warm_up + paced.measured));
    fleet.heard.timing = Some(Timing::new(schedule, first..end));
    let mut pacer =
        Pacer { fleet, schedule, next: 0, late: Histogram::default(), sleepers: Sleepers::of(job, paced)? };

    pacer.run(first)?;
    let (before, waited) = (Sample::take(&pacer.fleet, job)?, pacer.fleet.waited);
    pacer.late = Histogram::default();
    pacer.run(end)?;
    let (after, waited) = (Sample::take(&pacer.fleet, job)?, pacer.fleet.waited - waited);

    let Pacer { mut fleet, late, sleepers, .. } = pacer;
    while fleet.clients.iter().any(|client| client.is_held_up()) {
        fleet.clients.iter_mut().try_for_each(|client| client.flush())?;
        fleet.run_for(Duration::from_millis(1))?;
    }
    let private = schedule.private_among(end);
    let lost = fleet.drain((end - private) * awake as u64 + private * 2)?;

    let Some(timing) = &fleet.heard.timing else { return Err(io::Error::other("nothing timed")) };
    let seconds = (after.time - before.time).as_secs_f64();
    let Tally { messages, message_bytes, cut_off, .. } = fleet.heard.tally;
    let woken = &fleet.clients[sleepers.woken.clone()];
    Ok(Latency {
        of_50_in_100: timing.latencies.of_100(50),
        of_99_in_100: timing.latencies.of_100(99),
        longest: timing.latencies.longest(),
        sent_late: late.of_100(99),
        steadiness: timing.steadiness(),
        unfairness: timing.unfairness(),
        frame_bytes: message_bytes as f64 / messages as f64,
        deliveries: timing.latencies.total(),
        lost,
        seconds,
        server_cpu_seconds: after.server_cpu_seconds - before.server_cpu_seconds,
        load_busy: 1.0 - waited.as_secs_f64() / seconds,
        other_cpu_seconds: after.others_since(&before),
        grown_kib: sleepers.highest_kib.saturating_sub(sleepers.before_kib),
        cut_off: cut_off / awake as u64,
        read_on: woken.len() as u64,
        told_why: woken.iter().filter(|client| client.close_code == Some(4008)).count() as u64,
    })
}

/// Sends what is due and reads what has come, in turns.
struct Pacer {
    fleet: Fleet,
    schedule: Schedule,
    /// The message that is due next.
    next: u64,
    /// How late messages left.
    late: Histogram,
    sleepers: Sleepers,
}

impl Pacer {
    /// Until the message `end` is due, which is not sent.
    fn run(&mut self, end: u64) -> io::Result<()> {
        loop {
            self.send_what_is_due(end)?;
            let due = self.schedule.due(self.next);
            let Some(wait) = due.checked_sub(self.schedule.start.elapsed()) else {
                if self.next == end {
                    return Ok(());
                }
                continue;
            };
            let wait = wait.checked_sub(SLEEPLESS).unwrap_or_default();
            self.fleet.wait_and_read(wait.min(MEMORY_EVERY))?;
            self.sleepers.look(&mut self.fleet)?;
        }
    }

    fn send_what_is_due(&mut self, end: u64) -> io::Result<()> {
        let Self { fleet, schedule, next, late, .. } = self;
        let first = *next;
        let now = schedule.start.elapsed();
        while *next < end && schedule.due(*next) <= now {
            let sender = (*next % schedule.senders) as usize;
            fleet.clients[sender].queue(schedule.is_private(*next));
            late.add(now - schedule.due(*next));
            *next += 1;
        }
        let sent = (*next - first).min(schedule.senders);
        for message in first..first + sent {
            fleet.clients[(message % schedule.senders) as usize].flush()?;
        }
        Ok(())
    }
}

/// Those who do not read, and the memory that this takes.
struct Sleepers {
    servers: Vec<u32>,
    watch_memory: bool,
    before_kib: u64,
    highest_kib: u64,
    looked: Instant,
    /// This number of other clients must have received all of them.
    all_cut_off: u64,
    /// Those that read on when they are cut off.
    will_wake: std::ops::Range<usize>,
    woken: std::ops::Range<usize>,
}

impl Sleepers {
    fn of(job: &Job, paced: &Paced) -> io::Result<Self> {
        let awake = job.clients - paced.sleepers;
        let before_kib = sum(&job.servers, process::proportional_memory_kib)?;
        Ok(Self {
            servers: job.servers.clone(),
            watch_memory: paced.watch_memory,
            before_kib,
            highest_kib: before_kib,
            looked: Instant::now(),
            all_cut_off: (paced.sleepers * awake) as u64,
            will_wake: awake..awake + paced.sleepers / 2,
            woken: 0..0,
        })
    }

    fn look(&mut self, fleet: &mut Fleet) -> io::Result<()> {
        if self.woken.is_empty()
            && !self.will_wake.is_empty()
            && fleet.heard.tally.cut_off == self.all_cut_off
        {
            self.woken = self.will_wake.clone();
            self.woken.clone().try_for_each(|sleeper| fleet.wake(sleeper))?;
        }
        if self.watch_memory && self.looked.elapsed() > MEMORY_EVERY {
            self.looked = Instant::now();
            let now = sum(&self.servers, process::proportional_memory_kib)?;
            self.highest_kib = self.highest_kib.max(now);
        }
        Ok(())
    }
}
