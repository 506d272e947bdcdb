//! The load generator: all clients of one measurement, in a process and on a core of its own.
//!
//! One thread, sockets that do not block, epoll through mio. It is as cheap as we can make it, and
//! the report prints how busy it was: where it comes near 100 %, it holds the server back and the
//! CPU seconds of the server say more than its deliveries per second.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::client::{Client, Tally};
use crate::process;
use crate::watcher::{Watching, watch};

/// Room for one read: at full load a client finds many messages at once.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Events taken from the kernel at once.
const EVENTS_AT_ONCE: usize = 1024;

/// Handshakes under way at once: enough to keep the server busy, below any listen queue.
const HANDSHAKES_AT_ONCE: usize = 64;

/// By then every client must have its welcome.
const CONNECT_DEADLINE: Duration = Duration::from_secs(60);

/// Messages run this long before we count: buffers grow, the window settles.
const WARM_UP: Duration = Duration::from_secs(1);

/// The measured part of one throughput run.
const MEASURED: Duration = Duration::from_secs(2);

/// Once senders have stopped: what is still in flight counts as lost when nothing came for this long.
const LOST_AFTER_SILENCE: Duration = Duration::from_secs(3);

/// Idle means: no frame to any client for this long (merged notices come once a second).
const QUIET: Duration = Duration::from_millis(1_500);

/// By then the notices about the joins must have ended.
const QUIET_DEADLINE: Duration = Duration::from_secs(30);

/// How long one wait for events may be, so that the clock is looked at.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// Messages of one latency run, and how many of them before that do not count.
const TIMED: usize = 500;
const UNTIMED: usize = 50;

/// A message that is not everywhere by then never comes.
const LATEST: Duration = Duration::from_secs(3);

/// What the load generator is told to do; travels as JSON on its command line.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// One client goes to the first, the next to the second, and so around.
    pub addresses: Vec<SocketAddr>,
    /// The servers' processes, whose CPU time and memory are read.
    pub servers: Vec<u32>,
    /// And their Redis's.
    pub redis: Option<u32>,
    pub clients: usize,
    pub task: Task,
}

#[derive(Serialize, Deserialize)]
pub enum Task {
    /// `senders` of the clients keep `in_flight` messages each under way.
    Throughput { senders: usize, in_flight: u32, watching: Watching },
    /// One client says something again and again after this time, unless everybody has it only later.
    Latency { every: Duration },
    /// Nobody says anything.
    Idle,
}

/// What it found; travels as one line of JSON on its standard output.
#[derive(Serialize, Deserialize)]
pub enum Outcome {
    Throughput(Throughput),
    Latency(Latency),
    Idle(Idle),
    Failed(String),
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Throughput {
    pub seconds: f64,
    /// Messages that arrived whole at a client in the measured part.
    pub deliveries: u64,
    pub message_bytes: u64,
    pub server_cpu_seconds: f64,
    pub load_cpu_seconds: f64,
    pub redis_cpu_seconds: f64,
    /// CPU seconds of the machine that none of these had.
    pub other_cpu_seconds: f64,
    /// Deliveries that never came, of the whole run.
    pub lost: u64,
}

/// From sending a message until the last client has it, in milliseconds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Latency {
    pub median: f64,
    pub of_99_in_100: f64,
    pub longest: f64,
}

#[derive(Serialize, Deserialize)]
pub struct Idle {
    pub connect_seconds: f64,
    pub memory_before_kib: u64,
    pub memory_kib: u64,
    pub threads: u64,
}

