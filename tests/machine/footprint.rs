//! The resources of a server: threads, descriptors, memory. Checks that all are freed again.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, Server};

/// What the allocator keeps for the next time, in KiB, beside half of what was in use at the peak: glibc has an arena for
/// every few threads (eight a core), gives back none that is in pieces, and keeps 40 MiB of stacks. A leak would show in the
/// peak of a second storm.
const KEPT_BY_MALLOC: u64 = 8 * 1024;

/// What the chat itself keeps of what was said, 6 MiB with the notices, and what the allocator makes of it.
const PAST: u64 = 9 * 1024;

#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    pub threads: u64,
    pub descriptors: usize,
    /// In KiB.
    pub memory: u64,
}

impl Footprint {
    pub fn of(server: &Server) -> Footprint {
        Footprint {
            threads: server.status("Threads"),
            descriptors: descriptors(server),
            memory: server.status("VmRSS"),
        }
    }

    /// The same, and resets the peak of memory.
    pub fn before(server: &Server) -> Footprint {
        let reset = format!("/proc/{}/clear_refs", server.process());
        fs::write(reset, "5").expect("the peak of one's own child can be reset");
        Footprint::of(server)
    }

    /// KiB above this at the peak since then.
    pub fn peak(&self, server: &Server) -> u64 {
        server.status("VmHWM").saturating_sub(self.memory)
    }

    /// Waits until all is as it was: threads and descriptors to the last one, memory but for what is kept.
    #[track_caller]
    pub fn is_back(&self, server: &Server) {
        let deadline = Instant::now() + PATIENCE;
        let kept = self.memory + self.peak(server) / 2 + KEPT_BY_MALLOC + PAST;
        loop {
            let now = Footprint::of(server);
            let is_same = (now.threads, now.descriptors) == (self.threads, self.descriptors);
            if is_same && now.memory < kept {
                return;
            }
            assert!(Instant::now() < deadline, "not as before: {now:?}, once {self:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Open descriptors of the server.
pub fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.process())).expect("the server is there").count()
}
