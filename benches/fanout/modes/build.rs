//! What it takes to have the server: its size, its crates, its start, and if asked for the first build.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::bench::Bench;
use crate::contestant::{CHAT, Server};
use crate::report::Bound::AtMost;
use crate::report::{Ledger, milliseconds, seconds, whole};

const SIZE_KIB: f64 = 4.0 * 1024.0;
const CRATES: f64 = 64.0;
const STARTS: usize = 11;
const START_MILLISECONDS: f64 = 20.0;
const FIRST_BUILD_SECONDS: f64 = 40.0;

pub fn run(bench: &Bench, ledger: &mut Ledger, with_first_build: bool) {
    ledger.begin("Build: what the server is before anybody comes", "chat", "");
    match fs::metadata(CHAT) {
        Err(error) => ledger.unmeasured("the binary", &error),
        Ok(file) => {
            let kib = |kib: f64| format!("{} KiB", whole(kib));
            ledger.state("binary", &[file.len() as f64 / 1024.0], kib, AtMost(SIZE_KIB));
        }
    }
    match crates() {
        Err(error) => ledger.unmeasured("crates", &error),
        Ok(crates) => {
            ledger.state("crates of the default build", &[crates], whole, AtMost(CRATES));
        }
    }
    match (0..STARTS).map(|_| start(bench)).collect::<io::Result<Vec<f64>>>() {
        Err(error) => ledger.unmeasured("start", &error),
        Ok(times) => {
            let name = "from start to listening";
            ledger.state(name, &times, milliseconds, AtMost(START_MILLISECONDS));
        }
    }
    if with_first_build {
        match first_build() {
            Err(error) => ledger.unmeasured("first build", &error),
            Ok(time) => {
                ledger.state("first build", &[time], seconds, AtMost(FIRST_BUILD_SECONDS));
            }
        }
    }
}

/// Until the address is printed, which is when it can be connected to.
fn start(bench: &Bench) -> io::Result<f64> {
    let begun = Instant::now();
    let server = Server::start_chat(bench.pinning)?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    drop(server);
    Ok(milliseconds)
}

/// All that is compiled for this system, ours included.
fn crates() -> io::Result<f64> {
    let tree =
        ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--locked", "--offline"];
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(tree).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    if !output.status.success() {
        return Err(io::Error::other("cargo tree failed"));
    }
    let tree = String::from_utf8_lossy(&output.stdout);
    let words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut crates: Vec<String> = tree.lines().filter(|line| !line.is_empty()).map(words).collect();
    crates.sort_unstable();
    crates.dedup();
    Ok(crates.len() as f64)
}

/// What `make run` builds, from nothing but the downloaded crates.
fn first_build() -> io::Result<f64> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first-build");
    let remove = || match fs::remove_dir_all(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    remove()?;
    let begun = Instant::now();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--offline", "--jobs", "2"]);
    cargo.env("CARGO_TARGET_DIR", &target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let status = cargo.status()?;
    let time = begun.elapsed().as_secs_f64();
    remove()?;
    if status.success() { Ok(time) } else { Err(io::Error::other("cargo build failed")) }
}
