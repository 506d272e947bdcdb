//! `make run` passes on what was typed, and says what is missing. A cargo of the test's own stands in for the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Answers `cargo build` with a status and prints one argument of `cargo run` a line.
const CARGO: &str = r#"#!/bin/sh
if [ "$1" = build ]; then echo "Compiling" >&2; exit "${BUILD:-0}"; fi
printf '%s\n' "$@"; cat
"#;

/// A folder of programs that make finds first.
struct Programs(PathBuf);

impl Programs {
    fn new(name: &str) -> Programs {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let cargo = folder.join("cargo");
        fs::write(&cargo, CARGO).expect("a file");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Programs(folder)
    }

    fn make(&self, path: &str, arguments: &[&str], build: &str) -> Output {
        let mut make = Command::new("make");
        make.arg("run").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        make.env("PATH", format!("{}:{path}", self.0.display())).env("BUILD", build);
        for inherited in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
            make.env_remove(inherited);
        }
        make.output().expect("make can be run")
    }
}

/// What `cargo run` got after `--`.
fn flags(arguments: &[&str]) -> Vec<String> {
    let programs = Programs::new("flags");
    let output = programs.make(&std::env::var("PATH").expect("a path"), arguments, "0");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let flags = lines.iter().position(|line| *line == "--").expect("cargo run -- …");
    assert_eq!(lines[0], "run");
    lines[flags + 1..].iter().map(|line| (*line).to_owned()).collect()
}

/// The features that `cargo run` got before `--`.
fn features(arguments: &[&str]) -> Vec<String> {
    let programs = Programs::new("features");
    let output = programs.make(&std::env::var("PATH").expect("a path"), arguments, "0");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let cargo_s = text.lines().take_while(|line| *line != "--");
    cargo_s
        .skip_while(|line| *line != "--features")
        .filter(|line| *line != "--features")
        .map(str::to_owned)
        .collect()
}

#[test]
#[ignore = "needs make"]
fn only_the_features_that_the_flags_take_are_built() {
    assert_eq!(features(&["PORT=8080"]), [""; 0]);
    assert_eq!(features(&["TLS=yes"]), ["tls"]);
    assert_eq!(features(&["TLS_CERT=site.pem", "TLS_KEY=site.key"]), ["tls"]);
    assert_eq!(features(&["REDIS=redis://127.0.0.1"]), ["redis"]);
    assert_eq!(features(&["REDIS=redis://127.0.0.1", "TLS=yes"]), ["redis", "tls"]);
}

#[test]
#[ignore = "needs make"]
fn every_value_arrives_as_it_was_typed() {
    for value in [
        "O'Neill",
        "Ana María",
        "pa$word",
        "$(HOME)",
        "$$",
        "`id`",
        "a;b",
        "\"x\"",
        "''",
        "a\\b",
        "*",
        "a&b|c>d",
        "#1",
        "a,b)c(",
    ] {
        for variable in ["ADD_USER", "PAGE", "TEACHER_KEY"] {
            let flag = format!("--{}", variable.to_lowercase().replace('_', "-"));
            assert_eq!(flags(&[&format!("{variable}={value}")]), [flag, value.to_owned()], "{value}");
        }
    }
    let origins = flags(&[
        "ORIGIN=https://a.example null",
        "HOST_NAME=o'neill",
        "ADD_USERS=$x",
        "REDIS=redis://:a$b'@host",
    ]);
    assert_eq!(
        origins,
        [
            "--redis",
            "redis://:a$b'@host",
            "--host-name",
            "o'neill",
            "--origin",
            "https://a.example",
            "--origin",
            "null",
            "--add-users"
        ]
    );
}

#[test]
#[ignore = "needs make"]
fn the_build_is_shown_and_a_missing_linker_is_named() {
    let programs = Programs::new("linker");
    let path = std::env::var("PATH").expect("a path");
    let output = programs.make(&path, &[], "0");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Compiling"), "{output:?}");
    let failed = programs.make(&path, &[], "101");
    assert!(!failed.status.success() && failed.stdout.is_empty());
    assert!(!String::from_utf8_lossy(&failed.stderr).contains("linker"), "here one is there");

    // A machine without one: only what the Makefile itself needs.
    for tool in ["sh", "tr", "sed", "cat", "make"] {
        let found = path.split(':').map(|folder| Path::new(folder).join(tool)).find(|tool| tool.exists());
        std::os::unix::fs::symlink(found.expect("a tool"), programs.0.join(tool)).expect("a link");
    }
    let failed = programs.make("", &[], "101");
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(
        !failed.status.success()
            && told.contains("A C linker is missing")
            && told.contains("build-essential"),
        "{told}"
    );
}
