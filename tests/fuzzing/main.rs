//! Replays what is kept of the fuzzers' inputs, with the same functions that `make fuzz` calls.

#![forbid(unsafe_code)]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Calls the target with each kept input, and names those that it fails on.
fn replay(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut inputs: Vec<_> = fs::read_dir(&corpus)
        .expect("a corpus is kept")
        .map(|entry| entry.expect("a file of the corpus").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "nothing is kept in {}", corpus.display());
    inputs.retain(|path| {
        let input = fs::read(path).expect("a file of the corpus can be read");
        catch_unwind(AssertUnwindSafe(|| target(&input))).is_err()
    });
    assert!(inputs.is_empty(), "the target {name} fails on {inputs:#?}");
}

#[test]
fn the_head_parser_holds_on_all_that_fuzzing_found() {
    replay("head", targets::head);
}

#[test]
fn whole_connections_hold_on_all_that_fuzzing_found() {
    replay("connection", targets::connection);
}

#[test]
fn the_chat_and_its_commands_hold_on_all_that_fuzzing_found() {
    replay("command", targets::command);
}

#[cfg(feature = "inspector")]
#[test]
fn the_taps_and_the_inspector_hold_on_all_that_fuzzing_found() {
    replay("tap", targets::tap);
}
