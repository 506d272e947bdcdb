//! What the inspector tells: one JSON object a text frame. The README's section "The inspector's feed" explains each.
//!
//! Built on the inspector's thread.

use serde::Serialize;

use crate::broadcaster::Party;

/// How many messages and bytes went one way after the handshake, frame headers included.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Amount {
    pub messages: u64,
    pub bytes: u64,
}

/// `us` are microseconds since TCP was accepted; `conn` is the number that the log uses.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first event: what is watched, and how many such connections there are already.
    Watching {
        whom: &'static str,
        found: usize,
    },
    /// A connection that became a WebSocket.
    Opened {
        conn: u64,
        endpoint: &'static str,
        /// Under which it is in the chat.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        #[serde(flatten)]
        proof: Option<Proof>,
        us: u64,
        /// Frames went by before anybody watched.
        late: bool,
        /// Bytes that had been sent to the client by then.
        sent: u64,
    },
    /// A connection that did not.
    Refused {
        conn: u64,
        status: u16,
        #[serde(flatten)]
        exchange: Exchange<'a>,
    },
    Named {
        conn: u64,
        name: &'a str,
    },
    Frame(Frame<'a>),
    /// No frame may begin so.
    Broken {
        conn: u64,
        us: u64,
        from: Party,
        header: &'a str,
        why: String,
    },
    /// The closing has begun.
    Closing {
        conn: u64,
        us: u64,
        by: Party,
        code: u16,
        reason: &'a str,
    },
    /// The other side answered the close frame with its own.
    Answered {
        conn: u64,
        us: u64,
    },
    Closed {
        conn: u64,
        us: u64,
        by: Party,
        code: u16,
        reason: &'a str,
        answered: bool,
        /// Who ended TCP first.
        #[serde(skip_serializing_if = "Option::is_none")]
        tcp_by: Option<Party>,
        /// How the client's direction of TCP ended.
        tcp: &'static str,
        /// The same in words.
        detail: &'a str,
        from_client: Amount,
        to_client: Amount,
    },
    /// Events that were left out, as the inspector or the watcher was too slow.
    Lost {
        #[serde(skip_serializing_if = "Option::is_none")]
        conn: Option<u64>,
        count: u64,
    },
}

/// Request and answer.
#[derive(Debug, Serialize)]
pub struct Exchange<'a> {
    /// When TCP was accepted: RFC 3339, UTC, milliseconds.
    pub at: String,
    pub peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    pub request: std::borrow::Cow<'a, str>,
    pub response: std::borrow::Cow<'a, str>,
    pub asked_us: u64,
    pub answered_us: u64,
}

/// From `Sec-WebSocket-Key` to `Sec-WebSocket-Accept`.
#[derive(Debug, Serialize)]
pub struct Proof {
    pub key: String,
    pub sha1: String,
    pub accept: String,
}

/// Bytes are in hexadecimal; `··` stands for one that is hidden.
#[derive(Debug, Serialize)]
pub struct Frame<'a> {
    pub conn: u64,
    pub us: u64,
    pub from: Party,
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    pub length: u64,
    /// In how many bits the length is told: 7, 16 or 64.
    pub bits: u8,
    pub header: &'a str,
    /// The first bytes as they were on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<&'a str>,
    /// The same unmasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<&'a str>,
    /// The text is private, and none of the watcher's business.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// It never became whole.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Which message of its direction a data frame belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Of a pong: the time since the ping that it answers…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// …and when that went by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_us: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference.
fn is_false(value: &bool) -> bool {
    !value
}

impl Event<'_> {
    /// How many events are lost with this one.
    pub fn weight(&self) -> u64 {
        match self {
            Event::Lost { count, .. } => *count,
            _ => 1,
        }
    }

    /// The event as it goes into a text frame.
    pub fn json(&self) -> Vec<u8> {
        // A struct of plain fields has no way to fail; were there one, an empty object says nothing wrong.
        serde_json::to_vec(self).unwrap_or_else(|_| b"{}".to_vec())
    }
}
