//! A captured connection: its handshake, stored for later watchers, and what its two taps share with the inspector.
//!
//! Created on the connection's thread, then shared with the broadcaster's and the inspector's. Must never contain a secret:
//! `new` hides them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use log::{Level, log_enabled};

use super::secrets;
use crate::chat::JoinRequest;
use crate::client_id::ClientId;
use crate::tap::{Opening, Purpose};
use crate::token::Token;
use crate::transport::Direction;
use crate::websocket::accept;

#[derive(Debug)]
pub struct Captured {
    /// How it began; the secrets in its heads are hidden.
    pub opening: Opening,
    /// When the request was answered.
    pub answered: Instant,
    /// `None`: it did not become a WebSocket.
    pub purpose: Option<Purpose>,
    /// The key that lets a client watch it.
    pub key: Option<Token>,
    /// Another key may come with the first message, which has the client's secrets in it.
    pub awaits_first_message: bool,
    /// Odd while the taps must report. Begins odd, until the inspector knows whether there is a watcher. Each start and each end
    /// of watching adds one, so a tap also notices an end and a start between two calls.
    watched: AtomicU32,
    /// Bytes that the kernel accepted.
    sent: AtomicU64,
    /// Frames that were left out because the inspector is too slow. Reset when the watchers get the count.
    lost: AtomicU64,
}

/// How `Sec-WebSocket-Accept` is computed from `Sec-WebSocket-Key`.
pub struct Proof {
    pub key: String,
    /// SHA-1 of the key and the GUID of RFC 6455.
    pub digest: Vec<u8>,
    pub accept: String,
}

impl Captured {
    /// Hides the secrets of the two heads.
    pub fn new(mut opening: Opening, purpose: Option<Purpose>, key: Option<Token>) -> Captured {
        let awaits_first_message =
            purpose == Some(Purpose::Chat) && JoinRequest::is_in_message(&opening.query);
        secrets::hide_in_head(&mut opening.request);
        secrets::hide_lengths(&mut opening.request);
        // The body behind it is a sentence of our own.
        let head = opening.response.windows(4).position(|end| end == b"\r\n\r\n");
        let head = head.map_or(opening.response.len(), |head| head + 4);
        secrets::hide_in_head(&mut opening.response[..head]);
        // Kept for as long as the connection. The query is in the request, too, with its secrets hidden there.
        opening.request.shrink_to_fit();
        opening.response.shrink_to_fit();
        opening.query = String::new();
        Captured {
            opening,
            answered: Instant::now(),
            purpose,
            key,
            awaits_first_message,
            watched: AtomicU32::new(u32::from(purpose != Some(Purpose::Feed))),
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub fn client(&self) -> ClientId {
        self.opening.client
    }

    /// Another number for each time of watching; `None` while no watcher is there. One relaxed load for each read and write.
    pub fn watched(&self) -> Option<u32> {
        Some(self.watched.load(Ordering::Relaxed)).filter(|number| number % 2 == 1)
    }

    /// Called only on the inspector's thread.
    pub fn set_watched(&self, watched: bool) {
        if self.watched().is_some() != watched {
            self.watched.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the log shows its frames. Not those of a feed, which repeat the frames of other connections.
    pub fn is_logged(&self) -> bool {
        self.purpose != Some(Purpose::Feed) && log_enabled!(Level::Debug)
    }

    /// The beginning of the record that carried what was just read or sent, if the connection is encrypted.
    pub fn record(&self, direction: Direction) -> Option<Vec<u8>> {
        self.opening.encryption.as_ref().map(|encryption| encryption.last_record(direction))
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn set_sent(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }

    /// Counts frames that were left out.
    pub fn lose(&self, frames: u64) {
        self.lost.fetch_add(frames, Ordering::Relaxed);
    }

    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// Memory of its heads in bytes.
    pub fn memory(&self) -> usize {
        self.opening.request.len() + self.opening.response.len()
    }

    /// The time since TCP was accepted.
    pub fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opening.accepted)
    }

    /// How the accept value was computed; `None` if this was no handshake.
    pub fn proof(&self) -> Option<Proof> {
        let key = header(&self.opening.request, "sec-websocket-key")?;
        let sent = header(&self.opening.response, "sec-websocket-accept")?;
        // Never show a computation that does not match the bytes on the wire.
        let digest = BASE64.decode(sent.as_bytes()).ok()?;
        (accept(&key) == sent).then_some(Proof { key, digest, accept: sent })
    }
}

/// The value of a header.
pub fn header(head: &[u8], wanted: &str) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests;
