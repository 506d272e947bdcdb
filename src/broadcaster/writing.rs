//! How a round leaves for the sockets, and what happens to a client that does not accept it.
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
    CloseReason::new(close_code::SLOW_READER, "you read too slowly: more is waiting for you than may wait");
/// Why a client cannot be written to.
pub(super) enum Trouble {
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
            let round = self.clients.finish_round();
            let mut troubles = Vec::new();
            let Self { clients, timers, now, settings, .. } = self;
            let mut write_client = |client: &mut Client| {
                if let Err(trouble) = write(client, &round, settings.send_queue, *now, timers) {
                    troubles.push((client.id, trouble));
                }
            };
            if round.batch.is_empty() {
                for id in &round.touched {
                    clients.table.get_mut(*id).map(&mut write_client);
                }
            } else {
                clients.table.iter_mut().for_each(write_client);
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
    pub(super) fn cut_off(&mut self, id: ClientId, trouble: Trouble) {
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
        client.blocked.is_some() && client.queued_bytes() >= send_queue && !client.closing.has_begun()
    };
    // Judged before the round is queued, so that no single message is too long for an empty queue; and not without another try,
    // as the last one may be long ago.
    if is_full(client) {
        send_and_set_retry(client, now, timers)?;
        if is_full(client) {
            return Err(Trouble::TooSlow(QUEUE_FULL));
        }
    }
    client.queue(&round.batch, round.events);
    if client.blocked.is_some() { Ok(()) } else { send_and_set_retry(client, now, timers) }
}

pub(super) fn send_and_set_retry(
    client: &mut Client,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), Trouble> {
    if let Some(retry) = client.send_now(now).map_err(Trouble::TcpFailed)? {
        timers.set(retry, Timer::Retry(client.id));
    }
    Ok(())
}
