//! Servers that people really write, as their documentation shows them: what the checker says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, check};

/// Both are right in all of the protocol. Their examples do not look at `Origin`, say nothing when they end, and keep without a
/// bound what a client does not read.
const EXPECTED: [&str; 3] = ["close-sigterm: does-not", "memory: does-not", "origin: does-not"];

/// Where `make tools` installs.
fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ladder/others").join(name)
}

#[test]
#[ignore = "needs Node and its package ws"]
fn node_s_ws_as_documented() {
    let mut command = Command::new("node");
    command.arg(script("ws.mjs")).arg(tools());
    let program = Program::start(command, "/");
    let report = check(&program.url(), &["--pid", &program.pid()]);
    assert_eq!(report.exceptions(), EXPECTED, "{}", report.all);
}

#[test]
#[ignore = "needs Python and its package websockets"]
fn python_s_websockets_as_documented() {
    let mut command = Command::new(tools().join("bin/python"));
    command.arg(script("websockets_chat.py"));
    let program = Program::start(command, "/");
    let report = check(&program.url(), &["--pid", &program.pid()]);
    assert_eq!(report.exceptions(), EXPECTED, "{}", report.all);
}
