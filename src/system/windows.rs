//! The face of Windows: a socket never blocks, and who reads waits until something is there; the server has no console. See `system`.

mod launcher;

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket as Listener;

pub use self::launcher::launch;
use super::Signal;

/// The exit status of a program that Ctrl-C ends, as Windows itself would say: STATUS_CONTROL_C_EXIT.
const CONTROL_C: i32 = 0xc000_013a_u32 as i32;

/// No time-out, in `Socket`.
const NEVER: u64 = u64::MAX;

/// A wait is this long at most, then the socket is tried again: when another thread ends it, the wait is not woken.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A TCP socket. Windows has no `MSG_DONTWAIT`: the socket never blocks, and who reads waits until something is there.
pub struct Socket {
    tcp: TcpStream,
    /// Milliseconds.
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
}

impl Socket {
    /// # Errors
    /// Those of the system.
    pub fn new(tcp: TcpStream) -> io::Result<Socket> {
        tcp.set_nonblocking(true)?;
        Ok(Socket { tcp, read_timeout: AtomicU64::new(NEVER), write_timeout: AtomicU64::new(NEVER) })
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// # Errors
    /// `TimedOut` if nothing came in time.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(PollFlags::IN, &self.read_timeout, || (&self.tcp).read(buffer))
    }

    /// The same, but what came is not taken.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when(PollFlags::IN, &self.read_timeout, || self.tcp.peek(buffer))
    }

    /// # Errors
    /// `TimedOut` if nothing was accepted in time.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.when(PollFlags::OUT, &self.write_timeout, || (&self.tcp).write(bytes))
    }

    /// Sends what the kernel accepts now.
    ///
    /// # Errors
    /// `WouldBlock` if the kernel accepts nothing now.
    pub fn send_now(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.tcp).write_vectored(pieces)
    }

    /// For `read` and `peek`; `None`: they wait for ever.
    ///
    /// # Errors
    /// Never, here.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout.store(milliseconds(timeout), Ordering::Relaxed);
        Ok(())
    }

    /// For `write`.
    ///
    /// # Errors
    /// Never, here.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.write_timeout.store(milliseconds(timeout), Ordering::Relaxed);
        Ok(())
    }

    /// Does it as soon as it need not wait, or the time is over.
    fn when(
        &self,
        ready: PollFlags,
        timeout: &AtomicU64,
        mut work: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let begun = Instant::now();
        let timeout = Duration::from_millis(timeout.load(Ordering::Relaxed));
        loop {
            match work() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let remaining = timeout.checked_sub(begun.elapsed()).ok_or(ErrorKind::TimedOut)?;
            let wait = Timespec::try_from(remaining.min(LONGEST_WAIT)).map_err(io::Error::other)?;
            poll(&mut [PollFd::new(&self.tcp, ready)], Some(&wait))?;
        }
    }
}

fn milliseconds(timeout: Option<Duration>) -> u64 {
    timeout.map_or(NEVER, |timeout| (timeout.as_millis() as u64).max(1))
}

/// Without any option no two programs can listen on one port; `SO_REUSEADDR` would let them, silently.
///
/// # Errors
/// Never, here.
pub fn exclusive_listener(_: &Listener) -> io::Result<()> {
    Ok(())
}

/// Ctrl-C and Ctrl-Break; with a launcher also the end of its console.
pub struct Signals(Receiver<Signal>);

impl Signals {
    /// # Errors
    /// Those of the system.
    pub fn new() -> io::Result<Signals> {
        let (sender, receiver) = channel();
        if launcher::is_launched() {
            launcher::listen(sender)?;
        } else {
            let stop = move || sender.send(Signal::Stop(CONTROL_C)).unwrap_or_default();
            ctrlc::set_handler(stop).map_err(io::Error::other)?;
        }
        Ok(Signals(receiver))
    }

    /// Waits for the next one. `None` if no more can come.
    pub fn wait(&mut self) -> Option<Signal> {
        self.0.recv().ok()
    }
}

/// What is printed on standard output is shown on a terminal.
pub fn is_stdout_terminal() -> bool {
    io::stdout().is_terminal() || launcher::is_terminal(launcher::STDOUT)
}

/// The same of standard error.
pub fn is_stderr_terminal() -> bool {
    io::stderr().is_terminal() || launcher::is_terminal(launcher::STDERR)
}

/// Windows has no such limit.
pub fn raise_descriptor_limit(_: u64) {}

/// Windows has rights of the folder, which a new file gets.
///
/// # Errors
/// Never, here.
pub fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// A file in a user's profile is that user's alone, and elsewhere has the rights of its folder.
pub fn owner_alone(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// The same for a folder.
pub fn owner_alone_folder(folder: &mut DirBuilder) -> &mut DirBuilder {
    folder
}

/// Opens a file to read it.
///
/// # Errors
/// Those of the system.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// This machine's own name.
pub fn machine_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// The console of standard input.
pub struct Terminal;

impl Terminal {
    /// # Errors
    /// Never, here.
    pub fn open() -> io::Result<Terminal> {
        Ok(Terminal)
    }

    /// Prints a question and reads a line without showing it. The console reads it: `read` is for other systems.
    ///
    /// # Errors
    /// If there is no console.
    pub fn ask_without_echo(
        &self,
        question: &str,
        _: impl FnOnce(&mut io::StdinLock<'_>) -> io::Result<String>,
    ) -> io::Result<String> {
        rpassword::prompt_password(question)
    }
}
