//! The broadcaster's side of the cluster: inputs go out as proposals, and come back in the stream's order, the same for all
//! servers.
//!
//! The broadcaster calls it, on its own thread, through the joint [`Order`]. Must never wait, except in `ended`, and never
//! apply an input that has not come back: the servers' chats would no longer be the same.

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

/// How soon to check again that a tick that is due has come back.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

const CUT_OFF: CloseReason = CloseReason::new(
    close_code::LOST_TOUCH,
    "this server had lost touch with the others: come back, nothing is lost",
);
const NEW_CHAT: CloseReason =
    CloseReason::new(close_code::LOST_TOUCH, "a new chat begins, without what was said before");
/// How the members of a server leave that was declared gone.
const SERVER_SILENT: CloseReason = CloseReason::new(close_code::ABNORMAL, "");
/// And those of one that ends in order.
const SHUTTING_DOWN: CloseReason = CloseReason::new(close_code::GOING_AWAY, "the server is shutting down");

pub struct ClusterOrder {
    replica: Replica,
    news: Receiver<News>,
    /// Redis is lost. `/health` reads it, too.
    is_lost: Arc<AtomicBool>,
}

/// Whether the server is in touch with the others. No event of the chat: it has no id and is not in the history. The word is
/// the protocol's.
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
        control.send_everyone(&Bytes::from(json.expect("invariant: a field has a JSON")));
    }

    /// The chat to go on with. Members of another have to join this one.
    fn begin(&mut self, snapshot: Snapshot, control: &mut dyn Control) {
        let had_another = self.replica.begin(&snapshot);
        info!("shares the chat {} with other servers", snapshot.chat.epoch());
        if had_another {
            let is_same_run = control.chat().epoch() == snapshot.chat.epoch();
            let reason = if is_same_run { CUT_OFF } else { NEW_CHAT };
            control.close_members(&reason);
        }
        *control.chat() = snapshot.chat;
        control.set_server(self.replica.server());
    }

    /// The next thing that happens, here and on all other servers.
    fn apply(&mut self, entry: Entry, control: &mut dyn Control) {
        if !self.replica.counts(&entry, control.now()) {
            return;
        }
        let (server, timestamp) = (entry.server, entry.timestamp());
        let gone = match &entry.input {
            Input::ServerGone { server, .. } => Some(*server),
            _ => None,
        };
        control.apply(entry.input, timestamp);
        if gone == Some(self.replica.server()) && !control.is_shutting_down() {
            self.cut_off(control);
        }
        self.replica.write_snapshot_if_due(control.chat(), server);
    }

    /// This server was silent for too long. Its members are no longer in the chat: they have to join again.
    fn cut_off(&mut self, control: &mut dyn Control) {
        warn!("the other servers have given this one up: all its members have to join again");
        self.replica.begin_as_new_server(control.chat().epoch());
        control.close_members(&CUT_OFF);
        control.set_server(self.replica.server());
    }

    /// Another server is silent. If it is this one, it is for the others to say so.
    fn declare_gone(&mut self, server: ServerId) {
        if server != self.replica.server() {
            info!("another server is silent: its members are announced as gone");
            self.propose_gone(server, SERVER_SILENT);
        }
    }

    fn propose_gone(&mut self, server: ServerId, how: CloseReason) {
        let gone = Input::ServerGone { server, how };
        self.replica.propose(&gone).expect("invariant: this is always accepted");
    }
}

impl Order for ClusterOrder {
    fn server(&self) -> ServerId {
        self.replica.server()
    }

    fn submit(&mut self, input: &Input) -> Result<(), QueueFull> {
        // That a member is typing is of no use later.
        let is_typing = matches!(input, Input::Command { command: Command::Typing, .. });
        if is_typing && self.is_lost.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.replica.propose(input)
    }

    fn next_due(&self, due: Time, now: Instant) -> Option<Instant> {
        let due = self.replica.instant(due)?;
        // What is due already was proposed. It may have been too early by Redis's clock.
        Some(if due > now { due } else { now + LOOK_AGAIN })
    }

    fn tick(&mut self, due: Option<Time>, now: Instant) {
        self.replica.tick(due, now);
    }

    fn take_news(&mut self, control: &mut dyn Control) {
        let news = self.news.try_recv().expect("invariant: the news are sent first");
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
        self.propose_gone(self.replica.server(), SHUTTING_DOWN);
    }

    fn ended(&self) {
        // Ends early when the writer is done.
        let _ = self.replica.finish().recv_timeout(LAST_PROPOSALS);
    }
}

#[cfg(test)]
mod tests;
