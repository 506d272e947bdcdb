//! What the server sends: one JSON object in each text frame.
//!
//! Made by the chat and encoded once, for all members and for the history. Notices have types of their own, so no name and no
//! text can imitate one.

use bytes::Bytes;
use serde::Serialize;

use super::json::{self, JsonString};
use super::settings::Limits;

/// `id` orders all events of the chat; `at` is the server's clock, UTC, RFC 3339 with milliseconds.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first event that a client gets. The past follows it, up to event `last`.
    Welcome {
        you: &'a str,
        /// At most [`super::naming::LISTED_USERS`] names of those who are here, the earliest first.
        users: Vec<&'a str>,
        count: usize,
        /// What to send to come back as the same member; absent if the system had no random numbers.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        epoch: &'a str,
        last: u64,
        /// It came back, and what follows is all that it missed.
        recovered: bool,
        limits: Limits,
    },
    Message {
        id: u64,
        at: &'a str,
        from: &'a str,
        /// Only in a private message.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'a str>,
        /// A JSON string, made on the sender's own thread.
        text: &'a JsonString,
        /// Only in the sender's copy: what it called this message.
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        /// The sender is a teacher.
        #[serde(skip_serializing_if = "is_false")]
        teacher: bool,
    },
    Joined {
        id: u64,
        at: &'a str,
        name: &'a str,
        count: usize,
        /// After its connection had dropped.
        #[serde(skip_serializing_if = "is_false")]
        back: bool,
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
    /// Many joined and left in a short time: only counted.
    Crowd {
        id: u64,
        at: &'a str,
        joined: u64,
        left: u64,
        count: usize,
    },
    /// A teacher took back the message that was event `message`.
    Removed {
        id: u64,
        at: &'a str,
        message: u64,
        by: &'a str,
    },
    /// A teacher took back all messages.
    Cleared {
        id: u64,
        at: &'a str,
        by: &'a str,
    },
    /// The rules for all, and who is a teacher. No event of the chat: it has no id and is not kept, and each is the whole state.
    Room {
        /// Those who are here.
        teachers: Vec<&'a str>,
        /// At most [`super::rules::MAX_HANDS`], in the order in which they were raised.
        hands: Vec<&'a str>,
        listen: bool,
        locked: bool,
    },
    /// To teachers alone: the rules for single members. As `Room`.
    Restricted {
        muted: Vec<&'a str>,
        expelled: Vec<&'a str>,
    },
    /// To one connection alone: it is a teacher's.
    Teaching,
    /// A message that was sent again under the same `ref` had been posted already, as event `id`.
    Posted {
        #[serde(rename = "ref")]
        reference: &'a str,
        id: u64,
    },
    /// A member is typing. No event of the chat: it has no id and is not kept.
    Typing {
        name: &'a str,
    },
    /// Who is here, after the event `last`: some of the names, in a fixed order. Only the client that asked gets it.
    Members {
        users: Vec<&'a str>,
        /// Of all, not of these alone.
        count: usize,
        /// Where the next page begins: after this name. `None`: these are the last.
        next: Option<&'a str>,
        last: u64,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    /// The server is still there. No event of the chat: it has no id, and only the client that asked gets it.
    Heartbeat {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
    },
    Error {
        code: ErrorCode,
        /// Where a code has several reasons: which one.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        /// The number in the text.
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<usize>,
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
    /// A member who signed in cannot have another name.
    NameFixed,
    /// Neither plain text nor an object that the protocol knows.
    BadMessage,
    /// A message without text.
    Empty,
    /// Over the rate; this message was not posted.
    TooFast,
    /// The server has lost touch with those that share the chat, and its queue is full.
    Unavailable,
    /// A private message to a name that no member has.
    NoSuchUser,
    /// A teacher's command about a message that is not kept.
    NoSuchMessage,
    /// A teacher's command by another member, or against a teacher.
    NotAllowed,
    /// A teacher has decided that this member, or all members, may not write.
    Muted,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference.
fn is_false(value: &bool) -> bool {
    !value
}

/// The one event of which there may be a million a second: the same as by serde, put together from parts that are JSON
/// already.
fn message(
    id: u64,
    at: &str,
    from: &str,
    to: Option<&str>,
    text: &JsonString,
    reference: Option<&str>,
    teacher: bool,
) -> Bytes {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(id);
    // Exactly its length, unless a name needs an escape: so it is allocated once, and nothing is left over.
    let optional = |name: &str, text: Option<&str>| text.map_or(0, |text| name.len() + 6 + text.len());
    let fixed = r#"{"type":"message","id":,"at":"","from":"","text":}"#.len();
    let length = fixed + digits.len() + at.len() + from.len() + text.get().len();
    let length = length + if teacher { r#","teacher":true"#.len() } else { 0 };
    let mut json = Vec::with_capacity(length + optional("to", to) + optional("ref", reference));
    let mut put = |piece: &str| json.extend_from_slice(piece.as_bytes());
    put(r#"{"type":"message","id":"#);
    put(digits);
    put(r#","at":""#);
    put(at);
    put(r#"","from":"#);
    json::put_string(from, &mut json);
    if let Some(to) = to {
        json.extend_from_slice(br#","to":"#);
        json::put_string(to, &mut json);
    }
    json.extend_from_slice(br#","text":"#);
    json.extend_from_slice(text.get().as_bytes());
    if let Some(reference) = reference {
        json.extend_from_slice(br#","ref":"#);
        json::put_string(reference, &mut json);
    }
    if teacher {
        json.extend_from_slice(br#","teacher":true"#);
    }
    json.push(b'}');
    Bytes::from(json)
}

impl Event<'_> {
    /// The event as it goes into a text frame.
    pub fn json(&self) -> Bytes {
        if let Event::Message { id, at, from, to, text, reference, teacher } = self {
            return message(*id, at, from, *to, text, *reference, *teacher);
        }
        self.text().into()
    }

    /// The same as a text.
    pub fn text(&self) -> String {
        json::escape_controls(serde_json::to_string(self).expect("invariant: plain fields are always JSON"))
    }
}

#[cfg(test)]
mod tests;
