//! How a round leaves for the sockets, and what becomes of a client that does not take it.
//!
//! The second half of the broadcaster's work, on its thread. Must never wait for a client: whoever is full is tried
//! again later, and given up when that goes on for too long or too much has gathered.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log::debug;

use super::Broadcaster;
use super::batch::Round;
use super::client::Client;
use super::closing::Cause;
use super::timers::{Timer, Timers};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};

/// A client with a backlog that takes no byte for this long is cut off.
const STALL: Duration = Duration::from_secs(20);

const BACKLOG_FULL: CloseReason = CloseReason::new(
    close::SLOW_READER,
    "you read too slowly: more is waiting for you than may wait",
);
const STALLED: CloseReason = CloseReason::new(
    close::SLOW_READER,
    "you read nothing for too long while messages were waiting",
);

impl Broadcaster {
    /// Writes the round to every client that hears it. A client that cannot go on begins its closing here, which the
    /// others hear of at once, in a round of its own.
    pub(super) fn write_rounds(&mut self) {
        while !self.clients.round_is_empty() {
            // Set first, so that whoever hears of a change finds it in `/health`, too.
            self.counters.clients.store(self.chat.count(), Ordering::Relaxed);
            self.counters.messages.store(self.chat.messages(), Ordering::Relaxed);
            let (round, touched) = self.clients.take_round();
            let mut troubles = Vec::new();
            let Self { clients, timers, moment, backlog_bound, .. } = self;
            let mut write = |client: &mut Client| {
                if let Err(cause) = write(client, &round, *backlog_bound, moment.now, timers) {
                    troubles.push((client.id, cause));
                }
            };
            if round.frames.is_empty() {
                for id in &touched {
                    clients.get_mut(*id).map(&mut write);
                }
            } else {
                clients.iter_mut().for_each(write);
            }
            for (id, cause) in troubles {
                self.give_up(id, cause);
            }
            for id in touched {
                self.remove_if_over(id);
            }
        }
    }

    /// The client cannot be written to as it should.
    fn give_up(&mut self, id: ClientId, cause: Cause) {
        let Some(client) = self.clients.get_mut(id) else {
            return;
        };
        if let Cause::Cut(_) = cause {
            client.tcp_failed();
        } else {
            client.forget_backlog();
        }
        if !client.closing.has_begun() {
            self.begin_closing(id, cause);
        }
    }

    pub(super) fn run_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.moment.now) {
            match timer {
                Timer::Retry(id) => self.retry(id),
                Timer::EndClosing(id) => {
                    if let Some(client) = self.clients.get_mut(id) {
                        debug!("{id}: the deadline of the closing has passed");
                        client.abandon();
                        self.remove_if_over(id);
                    }
                }
            }
        }
    }

    /// Tries a client again whose kernel buffer was full.
    fn retry(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id).filter(|client| client.is_blocked()) else {
            return;
        };
        let trouble = match send_now(client, self.moment.now, &mut self.timers) {
            Err(cause) => Some(cause),
            Ok(()) if client.stalled_for(self.moment.now) >= STALL => Some(Cause::Server(STALLED)),
            Ok(()) => None,
        };
        if let Some(cause) = trouble {
            self.give_up(id, cause);
        }
        self.remove_if_over(id);
    }
}

/// Queues the round for one client and lets its kernel take what it will.
fn write(
    client: &mut Client,
    round: &Round,
    backlog_bound: usize,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), Cause> {
    // A round comes on top of the bound, so that no single message is too long for an empty backlog.
    let too_much = client.waiting() >= backlog_bound && !client.closing.has_begun();
    client.queue(round);
    match client.is_blocked() {
        true if too_much => Err(Cause::Server(BACKLOG_FULL)),
        true => Ok(()),
        false => send_now(client, now, timers),
    }
}

fn send_now(client: &mut Client, now: Instant, timers: &mut Timers) -> Result<(), Cause> {
    if let Some(retry) = client.send_now(now).map_err(Cause::Cut)? {
        timers.set(retry, Timer::Retry(client.id));
    }
    Ok(())
}
