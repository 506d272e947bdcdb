//! The command `show`: a client asks the server to do something special on its connection, such as a ping or a wrong frame.
//!
//! Parsed on the connection's thread, executed on the broadcaster's, since only that one writes. Some demonstrations break the
//! protocol: that is the lesson. Must never affect another client's connection.

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

/// The payload of the pings, so that students recognize the pong.
const PING_PAYLOAD: &[u8] = b"classroom";

/// How many messages `push` sends, and the time between two.
const PUSHES: u8 = 3;
const PUSH_INTERVAL: Duration = Duration::from_secs(1);

/// How long `pause` stops reading from the client.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demonstration {
    /// A ping. The client's WebSocket library answers it.
    Ping,
    /// A message in three fragments, with a ping between two of them.
    Fragments,
    /// A binary message.
    Binary,
    /// A close frame with this code.
    Close(u16),
    /// The end of TCP without a close frame.
    Drop,
    /// A frame with a reserved bit.
    BadFrame,
    /// A text that is not UTF-8.
    BadUtf8,
    /// The server reads nothing for a while.
    Pause,
    /// Three messages, one per second, without a request for each.
    Push,
}

/// The event that announces a demonstration, or is a part of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    what: &'static str,
    text: &'a str,
    /// The number of this part; absent in the announcement.
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
            return Err(refusal(text, fields).because("show_code", None));
        }
        (Some("drop"), _) => Demonstration::Drop,
        (Some("bad_frame"), _) => Demonstration::BadFrame,
        (Some("bad_utf8"), _) => Demonstration::BadUtf8,
        (Some("pause"), _) => Demonstration::Pause,
        (Some("push"), _) => Demonstration::Push,
        _ => {
            let text = "show what? ping, fragments, binary, close, drop, bad_frame, bad_utf8, pause or push";
            return Err(refusal(text, fields).because("show_what", None));
        }
    };
    let pause = if demonstration == Demonstration::Pause { PAUSE } else { Duration::ZERO };
    let job: Job = Box::new(move |control| demonstrate(control, client, demonstration));
    Ok(ExtraAction { job, pause })
}

fn refusal(text: &'static str, fields: &Fields) -> Refusal {
    Refusal { reference: fields.reference.clone(), ..Refusal::new(ErrorCode::BadMessage, text) }
}

/// Announces the demonstration, then executes it.
fn demonstrate(control: &mut dyn Control, client: ClientId, demonstration: Demonstration) {
    let (what, text) = announcement(demonstration);
    control.send(client, text_frame(&shown(what, text, None)));
    match demonstration {
        Demonstration::Ping => control.send(client, frame(PING_PAYLOAD, Opcode::Ping, true)),
        Demonstration::Fragments => {
            let text = "this text came in three fragments, with a ping between two of them";
            control.send(client, fragments(&shown(what, text, Some(1))));
        }
        Demonstration::Binary => {
            let bytes: Vec<u8> = (0..16).collect();
            control.send(client, frame(&bytes, Opcode::Binary, true));
        }
        Demonstration::Close(code) => {
            control.close(client, Cause::Server(CloseReason::new(code, "as_requested: as you requested")));
        }
        Demonstration::Drop => control.close(client, Cause::Dropped),
        Demonstration::BadFrame => {
            let mut bad = text_frame(b"this frame has RSV1 set").to_vec();
            bad[0] |= 0x40;
            control.send(client, bad.into());
        }
        Demonstration::BadUtf8 => control.send(client, text_frame(b"not UTF-8: \xc3\x28")),
        // The connection's thread does it: it stops reading.
        Demonstration::Pause => {}
        Demonstration::Push => push_after_interval(control, client, 1),
    }
}

/// Sends message `number` after the interval, then the rest.
fn push_after_interval(control: &mut dyn Control, client: ClientId, number: u8) {
    let push = move |control: &mut dyn Control| {
        let text = format!("{number} of {PUSHES}");
        control.send(client, text_frame(&shown("push", &text, Some(number))));
        if number < PUSHES && control.is_open(client) {
            push_after_interval(control, client, number + 1);
        }
    };
    control.later(PUSH_INTERVAL, Box::new(push));
}

/// The announcement: the demonstration's name, and a sentence for the user of a terminal client.
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
            ("pause", "the server reads nothing from you for 10 s; what you send waits in TCP's buffers")
        }
        Demonstration::Push => ("push", "three messages come, one per second, without a request"),
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

/// A text message in three fragments, with a ping between two of them (RFC 6455, 5.4, allows control frames there).
fn fragments(text: &[u8]) -> Bytes {
    let (first, rest) = text.split_at(text.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let continuation = Opcode::Continuation;
    [
        frame(first, Opcode::Text, false),
        frame(PING_PAYLOAD, Opcode::Ping, true),
        frame(second, continuation, false),
        frame(third, continuation, true),
    ]
    .concat()
    .into()
}

#[cfg(test)]
mod tests;
