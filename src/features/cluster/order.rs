//! The broadcaster's side of the cluster: inputs go out as proposals and come back in the stream's order, the same on all servers.
//!
//! The broadcaster calls it on its own thread, through the joint [`Order`]. Must never wait, except in `ended`. Must never apply an
//! input before it was read back: the servers' chats would become different.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use log::{info, warn};
use serde::Serialize;

use super::entry::{Entry, Snapshot};
use super::news::News;
use super::replica::Replica;
use crate::broadcaster::{Control, Order, QueueFull};
use crate::chat::{Command, Input, ServerId, Time};
use crate::close_code::{self, CloseReason};

/// How long the last proposals may take to reach Redis.
const LAST_PROPOSALS: Duration = Duration::from_secs(1);

/// How soon to check again whether a proposed tick was read back.
const CHECK_TICK_AFTER: Duration = Duration::from_millis(250);

const REJOIN: CloseReason = CloseReason::new(
    close_code::LOST_TOUCH,
    "rejoin: this server lost touch with the others: join again, nothing is lost",
);
const NEW_CHAT: CloseReason =
    CloseReason::new(close_code::LOST_TOUCH, "new_chat: a new chat begins, without the earlier messages");
/// How members leave whose server was declared gone.
const SERVER_SILENT: CloseReason = CloseReason::new(close_code::ABNORMAL, "");

pub struct ClusterOrder {
    replica: Replica,
    news: Receiver<News>,
    /// Redis is lost. Also read by `/health`.
    is_lost: Arc<AtomicBool>,
}

/// Sent to clients: whether this server is connected to the others. Not an event of the chat: it has no id and is not in the history.
/// The protocol calls it `backplane`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "backplane")]
struct ClusterEvent {
    connected: bool,
}

impl ClusterOrder {
    pub fn new(replica: Replica, news: Receiver<News>, is_lost: Arc<AtomicBool>) -> ClusterOrder {
        ClusterOrder { replica, news, is_lost }
    }

    fn set_lost(&mut self, is_lost: bool, control: &mut dyn Control) {
        self.is_lost.store(is_lost, Ordering::Relaxed);
        let json = serde_json::to_vec(&ClusterEvent { connected: !is_lost });
        control.send_everyone(&Bytes::from(json.expect("invariant: plain fields have a JSON")));
    }

    /// Continues with the chat of a snapshot. Members of an earlier chat must join again.
    fn begin(&mut self, snapshot: Snapshot, control: &mut dyn Control) {
        let had_another = self.replica.begin(&snapshot);
        info!("shares the chat {} with other servers", snapshot.chat.epoch());
        if had_another {
            let is_same_run = control.chat().epoch() == snapshot.chat.epoch();
            let reason = if is_same_run { REJOIN } else { NEW_CHAT };
            control.close_members(&reason);
        }
        *control.chat() = snapshot.chat;
        control.set_server(self.replica.server());
    }

    /// Applies the next entry, as all other servers do.
    fn apply(&mut self, entry: Entry, control: &mut dyn Control) {
        if !self.replica.accept(&entry, control.now()) {
            return;
        }
        let (server, timestamp) = (entry.server, entry.timestamp());
        let gone = match &entry.input {
            Input::ServerGone { server, .. } => Some(*server),
            _ => None,
        };
        control.apply(entry.input, timestamp);
        if gone == Some(self.replica.server()) && !control.is_shutting_down() {
            self.restart_as_new_server(control);
        }
        self.replica.write_snapshot_if_due(control.chat(), server);
    }

    /// The other servers declared this one gone, so its members have left the chat. They must join again, under a new server id.
    fn restart_as_new_server(&mut self, control: &mut dyn Control) {
        warn!("the other servers declared this one gone: all its members have to join again");
        self.replica.begin_as_new_server(control.chat().epoch());
        control.close_members(&REJOIN);
        control.set_server(self.replica.server());
    }

    /// Announces that a server is silent. A server never announces this about itself.
    fn declare_gone(&mut self, server: ServerId) {
        if server != self.replica.server() {
            info!("another server is silent: its members are announced as gone");
            self.propose_gone(server, SERVER_SILENT);
        }
    }

    fn propose_gone(&mut self, server: ServerId, how: CloseReason) {
        let gone = Input::ServerGone { server, how };
        self.replica.propose(&gone).expect("invariant: a server's end is always accepted");
    }
}

impl Order for ClusterOrder {
    fn server(&self) -> ServerId {
        self.replica.server()
    }

    fn submit(&mut self, input: &Input) -> Result<(), QueueFull> {
        // Typing is dropped: after the loss of Redis it is too old.
        let is_typing = matches!(input, Input::Command { command: Command::Typing, .. });
        if is_typing && self.is_lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.replica.propose(input)
    }

    fn next_due(&self, due: Time, now: Instant) -> Option<Instant> {
        let due = self.replica.instant(due)?;
        // If it is due already, a tick was proposed, perhaps too early by Redis's clock. Then check again.
        Some(if due > now { due } else { now + CHECK_TICK_AFTER })
    }

    fn tick(&mut self, due: Option<Time>, now: Instant) {
        self.replica.tick(due, now);
    }

    fn take_news(&mut self, control: &mut dyn Control) {
        let news = self.news.try_recv().expect("invariant: the news are sent before the wake-up");
        match news {
            News::Lost => self.set_lost(true, control),
            News::Back => self.set_lost(false, control),
            News::Snapshot(snapshot) => self.begin(*snapshot, control),
            News::Entries(entries, credit) => {
                for entry in entries {
                    self.apply(entry, control);
                }
                drop(credit);
            }
            News::Silent(server) => self.declare_gone(server),
        }
    }

    fn shut_down(&mut self) {
        self.propose_gone(self.replica.server(), CloseReason::SHUTTING_DOWN);
    }

    fn ended(&self) {
        // The writer disconnects the channel when it has finished. A time-out is also an end.
        let _ = self.replica.finish().recv_timeout(LAST_PROPOSALS);
    }
}

#[cfg(test)]
mod tests;
