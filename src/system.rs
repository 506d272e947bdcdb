//! What the server needs from the operating system: signals, open files, threads, memory.
//!
//! Called by `main` before anything is served, and by the accept threads.

use std::fs;
use std::hint::black_box;
use std::process::{Command, Stdio};

use log::warn;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Bytes of address space that must be free when a connection comes. Where the system sets a limit (`ulimit -v`), a failed
/// allocation would end the whole program.
const SPARE_MEMORY: usize = 64 << 20;

/// Bytes of stacks that glibc keeps, at most.
const KEPT_STACKS: usize = 40 << 20;

/// A closed terminal sends this signal, perhaps twice.
pub const HANGUP: i32 = SIGHUP;

/// Ctrl-C, a service manager's request to stop, and a closed terminal; but under nohup that one is ignored.
pub fn signals_to_handle() -> Vec<i32> {
    let ignored = fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    let is_hangup_ignored =
        ignored.map_or_else(is_hangup_ignored_by_children, |mask| mask & (1 << (SIGHUP - 1)) != 0);
    let hangup = (!is_hangup_ignored).then_some(SIGHUP);
    [SIGINT, SIGTERM].into_iter().chain(hangup).collect()
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
