//! The tables: raw numbers first, then the ratios that hold from one machine to the next.

use crate::contestant::Contestant;
use crate::load::{Idle, Latency, Throughput};

/// All rounds of one contestant in one setting.
pub struct Rounds {
    pub contestant: Contestant,
    pub rounds: Vec<Throughput>,
}

impl Rounds {
    /// The middle one of the rounds: a single round that something else disturbed does not show.
    fn median(&self, figure: impl Fn(&Throughput) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}

fn rate(run: &Throughput) -> f64 {
    run.deliveries as f64 / run.seconds
}

fn cpu_per_million(run: &Throughput) -> f64 {
    run.server_cpu_seconds / run.deliveries as f64 * 1e6
}

pub fn throughput_head() {
    println!(
        "{:>7}  {:<16} {:>14} {:>13} {:>7} {:>6} {:>7} {:>12} {:>6}",
        "clients",
        "",
        "deliveries/s",
        "CPU s/million",
        "server",
        "load",
        "others",
        "bytes/frame",
        "lost"
    );
}

pub fn throughput_row(clients: usize, all: &Rounds) {
    println!(
        "{:>7}  {:<16} {:>14} {:>13.3} {:>5.0} % {:>4.0} % {:>5.0} % {:>12.1} {:>6}",
        grouped(clients as f64),
        all.contestant,
        grouped(all.median(rate)),
        all.median(cpu_per_million),
        all.median(|run| run.server_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.load_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.other_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.message_bytes as f64 / run.deliveries as f64),
        all.rounds.iter().map(|run| run.lost).sum::<u64>(),
    );
}

pub fn shared_head() {
    println!(
        "{:>7}  {:<16} {:>14} {:>11} {:>17} {:>16} {:>7} {:>6} {:>6} {:>7} {:>5}",
        "clients",
        "",
        "deliveries/s",
        "messages/s",
        "servers, us/mess.",
        "redis, us/mess.",
        "servers",
        "redis",
        "load",
        "others",
        "lost"
    );
}

pub fn shared_row(clients: usize, all: &Rounds) {
    let messages = |run: &Throughput| run.deliveries as f64 / clients as f64;
    println!(
        "{:>7}  {:<16} {:>14} {:>11} {:>17.1} {:>16.1} {:>5.0} % {:>4.0} % {:>4.0} % {:>5.0} % {:>5}",
        grouped(clients as f64),
        all.contestant,
        grouped(all.median(rate)),
        grouped(all.median(|run| messages(run) / run.seconds)),
        all.median(|run| run.server_cpu_seconds / messages(run) * 1e6),
        all.median(|run| run.redis_cpu_seconds / messages(run) * 1e6),
        all.median(|run| run.server_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.redis_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.load_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.other_cpu_seconds / run.seconds * 100.0),
        all.rounds.iter().map(|run| run.lost).sum::<u64>(),
    );
}

pub fn shared_foot() {
    println!(
        "us/mess.: CPU time for one message in microseconds, of all servers together and of Redis. All \
         servers share\none core here, and Redis has the other together with the load generator: so it is the CPU time \
         that counts. Servers\non machines of their own have it each for itself."
    );
}

pub fn latency_head() {
    println!("{:>7}  {:<16} {:>10} {:>10} {:>10}", "clients", "", "median", "99 %", "longest");
}

pub fn latency_row(clients: usize, contestant: Contestant, latency: &Latency) {
    let Latency { median, of_99_in_100, longest } = latency;
    println!(
        "{:>7}  {contestant:<16} {median:>7.2} ms {of_99_in_100:>7.2} ms {longest:>7.2} ms",
        grouped(clients as f64)
    );
}

/// One contestant's figures divided by another's, round by round: neighbours in time are compared.
pub fn ratio_row(this: &Rounds, other: &Rounds) {
    let label = format!("{} / {}", this.contestant, other.contestant);
    let rates = Spread::of(this, other, rate);
    let costs = Spread::of(this, other, cpu_per_million);
    println!("{:>7}  {label:<31} deliveries {rates}   CPU a delivery {costs}", "");
}

/// Median of the rounds, with the lowest and the highest beside it.
struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    fn of(chat: &Rounds, floor: &Rounds, figure: fn(&Throughput) -> f64) -> Self {
        let pairs = chat.rounds.iter().zip(&floor.rounds);
        let mut sorted: Vec<f64> = pairs.map(|(a, b)| figure(a) / figure(b)).collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [lowest, .., highest] = self.sorted[..] else {
            return self.sorted.iter().try_for_each(|only| write!(formatter, "{only:.2}"));
        };
        let median = self.sorted[self.sorted.len() / 2];
        write!(formatter, "{median:.2} ({lowest:.2} to {highest:.2})")
    }
}

pub fn throughput_foot() {
    println!(
        "server, load, others: how much of one core each kept busy. Where the load generator is as busy \
         as the\nserver it holds the server back, and the CPU time of a delivery says more than \
         deliveries a second. Others:\nother programs, time a hypervisor took away, and interrupts \
         where the kernel books them apart; they are\nto be near 0 for a number worth quoting."
    );
}

pub fn memory_head() {
    println!(
        "{:>7}  {:>20} {:>17} {:>14} {:>9} {:>14}",
        "clients", "PSS per idle client", "PSS of all", "PSS when empty", "threads", "all welcomed"
    );
}

pub fn memory_row(clients: usize, idle: &Idle) {
    let grown = idle.memory_kib as f64 - idle.memory_before_kib as f64;
    println!(
        "{:>7}  {:>16.1} KiB {:>13} KiB {:>10} KiB {:>9} {:>12.2} s",
        grouped(clients as f64),
        grown / clients as f64,
        grouped(idle.memory_kib as f64),
        grouped(idle.memory_before_kib as f64),
        grouped(idle.threads as f64),
        idle.connect_seconds,
    );
}

pub fn memory_foot() {
    println!(
        "PSS counts the process's own memory. What the kernel keeps for a client is not in it: its \
         socket with\nbuffers (empty here) and its thread's kernel stack, 16 KiB on x86-64."
    );
}

/// 1234567 as 1,234,567.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
