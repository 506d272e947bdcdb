//! The command `show`: a client asks the server to do something special on its connection, such as a ping or a wrong frame.
//!
//! Parsed on the connection's thread, executed on the broadcaster's, since only that one writes. Some demonstrations break the
//! protocol: that is the lesson. Must never affect another client's connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::news::{News, PIECES, Run};
use crate::broadcaster::{Cause, Control, Job};
use crate::chat::{ErrorCode, Fields, Refusal};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::joints::{ExtraAction, ExtraCommand};
use crate::limits::Permit;
use crate::websocket::frame::{Opcode, put_frame, put_text_frame};

/// The command. `news`: what a run of news needs.
pub fn show(news: Arc<News>) -> ExtraCommand {
    ExtraCommand { kind: "show", parse: Box::new(move |client, fields| parse(&news, client, fields)) }
}

/// The payload of the pings, so that students recognize the pong.
const PING_PAYLOAD: &[u8] = b"classroom";

/// How many messages `push` sends, and the time between two.
const PUSHES: u8 = 3;
const PUSH_INTERVAL: Duration = Duration::from_secs(1);

/// How long `pause` stops reading from the client.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the answer to the client's close frame takes after `slow_close`.
const SLOW_CLOSE: Duration = Duration::from_secs(3);

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
    /// The server answers the client's close frame some seconds later.
    SlowClose,
    /// Ten pieces of news at random moments.
    News(NewsPush),
}

/// A run that is pushed over one WebSocket.
struct NewsPush {
    run: Run,
    /// Given back when the run is over, or the client is gone.
    _permit: Permit,
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
    #[serde(flatten)]
    news: Option<NewsFields>,
}

/// What else the parts of `news` have, and its announcement.
#[derive(Serialize)]
struct NewsFields {
    run: String,
    /// When the piece happened, and when it is sent: milliseconds since the beginning of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    now: f64,
}

fn parse(news: &Arc<News>, client: ClientId, fields: &Fields) -> Result<ExtraAction, Refusal> {
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
        (Some("slow_close"), _) => Demonstration::SlowClose,
        (Some("news"), _) => {
            let Some(permit) = news.pushes.acquire() else {
                let text = "too many runs of news go on just now: try again in some seconds";
                return Err(refusal(text, fields).because("show_busy", None));
            };
            Demonstration::News(NewsPush { run: news.begin(), _permit: permit })
        }
        _ => {
            let text = "show what? ping, fragments, binary, close, drop, bad_frame, bad_utf8, pause, push, slow_close or news";
            return Err(refusal(text, fields).because("show_what", None));
        }
    };
    let is_pause = matches!(demonstration, Demonstration::Pause);
    let pause = if is_pause { PAUSE } else { Duration::ZERO };
    let pause_at_close = matches!(demonstration, Demonstration::SlowClose).then_some(SLOW_CLOSE);
    let job: Job = Box::new(move |control| demonstrate(control, client, demonstration));
    Ok(ExtraAction { job, pause, pause_at_close })
}

fn refusal(text: &'static str, fields: &Fields) -> Refusal {
    Refusal { reference: fields.reference.clone(), ..Refusal::new(ErrorCode::BadMessage, text) }
}

/// Announces the demonstration, then executes it.
fn demonstrate(control: &mut dyn Control, client: ClientId, demonstration: Demonstration) {
    let (what, text) = announcement(&demonstration);
    let news = if let Demonstration::News(push) = &demonstration { Some(push.fields(None)) } else { None };
    control.send(client, text_frame(&Shown { kind: "shown", what, text, part: None, news }.json()));
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
        // The connection's thread does it: it stops reading, or waits before it passes the close frame on.
        Demonstration::Pause | Demonstration::SlowClose => {}
        Demonstration::Push => push_after_interval(control, client, 1),
        Demonstration::News(push) => push.send_later(control, client, 1),
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

impl NewsPush {
    /// Sends piece `number` when it happens, then the rest.
    fn send_later(self, control: &mut dyn Control, client: ClientId, number: u8) {
        let wait = self.run.until(number);
        let send = move |control: &mut dyn Control| {
            if !self.run.until(number).is_zero() {
                // Timers count from the beginning of the round, which may be a little earlier.
                return self.send_later(control, client, number);
            }
            let piece = self.run.piece(number);
            let news = Some(self.fields(Some(piece.at)));
            let shown = Shown { kind: "shown", what: "news", text: &piece.text, part: Some(number), news };
            control.send(client, text_frame(&shown.json()));
            if number < PIECES && control.is_open(client) {
                self.send_later(control, client, number + 1);
            }
        };
        control.later(wait, Box::new(send));
    }

    fn fields(&self, at: Option<u64>) -> NewsFields {
        NewsFields { run: self.run.id(), at, now: self.run.now() }
    }
}

/// The announcement: the demonstration's name, and a sentence for the user of a terminal client.
fn announcement(demonstration: &Demonstration) -> (&'static str, &'static str) {
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
        Demonstration::SlowClose => {
            ("slow_close", "when your side closes, the server answers its close frame 3 s later")
        }
        Demonstration::News(_) => {
            ("news", "ten pieces of news come within 10 s, each at the moment when it happens")
        }
    }
}

fn shown(what: &'static str, text: &str, part: Option<u8>) -> Vec<u8> {
    Shown { kind: "shown", what, text, part, news: None }.json()
}

impl Shown<'_> {
    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("invariant: plain fields have a JSON")
    }
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
