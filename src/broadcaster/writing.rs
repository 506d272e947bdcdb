//! How a round is written to the sockets, and what happens to a client that does not accept it.
//!
//! The second half of the broadcaster's work, on its thread. Must never wait for a client: one whose kernel buffer is full is
//! tried again later (`retry`), and cut off when that goes on for too long or its send queue is full.

use std::io;
use std::time::Instant;

use log::info;

use super::Broadcaster;
use super::cause::Cause;
use super::client::Client;
use super::round::Round;
use super::timers::{Timer, Timers};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};

const QUEUE_FULL: CloseReason =
    CloseReason::new(close_code::SLOW_READER, "slow_reader: you read too slowly: your send queue is full");
/// Why a client cannot be written to.
pub(super) enum WriteFailure {
    /// In the system's words.
    TcpFailed(io::Error),
    TooSlow(CloseReason),
}

impl Broadcaster {
    /// Writes the round to every client that gets something of it. A client that cannot be written to begins to close here: its
    /// leave is announced in the next round, at once.
    pub(super) fn write_rounds(&mut self) {
        while !self.clients.round_is_empty() {
            // Before the round: when a client learns of a change, `/health` has it, too.
            self.counters.count(&self.chat);
            let round = self.clients.finish_round();
            let mut failures = Vec::new();
            let Self { clients, timers, now, settings, .. } = self;
            let mut write_client = |client: &mut Client| {
                if let Err(failure) = write(client, &round, settings.send_queue, *now, timers) {
                    failures.push((client.id, failure));
                }
            };
            if round.batch.is_empty() {
                for id in &round.touched {
                    clients.table.get_mut(*id).map(&mut write_client);
                }
            } else {
                clients.table.iter_mut().for_each(write_client);
            }
            for (id, failure) in failures {
                self.cut_off(id, failure);
            }
            for id in round.touched {
                self.remove_if_over(id);
            }
        }
    }

    /// The client cannot be written to.
    pub(super) fn cut_off(&mut self, id: ClientId, failure: WriteFailure) {
        let client = self.clients.table.get_mut(id).expect("invariant: it was written to just now");
        match failure {
            // The connection's thread reports how it ended: a close frame may have come before the failure.
            WriteFailure::TcpFailed(error) => {
                info!("{id}: cannot be written to: {error}");
                client.tcp_failed();
            }
            WriteFailure::TooSlow(_) if client.closing.has_begun() => {}
            WriteFailure::TooSlow(reason) => {
                client.drop_queue();
                self.begin_closing(id, Cause::Server(reason));
            }
        }
    }
}

/// Queues the round for one client and sends what the kernel accepts.
fn write(
    client: &mut Client,
    round: &Round,
    send_queue: usize,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), WriteFailure> {
    let is_full = |client: &Client| {
        client.blocked.is_some() && client.queued_bytes() >= send_queue && !client.closing.has_begun()
    };
    // Checked before the round is queued, so that one long message cannot fill an empty queue; and only after another try to send,
    // since the last one may be long ago.
    if is_full(client) {
        send_and_set_retry(client, now, timers)?;
        if is_full(client) {
            return Err(WriteFailure::TooSlow(QUEUE_FULL));
        }
    }
    client.queue(&round.batch, round.events);
    if client.blocked.is_some() { Ok(()) } else { send_and_set_retry(client, now, timers) }
}

pub(super) fn send_and_set_retry(
    client: &mut Client,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), WriteFailure> {
    if let Some(retry) = client.send_now(now).map_err(WriteFailure::TcpFailed)? {
        timers.set(retry, Timer::Retry(client.id));
    }
    Ok(())
}
