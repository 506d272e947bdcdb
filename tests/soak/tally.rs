//! What is counted, and what went wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many faults are printed; all are counted.
const TOLD: usize = 20;

/// What a server must never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Lost,
    Doubled,
    Disordered,
    /// Other clients received something else, or no one sent it.
    Altered,
    /// A private message that reached a third client.
    Overheard,
    /// `recovered: false`, though all that was missed could be had.
    NeedlessGap,
    /// Memory, threads or descriptors that grow.
    Grown,
    /// Something else is not as it was promised; the text says what.
    Broken,
}

const FAULTS: [Fault; 8] = [
    Fault::Lost,
    Fault::Doubled,
    Fault::Disordered,
    Fault::Altered,
    Fault::Overheard,
    Fault::NeedlessGap,
    Fault::Grown,
    Fault::Broken,
];

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Fault::Lost => "lost",
            Fault::Doubled => "doubled",
            Fault::Disordered => "disordered",
            Fault::Altered => "altered",
            Fault::Overheard => "overheard",
            Fault::NeedlessGap => "needless gaps",
            Fault::Grown => "grown",
            Fault::Broken => "broken promises",
        })
    }
}

#[derive(Default)]
pub struct Tally {
    /// Received events of the chat that were right.
    pub deliveries: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    /// Close codes that clients got from the server; 1006 where none came.
    ends: Mutex<BTreeMap<u16, u64>>,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    counts: BTreeMap<Fault, u64>,
    told: Vec<String>,
}

impl Tally {
    pub fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    pub fn add(&self, what: &'static str, times: u64) {
        *self.counts.lock().expect("the counts").entry(what).or_default() += times;
    }

    pub fn get(&self, what: &'static str) -> u64 {
        self.counts.lock().expect("the counts").get(what).copied().unwrap_or_default()
    }

    /// A connection ended in this way.
    pub fn ended(&self, code: u16) {
        *self.ends.lock().expect("the ends").entry(code).or_default() += 1;
    }

    pub fn fault(&self, fault: Fault, times: u64, what: impl FnOnce() -> String) {
        if times == 0 {
            return;
        }
        let mut faults = self.faults.lock().expect("the faults");
        *faults.counts.entry(fault).or_default() += times;
        if faults.told.len() < TOLD {
            let told = format!("{fault}: {}", what());
            println!("FAULT  {told}");
            faults.told.push(told);
        }
    }

    /// The printed faults.
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().expect("the faults").told.clone()
    }
}

/// The summary.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.lock().expect("the counts");
        for (what, count) in &*counts {
            writeln!(formatter, "  {what:<46}{count:>12}")?;
        }
        let deliveries = self.deliveries.load(Ordering::Relaxed);
        writeln!(formatter, "  {:<46}{deliveries:>12}", "deliveries checked")?;
        let ends = self.ends.lock().expect("the ends");
        let ends: Vec<String> = ends.iter().map(|(code, count)| format!("{code}: {count}")).collect();
        writeln!(formatter, "  closed by the server, by code                 {}", ends.join(", "))?;
        let faults = self.faults.lock().expect("the faults");
        let count = |fault: &Fault| faults.counts.get(fault).copied().unwrap_or_default();
        let faults: Vec<String> = FAULTS.iter().map(|fault| format!("{fault} {}", count(fault))).collect();
        write!(formatter, "  {}", faults.join(", "))
    }
}
