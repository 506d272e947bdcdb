//! Changes the file of `--users` in one step: a server that reads it meanwhile finds the old list or the new one, never a part.
//!
//! Called by `enrolment` on the command line's main thread. Must never leave a half-written list.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::file::read_list;
use super::list::{AccountList, MAX_LIST};
use crate::deadline::Deadline;

/// The temporary file. It stays after an interruption, and the next change replaces it.
const NEW_LIST: &str = ".new-list-of-users";

/// How long to wait for another process that changes a list in the same folder.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Only the owner may read and write it.
const MODE: u32 = 0o600;

/// Replaces the file's text by what `edit` returns for it. Creates the file if it is missing. Returns the new list.
///
/// # Errors
/// In one line. Then the file is unchanged.
pub fn rewrite(path: &Path, edit: impl FnOnce(&str) -> String) -> Result<AccountList, String> {
    let path = resolve_links(path);
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // Two changes at once would lose one. The lock is on the folder, since the file itself is replaced.
    let folder = File::open(&folder).map_err(named)?;
    lock(&folder).map_err(named)?;

    let (before, owner) = match fs::metadata(&path) {
        Ok(metadata) => (read_list(&path)?.1, Some((metadata.uid(), metadata.gid()))),
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), None),
        Err(error) => return Err(named(error)),
    };
    let after = edit(&before);
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
    // A crash of the machine may undo the rename until the folder is on the disk, too. Some file systems cannot sync folders.
    let _ = folder.sync_all();
    Ok(list)
}

/// Writes a new file to the disk. Only its owner may read it.
fn write_new(path: &Path, bytes: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
    // An interrupted change may have left one.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    let own = file.metadata()?;
    // When root changes the list, it must still belong to the user of the server.
    if let Some((user, group)) = owner.filter(|owner| *owner != (own.uid(), own.gid())) {
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// The real file, so that a symbolic link stays a link. A link may also point to a file that does not exist yet.
fn resolve_links(path: &Path) -> PathBuf {
    let target = || {
        let target = fs::read_link(path).ok()?;
        Some(path.parent()?.join(target))
    };
    fs::canonicalize(path).ok().or_else(target).unwrap_or_else(|| path.to_owned())
}

/// Waits for the folder's lock. Not for ever: every user of the machine can lock a public folder.
fn lock(folder: &File) -> io::Result<()> {
    let deadline = Deadline::after(LOCK_TIMEOUT);
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
