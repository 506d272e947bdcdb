//! Sharing the chat with other servers: what the broadcaster does with news of the backplane.
//!
//! On the broadcaster's thread. In a chat of one process nothing of this happens.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::{info, warn};

use super::closing::Cause;
use super::{Broadcaster, SHUTTING_DOWN};
use crate::backplane::{News, Ordered, Snapshot};
use crate::chat::{Audience, Event, Input, Moment, ServerId};
use crate::close::{self, CloseReason};
use crate::wire::Purpose;

/// How long the last words may take to reach Redis.
const FAREWELL: Duration = Duration::from_secs(1);

/// How soon to look again whether what is due has been done.
const RETICK: Duration = Duration::from_millis(250);

const GIVEN_UP: CloseReason = CloseReason::new(
    close::OUT_OF_TOUCH,
    "this server had lost touch with the others: come back, nothing is lost",
);
const ANEW: CloseReason =
    CloseReason::new(close::OUT_OF_TOUCH, "the chat begins anew, without what was said before");
/// How the others hear of people whose server is gone.
const SERVER_GONE: CloseReason = CloseReason::new(close::ABNORMAL, "");

impl Broadcaster {
    /// When the chat has something to do by itself.
    pub(super) fn chat_due(&self) -> Option<Instant> {
        let due = self.chat.due()?;
        match &self.order {
            // What is due already has been asked for: it is looked after now and then, should that have been too early.
            Some(order) => {
                let due = order.instant(due)?;
                Some(if due > self.now { due } else { self.now + RETICK })
            }
            None => Some(self.clock.instant(due)),
        }
    }

    /// What is due in the chat.
    pub(super) fn tick(&mut self) {
        let (due, now) = (self.chat.due(), self.now);
        match &mut self.order {
            Some(order) => order.tick(due, now),
            None => self.take_input(Input::Tick),
        }
    }

    pub(super) fn heard_of_the_others(&mut self, news: News) {
        match news {
            News::Lost => self.set_lost(true),
            News::Back => self.set_lost(false),
            News::Begin(snapshot) => self.begin_chat(*snapshot),
            News::Next(ordered, credit) => {
                for ordered in ordered {
                    self.take_ordered(ordered);
                    if self.clients.round_bytes() >= super::ROUND_BYTES {
                        self.write_rounds();
                    }
                }
                drop(credit);
            }
            News::Silent(server) => self.give_up_server(server),
        }
    }

    /// Tells everybody here whether the others hear them now.
    fn set_lost(&mut self, is_lost: bool) {
        if self.order.is_none() {
            return;
        }
        self.counters.out_of_touch.store(is_lost, Ordering::Relaxed);
        self.clients.everyone(&Event::Backplane { connected: !is_lost }.json());
    }

    /// A chat to go on with. Whoever was in another has to come in anew.
    fn begin_chat(&mut self, snapshot: Snapshot) {
        let Some(order) = &mut self.order else { return };
        let was_another = order.begin(&snapshot, snapshot.chat.epoch());
        info!("shares the chat {} with other servers", snapshot.chat.epoch());
        if was_another {
            let is_same_run = self.chat.epoch() == snapshot.chat.epoch();
            let reason = if is_same_run { GIVEN_UP } else { ANEW };
            self.close_members(&reason);
        }
        self.chat = snapshot.chat;
        self.take_new_name();
    }

    /// The next thing that happened somewhere.
    fn take_ordered(&mut self, ordered: Ordered) {
        let Some(order) = &mut self.order else { return };
        if !order.counts(&ordered, self.now) {
            return;
        }
        let wall_clock = SystemTime::UNIX_EPOCH + Duration::from_millis(ordered.time.0);
        self.moment = Moment::new(ordered.time, wall_clock);
        let (server, mut input) = (ordered.server, ordered.input);
        if let Input::Entered { link, entrance, .. } = &mut input
            && link.server == self.clients.server
            && let Some(client) = self.clients.get_mut(link.client)
        {
            // It stayed here: nobody else needs it.
            entrance.wire.clone_from(&client.opening.key);
        }
        if let Input::SignedOut(account) = &input
            && server != self.clients.server
        {
            self.signed_out_elsewhere(account);
        }
        if let Input::AccountsGone(accounts) = &input {
            // This server may not have read the list anew yet.
            for account in accounts {
                self.signed_out_elsewhere(account);
            }
        }
        let gone = match &input {
            Input::ServerGone { server, .. } => Some(*server),
            _ => None,
        };
        self.take_input(input);
        self.close_those_who_must_go();
        if gone == Some(self.clients.server) && self.shut_down.is_none() {
            warn!("the other servers have given this one up: everybody has to come in again");
            if let Some(order) = &mut self.order {
                order.begin_again(self.chat.epoch());
            }
            self.close_members(&GIVEN_UP);
            self.take_new_name();
        }
        if let Some(order) = &mut self.order {
            order.keep(&self.chat, server);
        }
    }

    /// Closes all who are in the chat, or wait to come in; the chat itself need not be told.
    fn close_members(&mut self, reason: &CloseReason) {
        for id in self.clients.ids() {
            let is_member = |purpose: Purpose| purpose == Purpose::Chat;
            let is_member =
                self.clients.get_mut(id).is_some_and(|client| is_member(client.opening.purpose));
            if is_member && self.is_open(id) {
                self.begin_closing(id, Cause::Server(reason.clone()));
            }
        }
    }

    fn take_new_name(&mut self) {
        if let Some(order) = &self.order {
            self.clients.server = order.me;
        }
    }

    /// A server is silent. If it is this one itself, the others will say so.
    fn give_up_server(&mut self, server: ServerId) {
        if server != self.clients.server {
            info!("another server is silent: its people are announced as gone");
            let gone = Input::ServerGone { server, how: SERVER_GONE };
            let _ = self.happen(gone);
        }
    }

    pub(super) fn say_goodbye_to_the_others(&mut self) {
        if let Some(order) = &mut self.order {
            let gone = Input::ServerGone { server: order.me, how: SHUTTING_DOWN };
            let _ = order.propose(&gone);
        }
    }

    /// The end of the thread, which may wait now.
    pub(super) fn leave_the_others(&self) {
        if let Some(order) = &self.order {
            let _ = order.bye().recv_timeout(FAREWELL);
        }
    }
}
