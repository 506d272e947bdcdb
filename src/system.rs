//! What differs between operating systems, and nothing else does: sockets that are sent to without waiting, signals, the terminal, files
//! that only their owner may read, limits. Two faces of the same small interface: `system/unix.rs` (Linux, macOS, the BSDs) and
//! `system/windows.rs`.
//!
//! Sockets are used on the connections' threads and the broadcaster's; all else at the start, by `main` and the features.

use std::hint::black_box;

use log::warn;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

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
