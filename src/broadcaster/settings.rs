//! The broadcaster's settings, and what it counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::chat::Chat;

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Bytes that may wait for one client before the next round (`--backlog`); the round itself comes on top.
    pub send_queue: usize,
    /// How long a client may take for a first message that has to say who it is (`--handshake-timeout`).
    pub first_message: Duration,
}

/// Numbers for `/health`; written by the broadcaster alone.
#[derive(Debug, Default)]
pub struct Counters {
    /// Members of the chat.
    pub members: AtomicUsize,
    /// Messages since the start.
    pub messages: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, chat: &Chat) {
        self.members.store(chat.count(), Ordering::Relaxed);
        self.messages.store(chat.messages(), Ordering::Relaxed);
    }
}
