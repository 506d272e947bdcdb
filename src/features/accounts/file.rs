//! The file of `--users`: read whole, watched while the server runs, and replaced in one step.
//!
//! The server only reads it, at the start and then on a thread of its own, since a disk may be slow. The command line
//! replaces it; a reader meanwhile sees the old list or the new one, never half of one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use log::warn;
use sha2::{Digest, Sha256};

use super::list::{AccountList, MAX_LIST};
use crate::deadline::Deadline;

/// How often the file is read. It is read whole each time: a time stamp or a length could deceive.
const READ_EVERY: Duration = Duration::from_millis(500);

/// How many reads in a row must give the same before a new list counts; more for an empty one, which is more often a mistake.
const READS: u32 = 2;
const READS_OF_EMPTY: u32 = 6;

/// The new list before it takes the old one's place; left over if that is interrupted, and then overwritten.
const NEW_LIST: &str = ".new-list-of-users";

/// How long another process may be changing the list.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Only the owner may read and write it.
const MODE: u32 = 0o600;

/// The file's text.
///
/// # Errors
/// In one line without the file's name: it cannot be read, or is no text, or too long.
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

/// Opens a file that can be read again: from a pipe the list would come once, and never again. Opening does not wait, as it
/// would for the other end of one.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
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

/// What the file held, in short: of a list its hash.
type Seen = Result<[u8; 32], String>;

/// What the last reads of the file gave.
struct Reads {
    /// What is in force, or is known to be wrong.
    known: Seen,
    /// What the last read gave, and how many reads in a row.
    last: Seen,
    times: u32,
}

impl Reads {
    fn new(known: &str) -> Reads {
        let known = Ok(hash(known));
        Reads { last: known.clone(), known, times: READS }
    }

    /// One more read of the file: the new list, or what is wrong with it, if it has changed. An editor may be writing just now,
    /// and half of the class would be closed. So a list counts only once it was read twice, an empty one later still.
    fn next(&mut self, text: Result<String, String>) -> Option<Result<AccountList, String>> {
        let seen = text.as_deref().map(hash).map_err(Clone::clone);
        self.times = if seen == self.last { self.times.saturating_add(1) } else { 1 };
        self.last.clone_from(&seen);
        if seen == self.known || self.times < READS {
            return None;
        }
        let parse = |text: String| AccountList::parse(&text).map_err(|wrong| wrong.to_string());
        let list = text.and_then(parse);
        if self.times < READS_OF_EMPTY && list.as_ref().is_ok_and(|list| list.len() == 0) {
            return None;
        }
        self.known = seen;
        Some(list)
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Watches the file for ever; `tell` gets each new list and returns whether a further one is wanted. `known` is what was
/// read last. A list that cannot be used is logged, and the one before stays in force.
pub fn watch(path: &Path, known: &str, tell: impl Fn(AccountList) -> bool) {
    let mut reads = Reads::new(known);
    loop {
        thread::sleep(READ_EVERY);
        let Some(change) = reads.next(read(path)) else { continue };
        let is_wanted = change.map(&tell).unwrap_or_else(|wrong| {
            warn!("{}: {wrong}; the list of before stays in force", path.display());
            true
        });
        if !is_wanted {
            return;
        }
    }
}

/// Replaces the file by what `change` makes of its text, in one step; a file that is not there yet is made. Returns the
/// new list.
///
/// # Errors
/// In one line. Then the file is as it was.
pub fn change(path: &Path, change: impl FnOnce(&str) -> String) -> Result<AccountList, String> {
    let path = behind_links(path);
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // Two changes at once would lose one. The folder is locked, since the file itself is replaced.
    let folder = File::open(&folder).map_err(named)?;
    lock(&folder).map_err(named)?;

    let (before, owner) = match fs::metadata(&path) {
        Ok(metadata) => (read_list(&path)?.1, Some((metadata.uid(), metadata.gid()))),
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), None),
        Err(error) => return Err(named(error)),
    };
    let after = change(&before);
    let list = AccountList::parse(&after).map_err(|wrong| format!("{}: {wrong}", path.display()))?;
    if after.len() > MAX_LIST {
        return Err(format!("{}: it would be longer than {MAX_LIST} bytes", path.display()));
    }
    let new = path.with_file_name(NEW_LIST);
    let replaced = write_new(&new, after.as_bytes(), owner).and_then(|()| fs::rename(&new, &path));
    if let Err(error) = replaced {
        let _ = fs::remove_file(&new);
        return Err(named(error));
    }
    // The name is on the disk only when the folder is. Where that cannot be had the file is still whole.
    let _ = folder.sync_all();
    Ok(list)
}

/// Writes a new file to the disk, for its owner alone.
fn write_new(path: &Path, bytes: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
    // From an attempt that was interrupted.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    let own = file.metadata()?;
    // If root changes it, its owner stays.
    if let Some((user, group)) = owner.filter(|owner| *owner != (own.uid(), own.gid())) {
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where the file really is: a link stays a link, also one to a file that is not there yet.
fn behind_links(path: &Path) -> PathBuf {
    let target = || {
        let target = fs::read_link(path).ok()?;
        Some(path.parent()?.join(target))
    };
    fs::canonicalize(path).ok().or_else(target).unwrap_or_else(|| path.to_owned())
}

/// Waits for another process that is changing a list in this folder, but not for ever: anyone may lock a public one.
fn lock(folder: &File) -> io::Result<()> {
    let deadline = Deadline::after(LOCK_PATIENCE);
    loop {
        match folder.try_lock() {
            Err(TryLockError::WouldBlock) if deadline.remaining().is_some() => {
                thread::sleep(LOCK_RETRY);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process is changing a list in the same folder"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
