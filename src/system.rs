//! What differs between operating systems, and nothing else does: sockets that are sent to without waiting, signals, files that only
//! their owner may read, limits. Two faces of the same small interface: `unix` (Linux, macOS, the BSDs) and `windows`.
//!
//! Sockets are used on the connections' threads and the broadcaster's; all else at the start, by `main` and the features.

use std::hint::black_box;

use log::warn;

#[cfg(unix)]
pub use unix::{
    Signals, Socket, exclusive_listener, machine_name, open_at_once, owner_alone, owner_alone_folder,
    raise_descriptor_limit,
};
#[cfg(windows)]
pub use windows::{
    Signals, Socket, exclusive_listener, machine_name, open_at_once, owner_alone, owner_alone_folder,
    raise_descriptor_limit,
};

/// Bytes of address space that must be free when a connection comes. Where the system sets a limit (`ulimit -v`), a failed
/// allocation would end the whole program.
const SPARE_MEMORY: usize = 64 << 20;

/// Bytes of stacks that glibc keeps, at most.
const KEPT_STACKS: usize = 40 << 20;

/// Why the program is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C, or a service manager's request. With the exit status of a program that it ends.
    Stop(i32),
    /// The terminal was closed. It may come twice.
    Hangup,
}

/// Warns if the system allows too few threads: only an administrator can change that limit.
pub fn warn_of_too_few_threads([allowed, wanted]: [usize; 2]) {
    if allowed < wanted {
        warn!(
            "the system allows threads for {allowed} connections (vm.max_map_count); {wanted} are needed at the limits that the flags set"
        );
    }
}

/// Reserves `SPARE_MEMORY` bytes and frees it at once, to see whether it is there. The C library keeps the stacks of threads that
/// have ended for new threads: `ended` of this size. They are not free, but a new thread gets one of them.
pub fn is_memory_left(ended: usize, stack: usize) -> bool {
    let kept = ended.saturating_mul(stack).min(KEPT_STACKS);
    let mut spare = Vec::<u8>::new();
    // The compiler must not see that the memory is unused, or it would remove the allocation.
    black_box(&mut spare).try_reserve_exact(SPARE_MEMORY - kept).is_ok()
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, DirBuilder, File, OpenOptions};
    use std::io::{self, IoSlice, Read, Write};
    use std::net::TcpStream;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use log::warn;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
}

#[cfg(windows)]
mod windows {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io::{self, ErrorKind, IoSlice, Read, Write};
    use std::net::TcpStream;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use socket2::Socket as Listener;

    use super::Signal;

    /// No time-out, in `Socket`.
    const NEVER: u64 = u64::MAX;

    /// A wait is looked after this often: whoever ends the socket on another thread does not wake it.
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

    /// Ctrl-C and Ctrl-Break. A console that is closed ends the program at once.
    pub struct Signals(Receiver<()>);

    impl Signals {
        /// # Errors
        /// Those of the system.
        pub fn new() -> io::Result<Signals> {
            let (sender, receiver) = channel();
            ctrlc::set_handler(move || drop(sender.send(()))).map_err(io::Error::other)?;
            Ok(Signals(receiver))
        }

        /// Waits for the next one.
        pub fn wait(&mut self) -> Option<Signal> {
            // STATUS_CONTROL_C_EXIT is what Windows itself would say.
            self.0.recv().ok().map(|()| Signal::Stop(0xc000_013a_u32 as i32))
        }
    }

    /// Windows has no such limit.
    pub fn raise_descriptor_limit(_: u64) {}

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
}
