//! The server's resources over time: a table with a row for each sample, and whether they grow.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::common::Server;
use crate::process;
use crate::stage::Stage;

/// Memory may end this much higher than it would be without a trend, or this part of what it takes: the allocator is not exact.
const GROWTH_KIB: f64 = 8.0 * 1024.0;
const GROWTH_PART: f64 = 0.1;

/// What fills up in the beginning and may: the past (4 MiB, and the allocator's upkeep), and people who may come back, with the
/// `ref`s of what they said. Most are here for 3 min at the most, and kept for 10 more.
const FILLING_KIB: f64 = 16.0 * 1024.0;
const FILLED_AFTER: Duration = Duration::from_secs(780);

/// Fewer samples say nothing.
const ENOUGH: usize = 12;

/// One moment of the server.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub at: Duration,
    /// Members of the chat, and messages since the start, by `/health`.
    pub clients: u64,
    pub messages: u64,
    pub threads: u64,
    pub descriptors: u64,
    pub resident_kib: u64,
    pub memory_kib: u64,
    pub cpu_seconds: f64,
    /// How late the machine lets those run who have something to do, at the worst since the last sample: a second says that
    /// it, not the server, is what is slow.
    pub late: Duration,
    /// Checked by our clients so far.
    pub deliveries: u64,
}

/// The resources of an idle server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    pub threads: u64,
    pub descriptors: u64,
}

impl Rest {
    pub fn of(server: &Server) -> Rest {
        Rest { threads: server.status("Threads"), descriptors: server.descriptors() }
    }
}

impl Sample {
    pub fn take(stage: &Stage<'_>, health: &Value) -> Sample {
        let server = stage.server;
        let process = server.process();
        Sample {
            at: stage.begun.elapsed(),
            clients: health["clients"].as_u64().unwrap_or_default(),
            messages: health["messages"].as_u64().unwrap_or_default(),
            threads: server.status("Threads"),
            descriptors: server.descriptors(),
            resident_kib: server.status("VmRSS"),
            memory_kib: process::proportional_memory_kib(process).expect("Linux tells"),
            cpu_seconds: process::cpu_seconds(process).expect("Linux tells"),
            late: stage.metronome.take_latest(),
            deliveries: stage.tally.deliveries.load(Ordering::Relaxed),
        }
    }

    pub const HEAD: &str = "    time  clients  threads  descriptors   RSS MiB   PSS MiB     CPU s  late ms  messages    deliveries";
}

/// A row.
impl fmt::Display for Sample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: u64| kib as f64 / 1024.0;
        let seconds = self.at.as_secs_f64().round() as u64;
        write!(
            formatter,
            "{:>5}:{:02} {:>8} {:>8} {:>12} {:>9.1} {:>9.1} {:>9.2} {:>8} {:>9} {:>13}",
            seconds / 60,
            seconds % 60,
            self.clients,
            self.threads,
            self.descriptors,
            mib(self.resident_kib),
            mib(self.memory_kib),
            self.cpu_seconds,
            self.late.as_millis(),
            self.messages,
            self.deliveries,
        )
    }
}

/// How memory goes behind the first third, in which everything fills up.
#[derive(Debug)]
pub struct Trend {
    /// What the trend would come to over the whole run.
    pub growth_kib: f64,
    pub allowed_kib: f64,
}

impl Trend {
    /// `None` if there are too few samples to say.
    pub fn of(samples: &[Sample]) -> Option<Trend> {
        let whole = samples.last()?.at;
        let late: Vec<(f64, f64)> = samples
            .iter()
            .filter(|sample| sample.at >= whole / 3)
            .map(|sample| (sample.at.as_secs_f64(), sample.memory_kib as f64))
            .collect();
        if late.len() < ENOUGH {
            return None;
        }
        let memory = median(late.iter().map(|(_, memory)| *memory).collect());
        let growth_kib = slope(&late) * whole.as_secs_f64();
        let filled = (whole / 3).div_duration_f64(FILLED_AFTER).min(1.0);
        let allowed_kib = GROWTH_KIB.max(memory * GROWTH_PART) + FILLING_KIB * (1.0 - filled);
        Some(Trend { growth_kib, allowed_kib })
    }

    pub fn is_too_much(&self) -> bool {
        self.growth_kib > self.allowed_kib
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: f64| kib / 1024.0;
        let (growth, allowed) = (mib(self.growth_kib), mib(self.allowed_kib));
        write!(formatter, "memory's trend: {growth:+.2} MiB over the whole run (allowed: {allowed:.1})")
    }
}

/// The middle one of the slopes between any two points (Theil and Sen): no single moment can tilt it, as it could a least
/// squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate();
    let slopes = pairs.flat_map(|(place, (x, y))| {
        points[place + 1..].iter().map(move |(later, there)| (there - y) / (later - x))
    });
    median(slopes.collect())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Thirty samples of half an hour, with this memory in KiB at each minute.
fn samples(memory: impl Fn(u64) -> u64) -> Vec<Sample> {
    let sample = |minute: u64| Sample {
        at: Duration::from_secs(60 * minute),
        memory_kib: memory(minute),
        clients: 0,
        messages: 0,
        threads: 0,
        descriptors: 0,
        resident_kib: 0,
        cpu_seconds: 0.0,
        late: Duration::ZERO,
        deliveries: 0,
    };
    (1..=30).map(sample).collect()
}

#[test]
fn a_leak_is_a_trend_but_filling_up_and_fluctuation_are_not() {
    let is_too_much =
        |memory: fn(u64) -> u64| Trend::of(&samples(memory)).expect("enough samples").is_too_much();
    assert!(!is_too_much(|_| 20_000));
    assert!(!is_too_much(|minute| 20_000 + 2000 * minute.min(10)), "filled in the first third");
    assert!(!is_too_much(|minute| 20_000 + 6000 * (minute % 2)), "to and fro");
    assert!(!is_too_much(|minute| if minute == 29 { 90_000 } else { 20_000 }), "one moment");
    assert!(!is_too_much(|minute| 40_000 - 600 * minute), "less and less");
    assert!(is_too_much(|minute| 20_000 + 500 * minute), "15 MB in half an hour");
    assert!(is_too_much(|minute| 20_000 + 500 * minute + 3000 * (minute % 2)), "with noise");
    assert!(Trend::of(&samples(|_| 0)[..12]).is_none(), "too few");
}
