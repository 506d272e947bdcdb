//! The load generator: all clients of one measurement, in a process and on a core of its own.
//!
//! One thread, sockets that do not block, epoll through mio. It is as cheap as we can make it, and
//! the report prints how busy it was. Near 100 % it limits the server: then compare the server's CPU
//! seconds, not its deliveries per second.
//! * `fleet`: the clients and the loop that reads them
//! * `throughput`: senders that keep a number of messages in flight
//! * `paced`: senders that follow a schedule, and the latency of every delivery
//! * `idle`: no client sends; then all leave
//! * `joins`: the cost of a join

mod fleet;
mod idle;
mod joins;
mod paced;
mod throughput;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::{Dialect, Tally};
use crate::process;
use crate::watcher::Watching;
use fleet::Fleet;

/// The load generator's task; passed as JSON on its command line.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// One client goes to the first, the next to the second, and so around.
    pub addresses: Vec<SocketAddr>,
    /// The servers' processes, whose CPU time and memory are read.
    pub servers: Vec<u32>,
    /// And their Redis's.
    pub redis: Option<u32>,
    pub dialect: Dialect,
    pub clients: usize,
    pub task: Task,
}

#[derive(Clone, Serialize, Deserialize)]
pub enum Task {
    /// `senders` of the clients keep `in_flight` messages each under way.
    Throughput {
        senders: usize,
        in_flight: u32,
        watching: Watching,
        warm_up: Duration,
        measured: Duration,
    },
    Paced(Paced),
    /// No client sends. With `leave`, all leave at the end, and `/health` shows when that is done.
    Idle {
        leave: bool,
    },
    /// All come at once, and when it is quiet again `more` come at once.
    Joins {
        more: usize,
    },
}

/// Messages at a fixed rate, whatever the server makes of them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Paced {
    pub senders: usize,
    /// Messages a second, of all senders together.
    pub rate: u32,
    pub text_bytes: usize,
    /// The last of each this many messages is private; none if 0. It is not timed.
    pub private_every: u64,
    /// This many clients read nothing from the start; half of them read again after they are cut off.
    pub sleepers: usize,
    /// The servers' memory is looked at all the time, which takes a moment each time.
    pub watch_memory: bool,
    pub warm_up: Duration,
    pub measured: Duration,
}

/// What it found; travels as one line of JSON on its standard output.
#[derive(Serialize, Deserialize)]
pub enum Outcome {
    Throughput(Throughput),
    Paced(Latency),
    Idle(Idle),
    Joins(Joins),
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

/// From the time at which a message was to be sent until a client has it, for every client: in milliseconds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Latency {
    pub of_50_in_100: f64,
    pub of_99_in_100: f64,
    pub longest: f64,
    /// How late 99 in 100 messages left the load generator; a part of the above.
    pub sent_late: f64,
    /// See [`crate::timing::Timing`].
    pub steadiness: f64,
    pub unfairness: f64,
    pub frame_bytes: f64,
    pub deliveries: u64,
    pub lost: u64,
    pub seconds: f64,
    pub server_cpu_seconds: f64,
    /// The part of its time in which the load generator did not wait: it waits without sleeping, so its CPU time says nothing.
    pub load_busy: f64,
    pub other_cpu_seconds: f64,
    /// The most that the servers' memory has grown since all were connected.
    pub grown_kib: u64,
    /// Clients that were cut off as slow readers, by the notices that the other clients got.
    pub cut_off: u64,
    /// Sleepers that read on when they were cut off, and those of them that found a close frame with 4008.
    pub read_on: u64,
    pub told_why: u64,
}

#[derive(Serialize, Deserialize)]
pub struct Idle {
    pub connect_seconds: f64,
    /// From the first close until `/health` counts no client and all threads have ended.
    pub leave_seconds: f64,
    pub memory_before_kib: u64,
    pub memory_kib: u64,
    pub threads: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Joins {
    /// All clients come into a chat that has a full history.
    pub storm: Storm,
    /// Some more come when the others are there.
    pub more: Storm,
    /// Bytes that each connected client got when more clients joined.
    pub bytes_for_each_other: f64,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Storm {
    pub joins: u64,
    pub seconds: f64,
    pub server_cpu_seconds: f64,
    /// Bytes that the new clients have received when no more come.
    pub bytes: u64,
}

/// Does the job and prints its outcome.
pub fn run(job: &str) -> io::Result<()> {
    let job: Job = serde_json::from_str(job)?;
    let outcome = match job.task.clone() {
        Task::Throughput { senders, in_flight, watching, warm_up, measured } => {
            throughput::run(&job, senders, in_flight, watching, [warm_up, measured]).map(Outcome::Throughput)
        }
        Task::Paced(paced) => paced::run(&job, &paced).map(Outcome::Paced),
        Task::Idle { leave } => idle::run(&job, leave).map(Outcome::Idle),
        Task::Joins { more } => joins::run(&job, more).map(Outcome::Joins),
    };
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
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
    fn take(fleet: &Fleet, job: &Job) -> io::Result<Self> {
        Ok(Self {
            time: Instant::now(),
            tally: fleet.heard.tally,
            server_cpu_seconds: sum(&job.servers, process::cpu_seconds)?,
            load_cpu_seconds: process::cpu_seconds(std::process::id())?,
            redis_cpu_seconds: job.redis.map_or(Ok(0.0), process::cpu_seconds)?,
            machine_cpu_seconds: process::machine_cpu_seconds()?,
        })
    }

    /// CPU seconds of the machine since then that none of ours had. The clocks are read one after another and tick
    /// coarsely.
    fn others_since(&self, before: &Self) -> f64 {
        let ours =
            |sample: &Self| sample.server_cpu_seconds + sample.load_cpu_seconds + sample.redis_cpu_seconds;
        let machine = self.machine_cpu_seconds - before.machine_cpu_seconds;
        (machine - (ours(self) - ours(before))).max(0.0)
    }
}

/// Of all these processes.
fn sum<T: std::iter::Sum>(processes: &[u32], figure: impl Fn(u32) -> io::Result<T>) -> io::Result<T> {
    processes.iter().map(|process| figure(*process)).sum()
}
