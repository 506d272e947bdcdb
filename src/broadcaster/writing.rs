//! How a round leaves for the sockets, and what becomes of a client that does not take it.
//!
//! The second half of the broadcaster's work, on its thread. Must never wait for a client: whoever is full is tried
//! again later, and given up when that goes on for too long or too much has gathered.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log::{debug, info};

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
            let Self { clients, timers, now, backlog_bound, .. } = self;
            let mut write = |client: &mut Client| {
                if let Err(trouble) = write(client, &round, *backlog_bound, *now, timers) {
                    troubles.push((client.id, trouble));
                }
            };
            if round.frames.is_empty() {
                for id in &touched {
                    clients.get_mut(*id).map(&mut write);
                }
            } else {
                clients.iter_mut().for_each(write);
            }
            for (id, trouble) in troubles {
                self.give_up(id, trouble);
            }
            for id in touched {
                self.remove_if_over(id);
            }
        }
    }

    /// The client cannot be written to as it should.
    fn give_up(&mut self, id: ClientId, trouble: Trouble) {
        let Some(client) = self.clients.get_mut(id) else { return };
        match trouble {
            // How it ends is for the connection's thread to say: a close frame may lie unread behind the failure.
            Trouble::TcpFailed(error) => {
                info!("{id}: cannot be written to: {error}");
                client.tcp_failed();
            }
            Trouble::TooSlow(_) if client.closing.has_begun() => {}
            Trouble::TooSlow(reason) => {
                client.forget();
                self.begin_closing(id, Cause::Server(reason));
            }
        }
    }

    pub(super) fn run_timers(&mut self) {
        while let Some((due, timer)) = self.timers.take_due(self.now) {
            match timer {
                Timer::Retry(id) => self.retry(id, due),
                Timer::Push(id, number) => self.push(id, number),
                Timer::SignOut(id) => self.sign_out_watcher(id),
                Timer::TellLosses => self.tell_losses(),
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
    fn retry(&mut self, id: ClientId, due: Instant) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(id).filter(|client| client.retries_at(due)) else {
            return;
        };
        let trouble = match send_now(client, now, &mut self.timers) {
            Err(trouble) => Some(trouble),
            // A closing has its own deadline.
            Ok(()) if client.closing.has_begun() || client.stalled_for(now) < STALL => None,
            Ok(()) => Some(Trouble::TooSlow(STALLED)),
        };
        if let Some(trouble) = trouble {
            self.give_up(id, trouble);
        }
        self.remove_if_over(id);
    }
}

/// Why a client cannot be written to as it should.
enum Trouble {
    /// In the system's words.
    TcpFailed(io::Error),
    TooSlow(CloseReason),
}

/// Queues the round for one client and lets its kernel take what it will.
fn write(
    client: &mut Client,
    round: &Round,
    backlog_bound: usize,
    now: Instant,
    timers: &mut Timers,
) -> Result<(), Trouble> {
    let is_over = |client: &Client| {
        client.is_blocked() && client.waiting() >= backlog_bound && !client.closing.has_begun()
    };
    // Judged before the round is queued, so that no single message is too long for an empty backlog; and not without
    // another try, as the last one may be long ago.
    if is_over(client) {
        send_now(client, now, timers)?;
        if is_over(client) {
            return Err(Trouble::TooSlow(BACKLOG_FULL));
        }
    }
    client.queue(round);
    if client.is_blocked() { Ok(()) } else { send_now(client, now, timers) }
}

fn send_now(client: &mut Client, now: Instant, timers: &mut Timers) -> Result<(), Trouble> {
    if let Some(retry) = client.send_now(now).map_err(Trouble::TcpFailed)? {
        timers.set(retry, Timer::Retry(client.id));
    }
    Ok(())
}
