//! Programs as a student starts them: a server of the ladder or another, and the checker.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;

use serde_json::Value;

const CHECKER: &str = env!("CARGO_BIN_EXE_websocket-check");

/// A server on a port of its own; killed when dropped.
pub struct Program {
    child: Child,
    pub port: u16,
    path: &'static str,
}

impl Program {
    /// A step of the ladder.
    pub fn example(name: &str) -> Program {
        let mut command = Command::new(examples().join(name));
        command.arg("0");
        Program::start(command, "/")
    }

    /// This project's own server.
    pub fn own(arguments: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.args(["--port", "0", "--log", "error"]).args(arguments);
        Program::start(command, "/ws")
    }

    /// It prints a line with `http://HOST:PORT/`.
    pub fn start(mut command: Command, path: &'static str) -> Program {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let port = output.lines().map_while(Result::ok).find_map(|line| {
            let address = line.split_once("http://")?.1.split('/').next()?.to_owned();
            address.rsplit(':').next()?.parse().ok()
        });
        Program { child, port: port.expect("it prints its address"), path }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}{}", self.port, self.path)
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the examples are, built as they stand: `cargo test --test ladder` builds this test alone.
fn examples() -> PathBuf {
    static BUILT: Once = Once::new();
    let profile = Path::new(CHECKER).parent().expect("a binary is in a folder");
    BUILT.call_once(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--examples", "--locked", "--offline", "--no-default-features"]);
        for (is_on, name) in [
            (cfg!(feature = "accounts"), "accounts"),
            (cfg!(feature = "inspector"), "inspector"),
            (cfg!(feature = "redis"), "redis"),
        ] {
            cargo.args(if is_on { vec!["--features", name] } else { vec![] });
        }
        cargo.args(if profile.ends_with("release") { vec!["--release"] } else { vec![] });
        cargo.arg("--target-dir").arg(profile.parent().expect("a profile is in a folder"));
        let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(status.success(), "the examples are built");
    });
    profile.join("examples")
}

/// Runs the checker in English.
pub fn run_checker(arguments: &[&str]) -> Output {
    let mut command = Command::new(CHECKER);
    command.env("LC_ALL", "C").args(arguments).stdin(Stdio::null());
    command.output().expect("the checker runs")
}

/// What the checker found.
#[derive(Debug)]
pub struct Report {
    pub status: i32,
    /// Promise to verdict.
    pub verdicts: BTreeMap<String, String>,
    pub all: Value,
}

pub fn check(url: &str, arguments: &[&str]) -> Report {
    let output = run_checker(&[&[url, "--json"], arguments].concat());
    let text = String::from_utf8(output.stdout).expect("the checker prints UTF-8");
    let all: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?} {:?}", output.stderr));
    let promises = all["promises"].as_array().expect("promises");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let verdicts = promises.iter().map(|one| (word(&one["promise"]), word(&one["verdict"]))).collect();
    Report { status: output.status.code().expect("the checker ends by itself"), verdicts, all }
}

impl Report {
    /// All that does not hold: `promise: verdict`.
    pub fn exceptions(&self) -> Vec<String> {
        let exceptions = self.verdicts.iter().filter(|(_, verdict)| *verdict != "holds");
        exceptions.map(|(promise, verdict)| format!("{promise}: {verdict}")).collect()
    }
}
