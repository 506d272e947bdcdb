//! What the broadcaster does when a timer is due: sends again to a client whose kernel buffer was full, ends a closing,
//! closes a client whose first message did not come, calls a feature's job.
//!
//! On the broadcaster's thread; must never wait.

use std::time::{Duration, Instant};

use log::debug;

use super::Broadcaster;
use super::cause::Cause;
use super::client::Client;
use super::timers::Timer;
use super::writing::{WriteFailure, send_and_set_retry};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};

/// A client whose kernel buffer accepts no byte for this long, though bytes wait, is cut off.
const STALL: Duration = Duration::from_secs(20);

const STALLED: CloseReason = CloseReason::new(
    close_code::SLOW_READER,
    "stalled: you read nothing for too long while messages were waiting",
);

const NO_FIRST_MESSAGE: CloseReason = CloseReason::new(
    close_code::POLICY_VIOLATION,
    "no_first_message: your first message did not come in time",
);

impl Broadcaster {
    pub(super) fn run_timers(&mut self) {
        while let Some((due, timer)) = self.timers.take_due(self.now) {
            match timer {
                Timer::Retry(id) => self.retry(id, due),
                Timer::FirstMessage(id) => {
                    if self.clients.table.get_open(id).is_some_and(|client| !client.is_introduced) {
                        self.begin_closing(id, Cause::Server(NO_FIRST_MESSAGE));
                    }
                }
                Timer::EndClosing(id) => {
                    if let Some(client) = self.clients.table.get_mut(id) {
                        debug!("{id}: the deadline of the closing has passed");
                        client.force_close();
                        self.remove_if_over(id);
                    }
                }
                Timer::Run(job) => job(self),
            }
        }
    }

    /// Sends again to a client whose kernel buffer was full.
    fn retry(&mut self, id: ClientId, due: Instant) {
        let now = self.now;
        // A retry does not count if another try was made after it was set.
        let is_due = |client: &&mut Client| client.blocked.is_some_and(|blocked| blocked.retry == due);
        let Some(client) = self.clients.table.get_mut(id).filter(is_due) else { return };
        let failure = match send_and_set_retry(client, now, &mut self.timers) {
            Err(failure) => Some(failure),
            // A closing has its own deadline.
            Ok(()) if client.closing.has_begun() => None,
            Ok(()) => client
                .blocked
                .filter(|blocked| blocked.stalled_for(now) >= STALL)
                .map(|_| WriteFailure::TooSlow(STALLED)),
        };
        if let Some(failure) = failure {
            self.cut_off(id, failure);
        }
        self.remove_if_over(id);
    }
}