/// Does the job and prints its outcome.
pub fn run(job: &str) -> io::Result<()> {
    let job: Job = serde_json::from_str(job)?;
    let outcome = match job.task {
        Task::Throughput { senders, in_flight, watching } => {
            throughput(&job, senders, in_flight, watching).map(Outcome::Throughput)
        }
        Task::Latency { every } => latency(&job, every).map(Outcome::Latency),
        Task::Idle => idle(&job).map(Outcome::Idle),
    };
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn throughput(
    job: &Job,
    senders: usize,
    in_flight: u32,
    watching: Watching,
) -> io::Result<Throughput> {
    let mut load = Load::new()?;
    load.connect(&job.addresses, job.clients)?;
    watch(job.addresses[0], watching)?;
    for (identity, client) in load.clients.iter_mut().take(senders).enumerate() {
        let identity = u16::try_from(identity).expect("fewer senders than 65,536");
        client.begin_sending(identity, in_flight)?;
    }
    load.run_for(WARM_UP)?;

    let before = Sample::take(&load, job)?;
    load.run_for(MEASURED)?;
    let after = Sample::take(&load, job)?;

    let lost = load.drain()?;

    let server_cpu_seconds = after.server_cpu_seconds - before.server_cpu_seconds;
    let load_cpu_seconds = after.load_cpu_seconds - before.load_cpu_seconds;
    let redis_cpu_seconds = after.redis_cpu_seconds - before.redis_cpu_seconds;
    let machine_cpu_seconds = after.machine_cpu_seconds - before.machine_cpu_seconds;
    Ok(Throughput {
        seconds: (after.time - before.time).as_secs_f64(),
        deliveries: after.tally.messages - before.tally.messages,
        message_bytes: after.tally.message_bytes - before.tally.message_bytes,
        server_cpu_seconds,
        load_cpu_seconds,
        redis_cpu_seconds,
        // The clocks are read one after another and tick coarsely.
        other_cpu_seconds: (machine_cpu_seconds
            - server_cpu_seconds
            - load_cpu_seconds
            - redis_cpu_seconds)
            .max(0.0),
        lost,
    })
}

/// All counters at one moment.
struct Sample {
    time: Instant,
    tally: Tally,
    server_cpu_seconds: f64,
    load_cpu_seconds: f64,
    redis_cpu_seconds: f64,
    machine_cpu_seconds: f64,
}

impl Sample {
    fn take(load: &Load, job: &Job) -> io::Result<Self> {
        Ok(Self {
            time: Instant::now(),
            tally: load.tally,
            server_cpu_seconds: sum(&job.servers, process::cpu_seconds)?,
            load_cpu_seconds: process::cpu_seconds(std::process::id())?,
            redis_cpu_seconds: job.redis.map_or(Ok(0.0), process::cpu_seconds)?,
            machine_cpu_seconds: process::machine_cpu_seconds()?,
        })
    }
}

/// Of all these processes.
fn sum<T: std::iter::Sum>(
    processes: &[u32],
    figure: impl Fn(u32) -> io::Result<T>,
) -> io::Result<T> {
    processes.iter().map(|process| figure(*process)).sum()
}

fn latency(job: &Job, every: Duration) -> io::Result<Latency> {
    let mut load = Load::new()?;
    load.connect(&job.addresses, job.clients)?;
    load.clients[0].begin_sending(0, 0)?;
    load.clients[0].end_sending();
    let mut times = Vec::new();
    for number in 0..UNTIMED + TIMED {
        let begun = Instant::now();
        let everywhere = load.tally.messages + job.clients as u64;
        load.clients[0].send_one()?;
        load.run_until(begun + LATEST, |load| load.tally.messages >= everywhere)?;
        if load.tally.messages != everywhere {
            return Err(io::Error::other("a message did not come once to everybody"));
        }
        if number >= UNTIMED {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        load.run_until(begun + every, |_| false)?;
    }
    times.sort_by(f64::total_cmp);
    Ok(Latency {
        median: times[TIMED / 2],
        of_99_in_100: times[TIMED * 99 / 100],
        longest: times[TIMED - 1],
    })
}

fn idle(job: &Job) -> io::Result<Idle> {
    let memory_before_kib = sum(&job.servers, process::proportional_memory_kib)?;
    let mut load = Load::new()?;
    let begun = Instant::now();
    load.connect(&job.addresses, job.clients)?;
    let connect_seconds = begun.elapsed().as_secs_f64();

    let deadline = Instant::now() + QUIET_DEADLINE;
    loop {
        let notices = load.tally.notices;
        load.run_for(QUIET)?;
        if load.tally.notices == notices {
            break;
        }
        if Instant::now() > deadline {
            return Err(io::Error::other("idle clients still receive notices"));
        }
    }
    Ok(Idle {
        connect_seconds,
        memory_before_kib,
        memory_kib: sum(&job.servers, process::proportional_memory_kib)?,
        threads: sum(&job.servers, process::thread_count)?,
    })
}

/// All clients and what they have received.
struct Load {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    /// Shared by all clients: each keeps only the beginning of an unfinished frame for itself.
    buffer: Vec<u8>,
    tally: Tally,
}

impl Load {
    fn new() -> io::Result<Self> {
        rlimit::increase_nofile_limit(u64::MAX)?;
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_AT_ONCE),
            clients: Vec::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            tally: Tally::default(),
        })
    }

    /// Brings `count` clients to their welcome.
    fn connect(&mut self, addresses: &[SocketAddr], count: usize) -> io::Result<()> {
        let deadline = Instant::now() + CONNECT_DEADLINE;
        while self.welcomed() < count {
            while self.clients.len() < count
                && self.clients.len() - self.welcomed() < HANDSHAKES_AT_ONCE
            {
                let address = addresses[self.clients.len() % addresses.len()];
                let mut client = Client::connect(address)?;
                let token = Token(self.clients.len());
                self.poll.registry().register(&mut client.stream, token, Interest::READABLE)?;
                self.clients.push(client);
            }
            self.read_once(deadline)?;
            if Instant::now() > deadline {
                let reason = format!("{} of {count} clients got a welcome", self.welcomed());
                return Err(io::Error::other(reason));
            }
        }
        Ok(())
    }

    fn welcomed(&self) -> usize {
        self.tally.welcomes as usize
    }

    fn run_for(&mut self, duration: Duration) -> io::Result<()> {
        self.run_until(Instant::now() + duration, |_| false)
    }

    fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> io::Result<()> {
        while Instant::now() < end && !done(self) {
            self.read_once(end)?;
        }
        Ok(())
    }

    /// Stops the senders and waits for what is in flight; how many deliveries never came.
    fn drain(&mut self) -> io::Result<u64> {
        self.clients.iter_mut().for_each(Client::end_sending);
        let sent: u64 = self.clients.iter().map(Client::sent).sum();
        let expected = sent * self.clients.len() as u64;
        loop {
            let before = self.tally.messages;
            let silence = Instant::now() + LOST_AFTER_SILENCE;
            self.run_until(silence, |load| load.tally.messages != before)?;
            let received = self.tally.messages;
            match expected.checked_sub(received) {
                None => return Err(io::Error::other("more messages arrived than were sent")),
                Some(missing) if missing == 0 || received == before => return Ok(missing),
                Some(_) => {}
            }
        }
    }

    /// Waits for events, at most until `end`, and reads every socket that has something.
    fn read_once(&mut self, end: Instant) -> io::Result<()> {
        let wait = end.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let index = event.token().0;
            self.clients[index].read(&mut self.buffer, &mut self.tally).map_err(|error| {
                io::Error::new(error.kind(), format!("client {index}: {error}"))
            })?;
        }
        Ok(())
    }
}
