//! Events on their way to watchers: gathered on the inspector's thread, handed to the broadcaster, and left out for a watcher
//! that reads too slowly, which is told how many.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use crossbeam_channel::Sender;

use super::event::Event;
use crate::broadcaster::{Control, Incoming};
use crate::client_id::ClientId;
use crate::websocket::frame::put_text_frame;

/// Bytes that may wait for a watcher; more events are left out. Never more than half of what may wait for any client, else it
/// would be cut off for watching.
const WATCHER_QUEUE: usize = 256 * 1024;

/// Events are handed on when they have this many bytes, or nothing more is there.
const BATCH_BYTES: usize = 32 * 1024;

/// Who gets events, and how much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    pub watcher: ClientId,
    /// Watches everyone, so that private text is hidden.
    pub everyone: bool,
}

pub struct Outbox {
    to_broadcaster: Sender<Incoming>,
    /// Bytes that may wait for one watcher.
    queue: usize,
    batches: HashMap<ClientId, Batch>,
    /// Bytes of all batches.
    bytes: usize,
    /// The broadcaster has ended.
    is_closed: bool,
}

/// What is to be sent to one watcher next.
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
    /// `send_queue` in bytes: what may wait for any client.
    pub fn new(to_broadcaster: Sender<Incoming>, send_queue: usize) -> Outbox {
        let queue = WATCHER_QUEUE.min(send_queue / 2);
        Outbox { to_broadcaster, queue, batches: HashMap::new(), bytes: 0, is_closed: false }
    }

    pub fn begin(&mut self, watcher: ClientId) {
        self.batches.insert(watcher, Batch::default());
    }

    pub fn end(&mut self, watcher: ClientId) {
        self.batches.remove(&watcher);
    }

    /// One event for all of these watchers.
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

    /// Hands everything on. Returns whether the broadcaster is still there.
    pub fn send(&mut self) -> bool {
        self.bytes = 0;
        let watchers: Vec<ClientId> =
            self.batches.iter().filter(|(_, batch)| batch.events > 0).map(|(watcher, _)| *watcher).collect();
        watchers.into_iter().for_each(|watcher| self.deliver(watcher));
        !self.is_closed
    }

    /// Tells watchers that lost events so, if they can take it now, and finds out which of them are over.
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
        let queue = self.queue;
        let Some(batch) = self.batches.get_mut(&watcher) else { return };
        let frames = batch.frames.split().freeze();
        let (events, delivery) = (std::mem::take(&mut batch.events), Arc::clone(&batch.delivery));
        self.run(move |control| deliver(control, watcher, queue, frames, events, &delivery));
    }

    /// Has something done on the broadcaster's thread.
    pub fn run(&mut self, job: impl FnOnce(&mut dyn Control) + Send + 'static) {
        self.is_closed |= self.to_broadcaster.send(Incoming::Run(Box::new(job))).is_err();
    }
}

/// Events for a watcher, unless it reads too slowly. On the broadcaster's thread.
fn deliver(
    control: &mut dyn Control,
    watcher: ClientId,
    queue: usize,
    frames: Bytes,
    events: u64,
    delivery: &Delivery,
) {
    if !control.is_open(watcher) {
        return delivery.is_over.store(true, Ordering::Relaxed);
    }
    let left_out = &delivery.left_out;
    if control.queued_bytes(watcher).is_some_and(|waiting| waiting > queue) {
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
