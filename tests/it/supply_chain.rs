//! What the server is built from: few crates, all from crates.io, under licences that we know, and no unsafe code of ours.
//!
//! `make deny` asks cargo-deny the same and more: known vulnerabilities need a network, and so are not looked up here.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

/// The allowed licences. Add one only after a decision about it.
const LICENCES: [&str; 18] = [
    "(MIT OR Apache-2.0) AND Unicode-3.0",
    "Apache-2.0 AND ISC",
    "Apache-2.0 OR BSL-1.0",
    "Apache-2.0 OR ISC OR MIT",
    "Apache-2.0 OR MIT",
    "Apache-2.0 OR MIT OR Zlib",
    "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "MIT OR Apache-2.0",
    "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
    "MIT OR BSD-3-Clause",
    "MIT/Apache-2.0",
    "Unicode-3.0",
    "Unlicense OR MIT",
    "Zlib OR Apache-2.0 OR MIT",
];

/// The default build stays light.
const CRATES: usize = 65;

/// Runs cargo on this project, without changing `Cargo.lock` or asking the network.
fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--offline"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Names and versions of what the default build compiles here.
fn default_build() -> BTreeSet<String> {
    let tree = cargo(&["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let words = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    tree.lines().filter(|line| !line.is_empty()).map(words).collect()
}

#[test]
fn the_default_build_is_light_and_holds_no_crate_twice() {
    let crates = default_build();
    assert!(crates.len() < CRATES, "{} crates: {crates:#?}", crates.len());
    let names: BTreeSet<&str> = crates.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names.len(), crates.len(), "one of these is there twice: {crates:#?}");
}

#[test]
fn every_crate_comes_from_crates_io_under_a_licence_that_we_know() {
    // Crates for other systems were never fetched here.
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("rustc prints UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("rustc knows its host").to_owned();
    let mut arguments = vec!["metadata", "--format-version", "1", "--filter-platform", &host];
    if cfg!(feature = "redis") {
        arguments.extend(["--features", "redis"]);
    }
    let metadata = cargo(&arguments);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    for package in packages.iter().filter(|package| package["name"] != "websocket-classroom") {
        let name = &package["name"];
        let source = package["source"].as_str();
        assert_eq!(source, Some("registry+https://github.com/rust-lang/crates.io-index"), "{name}");
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(LICENCES.contains(&licence), "{name} is under {licence:?}");
    }
}

#[test]
fn no_async_runtime_is_anywhere() {
    let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));
    for runtime in ["tokio", "async-std", "smol", "futures-executor", "async-executor"] {
        assert!(!lock.contains(&format!("name = \"{runtime}\"\n")), "{runtime}");
    }
}

#[test]
fn every_crate_of_ours_forbids_unsafe_code() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let targets = metadata["packages"][0]["targets"].as_array().expect("there are targets");
    let roots: Vec<&str> = targets.iter().filter_map(|target| target["src_path"].as_str()).collect();
    for part in ["src/lib.rs", "src/main.rs", "tests/it/main.rs", "benches/fanout.rs"] {
        assert!(roots.iter().any(|root| root.ends_with(part)), "{part} is not in {roots:?}");
    }
    for root in roots {
        let text = fs::read_to_string(root).expect("a source file can be read");
        assert!(text.contains("\n#![forbid(unsafe_code)]\n"), "{root}");
    }
}
