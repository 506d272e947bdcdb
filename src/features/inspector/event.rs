//! The events of `/wire`, one JSON object per text frame. docs/inspector.md, Events of the feed, explains each.
//!
//! Made by `describe` on the inspector's thread. Plain data.

use serde::Serialize;

use crate::broadcaster::Party;
use crate::chat::escape_controls;
use crate::transport::Facts;

/// Messages and bytes in one direction after the handshake, with frame headers.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Amount {
    pub messages: u64,
    pub bytes: u64,
}

/// `us`: microseconds since TCP was accepted. `conn`: the connection's number, the same as in the log.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first event: which connections are watched, and how many of them are open already.
    Watching {
        #[serde(rename = "whom")]
        scope: &'static str,
        /// Which server this is, of several that share a chat.
        server: &'a str,
        found: usize,
    },
    /// A connection that became a WebSocket.
    Opened {
        conn: u64,
        endpoint: &'static str,
        /// Its member's name in the chat.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        #[serde(flatten)]
        proof: Option<Proof>,
        us: u64,
        /// The watcher came later and missed frames.
        late: bool,
        /// Bytes that were sent to the client before.
        sent: u64,
    },
    /// A connection that did not become one.
    Refused {
        conn: u64,
        status: u16,
        /// The sentence of its response.
        why: String,
        #[serde(flatten)]
        exchange: Exchange<'a>,
    },
    /// Request and response of plain HTTP, if the request named the key in a header.
    Exchanged {
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
    /// Bytes that no frame may begin with, or an incomplete header.
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
        /// Which side ended TCP first.
        #[serde(skip_serializing_if = "Option::is_none")]
        tcp_by: Option<Party>,
        /// How the client's direction of TCP ended.
        tcp: &'static str,
        /// The same as a sentence.
        detail: &'a str,
        from_client: Amount,
        to_client: Amount,
    },
    /// Events that were left out because the inspector or the watcher is too slow.
    Lost {
        #[serde(skip_serializing_if = "Option::is_none")]
        conn: Option<u64>,
        count: u64,
    },
}

/// Request and response.
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
    /// `None`: the bytes travelled as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// What was agreed on in the TLS handshake.
#[derive(Debug, Serialize)]
pub struct Tls {
    pub version: String,
    pub cipher: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    pub resumed: bool,
}

impl From<Facts> for Tls {
    fn from(facts: Facts) -> Tls {
        let Facts { version, cipher, server_name, is_resumed: resumed } = facts;
        Tls { version, cipher, server_name, resumed }
    }
}

/// How `Sec-WebSocket-Accept` is computed from `Sec-WebSocket-Key`.
#[derive(Debug, Serialize)]
pub struct Proof {
    pub key: String,
    pub sha1: String,
    pub accept: String,
}

/// Bytes are in hexadecimal; `··` is a hidden one.
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
    /// The bits of the length field: 7, 16 or 64.
    pub bits: u8,
    pub header: &'a str,
    /// The first bytes of the payload, as they were on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<&'a str>,
    /// The same unmasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<&'a str>,
    /// The text is private: the teacher does not see it.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// The text is between two members: what is kept of the feed should not have it.
    #[serde(skip_serializing_if = "is_false")]
    pub private: bool,
    /// The connection ended before the frame was complete.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// The TLS record in which it ended, as the network saw it: five bytes of header, then ciphertext.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<&'a str>,
    /// The number of the message that a data frame belongs to, counted in its direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// For a pong: the time since its ping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// For a pong: when its ping was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_us: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference.
fn is_false(value: &bool) -> bool {
    !value
}

impl Event<'_> {
    /// How many events are lost if this one is left out.
    pub fn weight(&self) -> u64 {
        match self {
            Event::Lost { count, .. } => *count,
            _ => 1,
        }
    }

    /// The payload of its text frame.
    pub fn json(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("invariant: plain fields have a JSON");
        escape_controls(json).into_bytes()
    }
}
