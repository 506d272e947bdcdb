//! What a server can do to a connection and a page cannot ask for otherwise: the command `show`, which a client sends
//! for its own connection only.
//!
//! Parsed on the connection's thread, done on the broadcaster's, since it alone writes. Some of it is forbidden to servers: that
//! is the lesson.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use crate::broadcaster::{Cause, Control, Job};
use crate::chat::{ErrorCode, Fields, Refusal};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::joints::{ExtraAction, ExtraCommand};
use crate::websocket::frame::{Opcode, put_frame, put_text_frame};

/// The command.
pub const SHOW: ExtraCommand = ExtraCommand { kind: "show", parse };

/// What a ping carries, so that its pong can be told from others.
const PINGED: &[u8] = b"classroom";

/// Messages that were not asked for, and the time between two of them.
const PUSHES: u8 = 3;
const PUSH_EVERY: Duration = Duration::from_secs(1);

/// For how long nothing is read from a client that asked to see that.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demonstration {
    /// A ping, which the client answers by itself.
    Ping,
    /// A message in three fragments, with a ping between two of them.
    Fragments,
    /// A binary message.
    Binary,
    /// A close frame with this code, which may be sent.
    Close(u16),
    /// The end of TCP without a close frame.
    Drop,
    /// A frame with a reserved bit.
    BadFrame,
    /// A text that is not UTF-8.
    BadUtf8,
    /// Nothing is read for a while.
    Pause,
    /// Three messages, one a second, that were not asked for.
    Push,
}

/// What happens to this connection, as its client asked for.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    what: &'static str,
    text: &'a str,
    /// Which part of what was announced this is; absent from the announcement.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u8>,
}

fn parse(client: ClientId, fields: &Fields) -> Result<ExtraAction, Refusal> {
    let demonstration = match (fields.what.as_deref(), fields.code) {
        (Some("ping"), _) => Demonstration::Ping,
        (Some("fragments"), _) => Demonstration::Fragments,
        (Some("binary"), _) => Demonstration::Binary,
        (Some("close"), Some(code)) if close_code::find(code).is_some_and(|row| row.may_be_sent) => {
            Demonstration::Close(code)
        }
        (Some("close"), _) => {
            let text = "show close needs a code that may be sent: 1000 to 1003, 1007 to 1013, 3000 to 4999";
            return Err(refusal(text, fields));
        }
        (Some("drop"), _) => Demonstration::Drop,
        (Some("bad_frame"), _) => Demonstration::BadFrame,
        (Some("bad_utf8"), _) => Demonstration::BadUtf8,
        (Some("pause"), _) => Demonstration::Pause,
        (Some("push"), _) => Demonstration::Push,
        _ => {
            let text = "show what? ping, fragments, binary, close, drop, bad_frame, bad_utf8, pause or push";
            return Err(refusal(text, fields));
        }
    };
    let pause = if demonstration == Demonstration::Pause { PAUSE } else { Duration::ZERO };
    let job: Job = Box::new(move |control| demonstrate(control, client, demonstration));
    Ok(ExtraAction { job, pause })
}

fn refusal(text: &'static str, fields: &Fields) -> Refusal {
    Refusal { reference: fields.reference.clone(), ..Refusal::new(ErrorCode::BadMessage, text) }
}

/// Announces what comes, then does it.
fn demonstrate(control: &mut dyn Control, client: ClientId, demonstration: Demonstration) {
    let (what, text) = announcement(demonstration);
    control.send(client, text_frame(&shown(what, text, None)));
    match demonstration {
        Demonstration::Ping => control.send(client, frame(PINGED, Opcode::Ping, true)),
        Demonstration::Fragments => {
            let text = "this text came in three fragments, with a ping between two of them";
            control.send(client, fragments(&shown(what, text, Some(1))));
        }
        Demonstration::Binary => {
            let bytes: Vec<u8> = (0..16).collect();
            control.send(client, frame(&bytes, Opcode::Binary, true));
        }
        Demonstration::Close(code) => {
            control.close(client, Cause::Server(CloseReason::new(code, "as you wished")));
        }
        Demonstration::Drop => control.close(client, Cause::Dropped),
        Demonstration::BadFrame => {
            let mut bad = text_frame(b"this frame has RSV1 set").to_vec();
            bad[0] |= 0x40;
            control.send(client, bad.into());
        }
        Demonstration::BadUtf8 => control.send(client, text_frame(b"not UTF-8: \xc3\x28")),
        // The connection's own thread does that: it stops reading.
        Demonstration::Pause => {}
        Demonstration::Push => push_later(control, client, 1),
    }
}

/// One more message that was not asked for in a second, and then the next.
fn push_later(control: &mut dyn Control, client: ClientId, number: u8) {
    let push = move |control: &mut dyn Control| {
        let text = format!("{number} of {PUSHES}");
        control.send(client, text_frame(&shown("push", &text, Some(number))));
        if number < PUSHES && control.is_open(client) {
            push_later(control, client, number + 1);
        }
    };
    control.later(PUSH_EVERY, Box::new(push));
}

/// What a client reads before it happens, in words for the person at a terminal.
fn announcement(demonstration: Demonstration) -> (&'static str, &'static str) {
    match demonstration {
        Demonstration::Ping => ("ping", "a ping comes; your side answers with a pong by itself"),
        Demonstration::Fragments => {
            ("fragments", "a message comes in three fragments, with a ping between two of them")
        }
        Demonstration::Binary => ("binary", "a binary message of 16 bytes comes: 00 to 0f"),
        Demonstration::Close(_) => {
            ("close", "a close frame comes; your side answers with the same code, then TCP ends")
        }
        Demonstration::Drop => ("drop", "TCP ends without a close frame; your side will call that 1006"),
        Demonstration::BadFrame => {
            ("bad_frame", "a frame with a reserved bit comes; your side must fail with 1002")
        }
        Demonstration::BadUtf8 => {
            ("bad_utf8", "a text that is not UTF-8 comes; your side must fail with 1007")
        }
        Demonstration::Pause => {
            ("pause", "nothing is read from you for 10 s; what you send waits on the way")
        }
        Demonstration::Push => ("push", "three messages come, one a second, without a request"),
    }
}

fn shown(what: &'static str, text: &str, part: Option<u8>) -> Vec<u8> {
    let shown = Shown { kind: "shown", what, text, part };
    serde_json::to_vec(&shown).expect("invariant: plain fields have a JSON")
}

fn text_frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    put_text_frame(payload, &mut frame);
    frame.freeze()
}

fn frame(payload: &[u8], opcode: Opcode, fin: bool) -> Bytes {
    let mut frame = BytesMut::new();
    put_frame(payload, opcode, fin, &mut frame);
    frame.freeze()
}

/// A text in three parts. A control frame may stand between two of them (RFC 6455, 5.4).
fn fragments(text: &[u8]) -> Bytes {
    let (first, rest) = text.split_at(text.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let go_on = Opcode::Continuation;
    [
        frame(first, Opcode::Text, false),
        frame(PINGED, Opcode::Ping, true),
        frame(second, go_on, false),
        frame(third, go_on, true),
    ]
    .concat()
    .into()
}

#[cfg(test)]
mod tests;
