//! A captured connection: how it began, kept for watchers that come later, and what its two taps share with the inspector.
//!
//! Made by the connection's thread, then shared by that thread, the broadcaster's and the inspector's. What in it is secret was
//! hidden before.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use log::{Level, log_enabled};

use super::secrets;
use crate::client_id::ClientId;
use crate::tap::{Opening, Purpose};
use crate::token::Token;
use crate::websocket::accept;

#[derive(Debug)]
pub struct Captured {
    /// How it began; the secrets in its heads are hidden.
    pub opening: Opening,
    /// When the request was answered.
    pub answered: Instant,
    /// `None`: it did not become a WebSocket.
    pub purpose: Option<Purpose>,
    /// What lets a client watch it.
    pub key: Option<Token>,
    /// Odd: it is watched, so the taps tell what they see. It is from the first byte on, until the inspector has decided. Each
    /// begin and end of watching adds one, so that a tap notices that it has to begin again.
    watched: AtomicU32,
    /// Bytes that were sent.
    sent: AtomicU64,
    /// Frames that were left out because the inspector is too slow, and that watchers have not been told of.
    lost: AtomicU64,
}

/// What `Sec-WebSocket-Accept` is made of.
pub struct Proof {
    pub key: String,
    /// SHA-1 of the key and the GUID of RFC 6455.
    pub digest: Vec<u8>,
    pub accept: String,
}

impl Captured {
    /// Hides the secrets of the two heads.
    pub fn new(mut opening: Opening, purpose: Option<Purpose>, key: Option<Token>) -> Captured {
        secrets::hide_in_head(&mut opening.request);
        secrets::hide_in_head(&mut opening.response);
        // Kept for as long as the connection. The query is in the request, too, with its secrets hidden there.
        opening.request.shrink_to_fit();
        opening.response.shrink_to_fit();
        opening.query = String::new();
        Captured {
            opening,
            answered: Instant::now(),
            purpose,
            key,
            watched: AtomicU32::new(u32::from(purpose != Some(Purpose::Feed))),
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub fn client(&self) -> ClientId {
        self.opening.client
    }

    /// Changes whenever watching begins or ends; `None` while it is not watched. One relaxed load, each time that bytes are read or
    /// sent.
    pub fn watched(&self) -> Option<u32> {
        Some(self.watched.load(Ordering::Relaxed)).filter(|number| number % 2 == 1)
    }

    /// By the inspector's thread alone.
    pub fn set_watched(&self, watched: bool) {
        if self.watched().is_some() != watched {
            self.watched.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its frames are drawn in the log. Not those of a feed: they are made of other connections' frames.
    pub fn is_logged(&self) -> bool {
        self.purpose != Some(Purpose::Feed) && log_enabled!(Level::Debug)
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn set_sent(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }

    pub fn lose(&self, frames: u64) {
        self.lost.fetch_add(frames, Ordering::Relaxed);
    }

    pub fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }

    /// Bytes of its heads.
    pub fn memory(&self) -> usize {
        self.opening.request.len() + self.opening.response.len()
    }

    /// Time since TCP was accepted.
    pub fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opening.accepted)
    }

    /// How the accept value is made, if this was a handshake.
    pub fn proof(&self) -> Option<Proof> {
        let key = header(&self.opening.request, "sec-websocket-key")?;
        let sent = header(&self.opening.response, "sec-websocket-accept")?;
        // What was sent must be what it is said to be made of.
        let digest = BASE64.decode(sent.as_bytes()).ok()?;
        (accept(&key) == sent).then_some(Proof { key, digest, accept: sent })
    }
}

/// A header's value in a head.
fn header(head: &[u8], wanted: &str) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests;
