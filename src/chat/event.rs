//! What the server tells: one JSON object a text frame.
//!
//! Built by the chat, turned into bytes once by the broadcaster. Notices are types of their own, so no name and no
//! text can imitate one.

use serde::Serialize;
use serde_json::value::RawValue;

/// `id` orders all events of the chat; `at` is the server's clock, UTC, RFC 3339 with milliseconds.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first thing a newcomer hears. `users` holds at most [`super::LISTED_USERS`] names, the earliest first.
    Welcome {
        you: &'a str,
        users: Vec<&'a str>,
        count: usize,
        last: u64,
    },
    Message {
        id: u64,
        at: &'a str,
        from: &'a str,
        /// A JSON string, made on the sender's own thread.
        text: &'a RawValue,
        /// Only in the sender's copy: what it called this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    Joined {
        id: u64,
        at: &'a str,
        name: &'a str,
        count: usize,
    },
    Left {
        id: u64,
        at: &'a str,
        name: &'a str,
        count: usize,
        code: u16,
        reason: &'a str,
    },
    Renamed {
        id: u64,
        at: &'a str,
        from: &'a str,
        name: &'a str,
    },
    /// Many joined and left in a short time.
    Crowd {
        id: u64,
        at: &'a str,
        joined: u64,
        left: u64,
        count: usize,
    },
    Error {
        code: ErrorCode,
        text: &'a str,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
}

/// Why something was not done; the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    NameTaken,
    BadName,
    /// Neither plain text nor an object that the protocol knows.
    BadMessage,
    /// A message without text.
    Empty,
    /// Over the rate; this message was not posted.
    TooFast,
    /// Part of the protocol, but not of this version.
    NotAvailable,
}
