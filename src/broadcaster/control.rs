//! What features may do on the broadcaster's thread, as the broadcaster does it.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cause::Cause;
use super::job::{Control, Job, QueueFull};
use super::timers::Timer;
use super::{Broadcaster, ROUND_BYTES};
use crate::chat::{Audience, Chat, Input, Refusal, ServerId, Timestamp};
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::tap::Purpose;

impl Control for Broadcaster {
    fn now(&self) -> Instant {
        self.now
    }

    fn is_open(&self, client: ClientId) -> bool {
        self.clients.table.get(client).is_some_and(|client| !client.closing.has_begun())
    }

    fn queued_bytes(&self, client: ClientId) -> Option<usize> {
        self.clients.table.get(client).map(|client| client.queued_bytes())
    }

    fn send(&mut self, client: ClientId, frames: Bytes) {
        if self.is_open(client) {
            self.clients.insert_one(client, frames);
        }
    }

    fn send_everyone(&mut self, json: &Bytes) {
        self.clients.everyone(json);
    }

    fn close(&mut self, client: ClientId, cause: Cause) {
        self.begin_closing(client, cause);
    }

    fn close_revoked(&mut self, feeds: bool) {
        let is_wanted = |purpose: Purpose| (purpose == Purpose::Feed) == feeds;
        for id in self.clients.table.open_ids(|client| is_wanted(client.purpose)) {
            let client = self.clients.table.get(id);
            if let Some(reason) = client.and_then(|client| client.admission.revoked().cloned()) {
                self.begin_closing(id, Cause::Server(reason));
            }
        }
    }

    fn close_members(&mut self, reason: &CloseReason) {
        for id in self.clients.table.open_ids(|client| client.purpose == Purpose::Chat) {
            self.begin_closing(id, Cause::Server(reason.clone()));
        }
    }

    fn set_welcome_field(&mut self, client: ClientId, field: (&'static str, String)) {
        if let Some(client) = self.clients.table.get_open(client) {
            client.welcome_field = Some(field);
        }
    }

    fn lacks_admission(&self, client: ClientId) -> bool {
        self.clients.table.get(client).is_some_and(|client| client.admission.is_missing)
    }

    fn later(&mut self, wait: Duration, job: Job) {
        self.timers.set(self.now + wait, Timer::Run(job));
    }

    fn refuse(&mut self, client: ClientId, refusal: &Refusal) {
        Broadcaster::refuse(self, client, refusal);
    }

    fn submit(&mut self, input: Input) -> Result<(), QueueFull> {
        Broadcaster::submit(self, input)
    }

    fn apply(&mut self, input: Input, timestamp: Timestamp) {
        self.timestamp = timestamp;
        Broadcaster::apply(self, input);
        // The order may apply many inputs in one round.
        if self.clients.round_bytes() >= ROUND_BYTES {
            self.write_rounds();
        }
    }

    fn chat(&mut self) -> &mut Chat {
        &mut self.chat
    }

    fn server(&self) -> ServerId {
        self.clients.server
    }

    fn set_server(&mut self, server: ServerId) {
        self.clients.server = server;
    }

    fn is_shutting_down(&self) -> bool {
        self.shut_down.is_some()
    }
}
