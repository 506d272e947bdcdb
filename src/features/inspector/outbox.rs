//! Collects events for the watchers and sends them to the broadcaster in batches.
//!
//! Owned by the inspector's thread; `deliver` runs on the broadcaster's. A watcher that reads too slowly misses events and gets their
//! number. Must never let a watcher's send queue grow until the broadcaster closes it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use crossbeam_channel::Sender;

use super::event::Event;
use crate::broadcaster::{Control, Incoming};
use crate::client_id::ClientId;
use crate::websocket::frame::put_text_frame;

/// Bytes that may wait for a watcher; beyond it, events are left out. At most half of a client's send queue: a full one would
/// close the connection.
const WATCHER_QUEUE: usize = 256 * 1024;

/// A batch is sent at this size, or when no more notes wait.
const BATCH_BYTES: usize = 32 * 1024;

/// A watcher that gets a connection's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    pub watcher: ClientId,
    /// It has the teacher's key: private text of other users is hidden from it.
    pub watches_everyone: bool,
}

pub struct Outbox {
    to_broadcaster: Sender<Incoming>,
    /// Bytes that may wait for one watcher.
    queue_limit: usize,
    batches: HashMap<ClientId, Batch>,
    /// Bytes in all batches.
    bytes: usize,
    /// The broadcaster has ended.
    is_closed: bool,
}

/// The events that one watcher gets next.
#[derive(Default)]
struct Batch {
    frames: BytesMut,
    events: u64,
    /// Found out on the broadcaster's thread.
    delivery: Arc<Delivery>,
}

#[derive(Default)]
struct Delivery {
    /// Events that were left out since the last that was sent.
    left_out: AtomicU64,
    /// The watcher is closing, or gone.
    is_over: AtomicBool,
}

impl Outbox {
    /// `send_queue`: the limit of every client's send queue in bytes.
    pub fn new(to_broadcaster: Sender<Incoming>, send_queue: usize) -> Outbox {
        let queue_limit = WATCHER_QUEUE.min(send_queue / 2);
        Outbox { to_broadcaster, queue_limit, batches: HashMap::new(), bytes: 0, is_closed: false }
    }

    pub fn add_watcher(&mut self, watcher: ClientId) {
        self.batches.insert(watcher, Batch::default());
    }

    pub fn remove_watcher(&mut self, watcher: ClientId) {
        self.batches.remove(&watcher);
    }

    /// Adds an event for these watchers.
    pub fn add<'a>(&mut self, recipients: impl IntoIterator<Item = &'a Recipient>, event: &Event<'_>) {
        let mut json = None;
        for recipient in recipients {
            let Some(batch) = self.batches.get_mut(&recipient.watcher) else { continue };
            let json = json.get_or_insert_with(|| event.json());
            put_text_frame(json, &mut batch.frames);
            batch.events += event.weight();
            self.bytes += json.len();
        }
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    /// Sends all batches. Returns whether the broadcaster still runs.
    pub fn send(&mut self) -> bool {
        self.bytes = 0;
        let watchers: Vec<ClientId> =
            self.batches.iter().filter(|(_, batch)| batch.events > 0).map(|(watcher, _)| *watcher).collect();
        watchers.into_iter().for_each(|watcher| self.deliver(watcher));
        !self.is_closed
    }

    /// Sends the number of lost events to the watchers that can take it now, and finds out which watchers are over.
    pub fn check(&mut self) {
        let watchers: Vec<ClientId> = self.batches.keys().copied().collect();
        watchers.into_iter().for_each(|watcher| self.deliver(watcher));
    }

    /// Watchers that are over, as far as it was found out.
    pub fn over(&self) -> Vec<ClientId> {
        let is_over = |batch: &Batch| batch.delivery.is_over.load(Ordering::Relaxed);
        self.batches.iter().filter(|(_, batch)| is_over(batch)).map(|(watcher, _)| *watcher).collect()
    }

    fn deliver(&mut self, watcher: ClientId) {
        let queue_limit = self.queue_limit;
        let Some(batch) = self.batches.get_mut(&watcher) else { return };
        let frames = batch.frames.split().freeze();
        let (events, delivery) = (std::mem::take(&mut batch.events), Arc::clone(&batch.delivery));
        self.run(move |control| deliver(control, watcher, queue_limit, frames, events, &delivery));
    }

    /// Sends a job to the broadcaster's thread.
    pub fn run(&mut self, job: impl FnOnce(&mut dyn Control) + Send + 'static) {
        self.is_closed |= self.to_broadcaster.send(Incoming::Run(Box::new(job))).is_err();
    }
}

/// Sends events to a watcher, unless it reads too slowly. Runs on the broadcaster's thread.
fn deliver(
    control: &mut dyn Control,
    watcher: ClientId,
    queue_limit: usize,
    frames: Bytes,
    events: u64,
    delivery: &Delivery,
) {
    if !control.is_open(watcher) {
        return delivery.is_over.store(true, Ordering::Relaxed);
    }
    let left_out = &delivery.left_out;
    if control.queued_bytes(watcher).is_some_and(|waiting| waiting > queue_limit) {
        left_out.fetch_add(events, Ordering::Relaxed);
        return;
    }
    let count = left_out.swap(0, Ordering::Relaxed);
    if count > 0 {
        let mut lost = BytesMut::new();
        put_text_frame(&Event::Lost { conn: None, count }.json(), &mut lost);
        control.send(watcher, lost.freeze());
    }
    if !frames.is_empty() {
        control.send(watcher, frames);
    }
}
