//! Changes the file of `--users` in one step: a server that reads it meanwhile finds the old list or the new one, never a part.
//!
//! Called by `enrolment` on the command line's main thread. Must never leave a half-written list.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::file::read_list;
use super::list::{AccountList, MAX_LIST};
use crate::deadline::Deadline;
use crate::system;

/// The new list, until it takes the place of the old one. While it is there no other process changes a list in the same folder.
const NEW_LIST: &str = ".new-list-of-users";

/// It is made, written and renamed within moments. One that is older was left over by an interruption.
const LEFT_OVER: Duration = Duration::from_secs(5);
/// How long to wait for other processes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Replaces the file's text by what `edit` returns for it. Creates the file if it is missing. Returns the new list.
///
/// # Errors
/// In one line. Then the file is unchanged.
pub fn rewrite(path: &Path, edit: impl FnOnce(&str) -> String) -> Result<AccountList, String> {
    let path = resolve_links(path);
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let new = path.with_file_name(NEW_LIST);
    // What is no list gets no new file beside it.
    if path.exists() {
        read_list(&path)?;
    }
    // Two changes at once would lose one.
    let file = make(&new).map_err(named)?;
    let rename = |list| fs::rename(&new, &path).map(|()| list).map_err(named);
    let replaced = write(file, &path, edit).and_then(rename);
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    // A crash of the machine may undo the rename until the folder is on the disk, too. Some systems cannot sync folders.
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    replaced
}

/// Makes the new file, which only its owner may read. Waits while another process has one.
fn make(new: &Path) -> io::Result<File> {
    let deadline = Deadline::after(LOCK_TIMEOUT);
    loop {
        match system::owner_alone(OpenOptions::new().write(true).create_new(true)).open(new) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            result => return result,
        }
        let modified = fs::metadata(new).and_then(|metadata| metadata.modified());
        let is_left_over = modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFT_OVER));
        if is_left_over {
            let _ = fs::remove_file(new);
        } else if deadline.remaining().is_none() {
            return Err(io::Error::other("another process is changing a list in the same folder"));
        } else {
            thread::sleep(LOCK_RETRY);
        }
    }
}

/// Writes the new list to the disk.
fn write(mut file: File, path: &Path, edit: impl FnOnce(&str) -> String) -> Result<AccountList, String> {
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let (before, old) = match fs::metadata(path) {
        Ok(metadata) => (read_list(path)?.1, Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), None),
        Err(error) => return Err(named(error)),
    };
    let after = edit(&before);
    let list = AccountList::parse(&after).map_err(|wrong| format!("{}: {wrong}", path.display()))?;
    if after.len() > MAX_LIST {
        return Err(format!("{}: it would be longer than {MAX_LIST} bytes", path.display()));
    }
    // When root changes the list, it must still belong to the user of the server.
    old.map_or(Ok(()), |old| system::keep_owner(&file, &old)).map_err(named)?;
    file.write_all(after.as_bytes()).and_then(|()| file.sync_all()).map_err(named)?;
    Ok(list)
}

/// The real file, so that a symbolic link stays a link. A link may also point to a file that does not exist yet.
fn resolve_links(path: &Path) -> PathBuf {
    let target = || {
        let target = fs::read_link(path).ok()?;
        Some(path.parent()?.join(target))
    };
    fs::canonicalize(path).ok().or_else(target).unwrap_or_else(|| path.to_owned())
}
