//! The face of Unix: a socket blocks, except in the one call that sends. See `system`.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, IoSlice, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::process::{Command, Stdio, exit};
use std::thread;
use std::time::Duration;

use log::warn;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator;
use socket2::{SockRef, Socket as Listener};

use super::Signal;

/// A TCP socket. It blocks; one call of `send_now` does not.
pub struct Socket(TcpStream);

impl Socket {
    /// # Errors
    /// Never, here.
    pub fn new(tcp: TcpStream) -> io::Result<Socket> {
        Ok(Socket(tcp))
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.0
    }

    /// # Errors
    /// `WouldBlock` or `TimedOut` if nothing came in time.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    /// The same, but what came is not taken.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.peek(buffer)
    }

    /// # Errors
    /// `WouldBlock` or `TimedOut` if nothing was accepted in time.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    /// Sends what the kernel accepts now. `MSG_DONTWAIT` is for this call alone: reads of the same socket stay blocking.
    ///
    /// # Errors
    /// `WouldBlock` if the kernel accepts nothing now.
    pub fn send_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        const NOW: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        match pieces {
            // The usual case, and a cheaper call.
            [only] => SockRef::from(&self.0).send_with_flags(only, NOW),
            pieces => SockRef::from(&self.0).send_vectored_with_flags(pieces, NOW),
        }
    }

    /// For `read` and `peek`; `None`: they wait for ever.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_read_timeout(timeout)
    }

    /// For `write`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_write_timeout(timeout)
    }
}

/// A restarted server must not wait until the TIME_WAIT of old connections is over. Two servers cannot share a port so.
///
/// # Errors
/// Those of the system.
pub fn exclusive_listener(listener: &Listener) -> io::Result<()> {
    listener.set_reuse_address(true)
}

/// A terminal that is closed sends a signal, so the server can stay in it.
pub fn launch() {}

/// The signals that end the program.
pub struct Signals(iterator::Signals);

impl Signals {
    /// Ctrl-C, a service manager's request to stop, and a closed terminal; but under nohup that one is ignored.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new() -> io::Result<Signals> {
        let hangup = (!is_hangup_ignored()).then_some(SIGHUP);
        iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).map(Signals)
    }

    /// Waits for the next one. Never `None`, here.
    pub fn wait(&mut self) -> Option<Signal> {
        let signal = self.0.forever().next()?;
        Some(if signal == SIGHUP { Signal::Hangup } else { Signal::Stop(128 + signal) })
    }
}

fn is_hangup_ignored() -> bool {
    let ignored = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    ignored.map_or_else(is_hangup_ignored_by_children, |mask| mask & (1 << (SIGHUP - 1)) != 0)
}

/// Asks a child, where there is no `/proc` (macOS): a program inherits what is ignored, and a shell may not change that (POSIX,
/// `trap`), so it survives the signal then.
fn is_hangup_ignored_by_children() -> bool {
    let shell = Command::new("sh").args(["-c", "kill -s HUP $$; exit 0"]).stdin(Stdio::null()).status();
    shell.is_ok_and(|status| status.success())
}

/// Standard output is a terminal.
pub fn is_stdout_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The same of standard error.
pub fn is_stderr_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Systems start a program with a small limit of open files and let it request more.
pub fn raise_descriptor_limit(wanted: u64) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => {
            warn!(
                "the system allows {limit} open files; {wanted} are needed at the limits that the flags set"
            );
        }
        Ok(_) => {}
        Err(error) => warn!("cannot ask for more open files: {error}"),
    }
}

/// A file that is made is its owner's alone (0600).
pub fn owner_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// The new file gets the owner of the one that it replaces.
///
/// # Errors
/// Those of the system.
pub fn keep_owner(new: &File, old: &Metadata) -> io::Result<()> {
    let own = new.metadata()?;
    match (old.uid(), old.gid()) {
        owner if owner == (own.uid(), own.gid()) => Ok(()),
        (user, group) => fchown(new, Some(user), Some(group)),
    }
}

/// The same for a folder (0700).
pub fn owner_alone_folder(folder: &mut DirBuilder) -> &mut DirBuilder {
    folder.mode(0o700)
}

/// Opens a file to read it. `O_NONBLOCK`, since opening a pipe would wait for its other end.
///
/// # Errors
/// Those of the system.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// This machine's own name. Linux has it in a file, other systems by POSIX's `uname`.
pub fn machine_name() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| {
        let uname = Command::new("uname").arg("-n").output().ok()?;
        String::from_utf8(uname.stdout).ok()
    })
}

/// The terminal of standard input. Its echo is switched off with `stty`, which every Unix has, and on again however the program ends, also
/// by Ctrl-C.
pub struct Terminal {
    /// Its settings at the start, as `stty -g` prints them.
    before: String,
}

/// The echo is off while this exists.
struct NoEcho<'a>(&'a Terminal);

impl Terminal {
    /// Reads the settings. From now on, a signal that ends the program also restores them.
    ///
    /// # Errors
    /// If there is no `stty`, or no thread.
    pub fn open() -> io::Result<Terminal> {
        let before = stty(&["-g"])?;
        let terminal = Terminal { before: before.clone() };
        let mut signals = iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP])?;
        thread::Builder::new().spawn(move || {
            // Ctrl-Z would leave the shell without echo, so it is ignored.
            if let Some(signal) = signals.forever().find(|signal| *signal != SIGTSTP) {
                Terminal { before }.restore();
                exit(128 + signal);
            }
        })?;
        Ok(terminal)
    }

    /// Prints a question, and lets `read` take the answer, which is not shown.
    ///
    /// # Errors
    /// If the echo cannot be switched off, or the input ends.
    pub fn ask_without_echo(
        &self,
        question: &str,
        read: impl FnOnce(&mut io::StdinLock<'_>) -> io::Result<String>,
    ) -> io::Result<String> {
        let no_echo = NoEcho(self);
        stty(&["-echo"])?;
        let mut out = io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let line = read(&mut io::stdin().lock());
        drop(no_echo);
        // The terminal did not show the line's end either.
        writeln!(out)?;
        line
    }

    fn restore(&self) {
        if stty(&[&self.before]).is_err() {
            let _ = writeln!(io::stderr(), "type `stty echo` to see again what you type");
        }
    }
}

impl Drop for NoEcho<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Runs `stty` on the terminal of standard input. Returns its output.
fn stty(arguments: &[&str]) -> io::Result<String> {
    let output =
        Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("stty failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
