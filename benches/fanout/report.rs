//! The tables: raw numbers first, then the figures that hold from one machine to the next, each with its bound.

use std::fmt;

use crate::contestant::Contestant;
use crate::load::{Latency, Throughput};

/// What a figure must reach.
#[derive(Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Printed only, without a bound.
    Stated,
}

impl Bound {
    fn is_reached(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
            Self::Stated => true,
        }
    }
}

/// How a figure is written.
pub type Unit = fn(f64) -> String;

pub fn whole(figure: f64) -> String {
    grouped(figure)
}

pub fn factor(figure: f64) -> String {
    format!("{figure:.2}")
}

pub fn milliseconds(figure: f64) -> String {
    format!("{figure:.2} ms")
}

pub fn microseconds(figure: f64) -> String {
    format!("{figure:.3} us")
}

pub fn seconds(figure: f64) -> String {
    format!("{figure:.2} s")
}

pub fn kibibytes(figure: f64) -> String {
    format!("{figure:.1} KiB")
}

/// Every figure of a run, and which of them missed their bounds.
#[derive(Default)]
pub struct Ledger {
    part: String,
    figures: usize,
    missed: Vec<String>,
}

impl Ledger {
    /// A part of the run begins; `this` is compared with `other`.
    pub fn begin(&mut self, title: &str, this: &str, other: &str) {
        println!("\n{title}");
        println!("{:<52} {this:>14} {other:>14}  {:<22} {:>12}", "", "ratio (least to most)", "bound");
        self.part = title.split([':', ',']).next().unwrap_or_default().to_owned();
    }

    /// The same figure of two contestants that ran in turns: what counts is their ratio, round by round, for neighbours
    /// in time meet the machine in the same mood.
    pub fn compare(&mut self, name: &str, [this, other]: [&[f64]; 2], unit: Unit, bound: Bound) -> &mut Self {
        let ratios: Vec<f64> = this.iter().zip(other).map(|(this, other)| this / other).collect();
        let spread = Spread::of(&ratios);
        let written = [this, other].map(|figures| unit(Spread::of(figures).median()));
        self.row(name, written, spread.to_string(), (spread.median(), factor, bound));
        self
    }

    /// A figure without a comparison.
    pub fn state(&mut self, name: &str, figures: &[f64], unit: Unit, bound: Bound) -> &mut Self {
        let spread = Spread::of(figures);
        let between = match spread.sorted[..] {
            [least, .., most] => format!("({} to {})", unit(least), unit(most)),
            _ => String::new(),
        };
        let written = [unit(spread.median()), String::new()];
        self.row(name, written, between, (spread.median(), unit, bound));
        self
    }

    fn row(
        &mut self,
        name: &str,
        [this, other]: [String; 2],
        ratio: String,
        (judged, unit, bound): (f64, Unit, Bound),
    ) {
        let is_reached = bound.is_reached(judged);
        let (written, verdict) = match bound {
            Bound::AtLeast(bound) => (format!(">= {}", unit(bound)), is_reached),
            Bound::AtMost(bound) => (format!("<= {}", unit(bound)), is_reached),
            Bound::Stated => (String::new(), true),
        };
        let verdict = match (bound, verdict) {
            (Bound::Stated, _) => "",
            (_, true) => "ok",
            (_, false) => "MISSED",
        };
        let line = format!("{name:<52} {this:>14} {other:>14}  {ratio:<22} {written:>12}");
        println!("{line}  {verdict}");
        self.figures += usize::from(!matches!(bound, Bound::Stated));
        if !is_reached {
            self.missed.push(format!("{}: {}", self.part, line.trim_end()));
        }
    }

    /// A figure that could not be measured is missed, and the others are still measured.
    pub fn unmeasured(&mut self, name: &str, reason: &dyn fmt::Display) {
        println!("{name:<52} not measured: {reason}");
        self.figures += 1;
        self.missed.push(format!("{}: {name} not measured: {reason}", self.part));
    }

    /// The last lines; whether all bounds were reached.
    pub fn close(self) -> bool {
        let Self { figures, missed, .. } = self;
        match missed.len() {
            0 if figures == 0 => {}
            0 => println!("\nAll {figures} bounds were reached."),
            count => println!("\nMISSED: {count} of {figures} bounds"),
        }
        missed.iter().for_each(|line| println!("  {line}"));
        missed.is_empty()
    }
}

/// Median of the rounds, with the lowest and the highest beside it: a single round that something else disturbed does not
/// show in the median.
struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { sorted }
    }

    fn median(&self) -> f64 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sorted[..] {
            [least, .., most] => {
                write!(formatter, "{:.2} ({least:.2} to {most:.2})", self.median())
            }
            _ => write!(formatter, "{:.2}", self.median()),
        }
    }
}

/// All rounds of one contestant in one setting.
pub struct Rounds<T> {
    pub contestant: Contestant,
    pub rounds: Vec<T>,
}

impl<T> Rounds<T> {
    pub fn of(contestant: Contestant) -> Self {
        Self { contestant, rounds: Vec::new() }
    }

    /// One figure of every round.
    pub fn each(&self, figure: impl Fn(&T) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    fn median(&self, figure: impl Fn(&T) -> f64) -> f64 {
        Spread::of(&self.each(figure)).median()
    }
}

/// Deliveries a second.
pub fn rate(run: &Throughput) -> f64 {
    run.deliveries as f64 / run.seconds
}

/// CPU microseconds of the server for a delivery.
pub fn cost(run: &Throughput) -> f64 {
    run.server_cpu_seconds / run.deliveries as f64 * 1e6
}

/// How a throughput run went: what the ratios are made of, and who was busy.
pub fn throughput_row(all: &Rounds<Throughput>) {
    println!(
        "  {:<16} {:>11}/s, {:.3} us each, {:.1} bytes, lost {}; busy: server {:.0} %, load {:.0} %, others {:.0} %",
        all.contestant,
        grouped(all.median(rate)),
        all.median(cost),
        all.median(|run| run.message_bytes as f64 / run.deliveries as f64),
        all.rounds.iter().map(|run| run.lost).sum::<u64>(),
        all.median(|run| run.server_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.load_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.other_cpu_seconds / run.seconds * 100.0),
    );
}

/// How a paced run went.
pub fn paced_row(all: &Rounds<Latency>) {
    println!(
        "  {:<16} {:>11}/s, lost {}; longest {:.2} ms; busy: server {:.0} %, load {:.0} %, others {:.0} %; 99 % of messages left \
         at most {:.2} ms late",
        all.contestant,
        grouped(all.median(|run| run.deliveries as f64 / run.seconds)),
        all.rounds.iter().map(|run| run.lost).sum::<u64>(),
        all.median(|run| run.longest),
        all.median(|run| run.server_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.load_busy * 100.0),
        all.median(|run| run.other_cpu_seconds / run.seconds * 100.0),
        all.median(|run| run.sent_late),
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

pub fn shared_row(clients: usize, all: &Rounds<Throughput>) {
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
