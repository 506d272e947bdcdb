//! Reads the file of `--users`, at the start and again and again while the server runs.
//!
//! Called by `attach` on the main thread, then by a thread of its own, since a disk may be slow. Must never write: only the
//! command line changes the file (`rewrite`).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use log::warn;
use sha2::{Digest, Sha256};

use super::list::{AccountList, MAX_LIST};
use crate::system;

/// The time between two reads. Each reads the whole file: a time stamp or a length may stay the same when the text changes.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A changed list is used when this many reads in a row find the same text: an editor may be writing the file.
const READS_TO_ACCEPT: u32 = 2;

/// The same for an empty list. It signs everyone out, and is more often a mistake than meant.
const READS_TO_ACCEPT_EMPTY: u32 = 6;

/// The file's text.
///
/// # Errors
/// In one line without the file's name: it cannot be read, is too long, or is not text.
pub fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(|error| error.to_string())?;
    let length = file.take(MAX_LIST as u64 + 1).read_to_end(&mut bytes);
    if length.map_err(|error| error.to_string())? > MAX_LIST {
        return Err(format!("it is longer than {MAX_LIST} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lines = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        format!("line {}: it is not UTF-8", lines + 1)
    })
}

/// Opens a regular file: a pipe could be read only once.
fn open(path: &Path) -> io::Result<File> {
    let file = system::open_at_once(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// The accounts in the file, and its text.
///
/// # Errors
/// In one line that names the file, and the line if one is wrong.
pub fn read_list(path: &Path) -> Result<(AccountList, String), String> {
    let named = |wrong: String| format!("{}: {wrong}", path.display());
    let text = read(path).map_err(named)?;
    let list = AccountList::parse(&text).map_err(|wrong| named(wrong.to_string()))?;
    Ok((list, text))
}

/// The hash of the file's text, or why it cannot be read.
type Fingerprint = Result<[u8; 32], String>;

/// Decides from repeated reads when the list has changed.
struct ChangeDetector {
    /// Of the list in use, or of a wrong one that was already reported.
    known: Fingerprint,
    last: Fingerprint,
    /// How many reads in a row found `last`.
    reads: u32,
}

impl ChangeDetector {
    fn new(known: &str) -> ChangeDetector {
        let known = Ok(hash(known));
        ChangeDetector { last: known.clone(), known, reads: READS_TO_ACCEPT }
    }

    /// Adds what one read found. Returns the new list, or what is wrong with it, once it has changed and stays the same.
    fn add(&mut self, text: Result<String, String>) -> Option<Result<AccountList, String>> {
        let found = text.as_deref().map(hash).map_err(Clone::clone);
        self.reads = if found == self.last { self.reads.saturating_add(1) } else { 1 };
        self.last.clone_from(&found);
        if found == self.known || self.reads < READS_TO_ACCEPT {
            return None;
        }
        let parse = |text: String| AccountList::parse(&text).map_err(|wrong| wrong.to_string());
        let list = text.and_then(parse);
        if self.reads < READS_TO_ACCEPT_EMPTY && list.as_ref().is_ok_and(|list| list.len() == 0) {
            return None;
        }
        self.known = found;
        Some(list)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The loop of the thread that watches the file. `known` is the text of the list in use. `on_change` gets each new list and
/// returns whether the server still runs. A wrong list is reported in the log and not used.
pub fn watch(path: &Path, known: &str, on_change: impl Fn(AccountList) -> bool) {
    let mut detector = ChangeDetector::new(known);
    loop {
        thread::sleep(POLL_INTERVAL);
        let Some(change) = detector.add(read(path)) else { continue };
        let server_runs = change.map(&on_change).unwrap_or_else(|wrong| {
            warn!("{}: {wrong}; the list of before stays in force", path.display());
            true
        });
        if !server_runs {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
