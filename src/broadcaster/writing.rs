//! How a round leaves for the sockets, and what happens to a client that does not accept it.
//!
//! The second half of the broadcaster's work, on its thread. Must never wait for a client: one whose kernel buffer is full is
//! tried again later, and cut off when that goes on for too long or its send queue is full.

use std::io;
use std::time::{Duration, Instant};

use log::{debug, info};

use super::Broadcaster;
use super::cause::Cause;
use super::client::Client;
use super::round::Round;
use super::timers::{Timer, Timers};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};

/// A client whose kernel buffer accepts no byte for this long, though bytes wait, is cut off.
const STALL: Duration = Duration::from_secs(20);

const QUEUE_FULL: CloseReason = CloseReason::new(
    close_code::SLOW_READER,
    "you read too slowly: more is waiting for you than may wait",
);
const STALLED: CloseReason = CloseReason::new(
    close_code::SLOW_READER,
    "you read nothing for too long while messages were waiting",
);

/// Why a client cannot be written to.
enum Trouble {
    /// In the system's words.
    TcpFailed(io::Error),
    TooSlow(CloseReason),
}

impl Broadcaster {
    /// Writes the round to every client that gets something of it. A client that cannot go on begins to close here, which the
    /// others are told at once, in a round of its own.
    pub(super) fn write_rounds(&mut self) {
        while !self.clients.round_is_empty() {
            // Before the round: when a client learns of a change, `/health` has it, too.
            self.counters.count(&self.chat);
            let round = self.clients.take_round();
            let mut troubles = Vec::new();
            let Self { clients, timers, now, settings, .. } = self;
            let mut write = |client: &mut Client| {
                if let Err(trouble) = write(client, &round, settings.send_queue, *now, timers) {
                    troubles.push((client.id, trouble));
                }
            };
            if round.batch.is_empty() {
                for id in &round.touched {
                    clients.table.get_mut(*id).map(&mut write);
                }
            } else {
                clients.table.iter_mut().for_each(write);
            }
            for (id, trouble) in troubles {
                self.cut_off(id, trouble);
            }
            for id in round.touched {
                self.remove_if_over(id);
            }
        }
    }

    /// The client cannot be written to.
    fn cut_off(&mut self, id: ClientId, trouble: Trouble) {
        let Some(client) = self.clients.table.get_mut(id) else { return };
        match trouble {
            // How it ends is for the connection's thread to say: a close frame may have come before the failure.
            Trouble::TcpFailed(error) => {
                info!("{id}: cannot be written to: {error}");
                client.tcp_failed();
            }
            Trouble::TooSlow(_) if client.closing.has_begun() => {}
            Trouble::TooSlow(reason) => {
                client.drop_queue();
                self.begin_closing(id, Cause::Server(reason));
            }
        }
    }

    pub(super) fn run_timers(&mut self) {
        while let Some((due, timer)) = self.timers.take_due(self.now) {
            match timer {
                Timer::Retry(id) => self.retry(id, due),
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

    /// Tries a client again whose kernel buffer was full.
    fn retry(&mut self, id: ClientId, due: Instant) {
        let now = self.now;
        // A retry that was set before another try is void.
        let is_due =
            |client: &&mut Client| client.blocked.is_some_and(|blocked| blocked.retry == due);
        let Some(client) = self.clients.table.get_mut(id).filter(is_due) else { return };
        let trouble = match send_now(client, now, &mut self.timers) {
            Err(trouble) => Some(trouble),
            // A closing has its own deadline.
            Ok(()) if client.closing.has_begun() => None,
            Ok(()) => client
                .blocked
                .filter(|blocked| blocked.stalled_for(now) >= STALL)
                .map(|_| Trouble::TooSlow(STALLED)),
        };
        if let Some(trouble) = trouble {
            self.cut_off(id, trouble);
        }
        self.remove_if_over(id);
    }
}

/// Queues the round for one client and lets its kernel accept what it will.
fn write(
    client: &mut Client,
    round: &Round,
    send_queue: usize,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), Trouble> {
    let is_full = |client: &Client| {
        client.blocked.is_some()
            && client.queued_bytes() >= send_queue
            && !client.closing.has_begun()
    };
    // Judged before the round is queued, so that no single message is too long for an empty queue; and not without another try,
    // as the last one may be long ago.
    if is_full(client) {
        send_now(client, now, timers)?;
        if is_full(client) {
            return Err(Trouble::TooSlow(QUEUE_FULL));
        }
    }
    client.queue(&round.batch, round.events);
    if client.blocked.is_some() { Ok(()) } else { send_now(client, now, timers) }
}

fn send_now(client: &mut Client, now: Instant, timers: &mut Timers) -> Result<(), Trouble> {
    if let Some(retry) = client.send_now(now).map_err(Trouble::TcpFailed)? {
        timers.set(retry, Timer::Retry(client.id));
    }
    Ok(())
}
