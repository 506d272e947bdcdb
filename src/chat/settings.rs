//! What each server sets for itself, though several may share one chat; and the limits that a client has to keep to.
//!
//! Plain data, made from the flags. Not a part of a snapshot.

use serde::Serialize;

use super::door::Door;
use super::name::MAX_NAME;

/// Longest `ref` in bytes.
pub const MAX_REFERENCE: usize = 64;

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Messages of the past that a new member gets (`--history`).
    pub history: usize,
    /// Bytes that may wait for one client (`--backlog`).
    pub send_queue: usize,
    pub limits: Limits,
    /// What the connections' threads must know.
    pub door: Door,
}

/// What a `welcome` says of the server's limits, so that a page can keep to them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limits {
    /// Bytes of one message as it is sent: UTF-8, with its JSON if it is an object (`--max-message`).
    pub message: usize,
    /// Messages a second (`--rate`); 0 is no limit.
    pub rate: u32,
    /// Messages that may come at once.
    pub burst: u32,
    /// A message counts once more for each time that it has this many bytes.
    pub one_more_per: usize,
    /// Seconds after which the next heartbeat costs nothing.
    pub heartbeat: u32,
    /// Characters of a name.
    pub name: usize,
    /// Bytes of a `ref`.
    #[serde(rename = "ref")]
    pub reference: usize,
}

/// Without any limit that a flag sets.
impl Default for Limits {
    fn default() -> Self {
        let (name, reference) = (MAX_NAME, MAX_REFERENCE);
        Limits { message: usize::MAX, rate: 0, burst: 0, one_more_per: 0, heartbeat: 0, name, reference }
    }
}
