//! What a server can do to a connection and a page cannot ask for: "make it happen", at a client's own wish and on its
//! own connection only.
//!
//! A part of the broadcaster, since it alone writes. Some of it is forbidden to servers: that is the lesson.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::Broadcaster;
use super::closing::Cause;
use super::timers::Timer;
use crate::chat::{Demonstration, Event};
use crate::client_id::ClientId;
use crate::close::CloseReason;
use crate::wire::{Opcode, put_frame, put_text_frame};

/// What a ping carries, so that its pong can be told from others.
const PINGED: &[u8] = b"classroom";

/// Messages that nobody asked for, and the time between two of them.
const PUSHES: u8 = 3;
const PUSH_EVERY: Duration = Duration::from_secs(1);

const AS_YOU_WISHED: &str = "as you wished";

impl Broadcaster {
    /// Says what comes, then does it.
    pub(super) fn demonstrate(&mut self, id: ClientId, demonstration: Demonstration) {
        let (what, text) = words(demonstration);
        let shown = |text: &str| Event::Shown { what, text }.json();
        self.clients.send_one(id, text_frame(&shown(text)));
        match demonstration {
            Demonstration::Ping => {
                let ping = frame(PINGED, Opcode::Ping, true);
                self.clients.send_one(id, ping);
            }
            Demonstration::Fragments => {
                let text =
                    shown("this text came in three fragments, with a ping between two of them");
                self.clients.send_one(id, fragments(&text));
            }
            Demonstration::Binary => {
                let bytes: Vec<u8> = (0..16).collect();
                self.clients.send_one(id, frame(&bytes, Opcode::Binary, true));
            }
            Demonstration::Close(code) => {
                let reason = CloseReason::new(code, AS_YOU_WISHED);
                self.begin_closing(id, Cause::Server(reason));
            }
            Demonstration::Drop => self.begin_closing(id, Cause::Dropped),
            Demonstration::BadFrame => {
                let mut bad = text_frame(b"this frame has RSV1 set").to_vec();
                bad[0] |= 0x40;
                self.clients.send_one(id, bad.into());
            }
            Demonstration::BadUtf8 => self.clients.send_one(id, text_frame(b"not UTF-8: \xc3\x28")),
            // The connection's own thread does that: it stops reading.
            Demonstration::Pause => {}
            Demonstration::Push => self.push(id, 0),
        }
    }

    /// One more message that nobody asked for, and the next in a second.
    pub(super) fn push(&mut self, id: ClientId, pushed: u8) {
        if pushed > 0 && self.is_open(id) {
            let text = format!("{pushed} of {PUSHES}");
            let shown = Event::Shown { what: "push", text: &text }.json();
            self.clients.send_one(id, text_frame(&shown));
        }
        if pushed < PUSHES {
            self.timers.set(self.now + PUSH_EVERY, Timer::Push(id, pushed + 1));
        }
    }
}

/// What a client reads before it happens, in words for whoever sits at a terminal.
fn words(demonstration: Demonstration) -> (&'static str, &'static str) {
    match demonstration {
        Demonstration::Ping => ("ping", "a ping comes; your side answers with a pong by itself"),
        Demonstration::Fragments => {
            ("fragments", "a message comes in three fragments, with a ping between two of them")
        }
        Demonstration::Binary => ("binary", "a binary message of 16 bytes comes: 00 to 0f"),
        Demonstration::Close(_) => {
            ("close", "a close frame comes; your side answers with the same code, then TCP ends")
        }
        Demonstration::Drop => {
            ("drop", "TCP ends without a close frame; your side will call that 1006")
        }
        Demonstration::BadFrame => {
            ("bad_frame", "a frame with a reserved bit comes; your side must fail with 1002")
        }
        Demonstration::BadUtf8 => {
            ("bad_utf8", "a text that is not UTF-8 comes; your side must fail with 1007")
        }
        Demonstration::Pause => {
            ("pause", "nothing is read from you for 10 s; what you send waits on the way")
        }
        Demonstration::Push => {
            ("push", "three messages come, one a second, and nobody asks for them")
        }
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
mod tests {
    use super::*;
    use crate::wire::{Opcode, whole_frames};

    #[test]
    fn a_message_in_fragments_is_as_rfc_6455_wants_it() {
        let bytes = fragments(b"abcdefgh");
        let frames: Vec<(bool, Opcode, &[u8])> = whole_frames(&bytes)
            .map(|(head, bytes)| (head.fin, head.opcode, &bytes[2..]))
            .collect();
        let expected: [(bool, Opcode, &[u8]); 4] = [
            (false, Opcode::Text, b"ab"),
            (true, Opcode::Ping, b"classroom"),
            (false, Opcode::Continuation, b"cde"),
            (true, Opcode::Continuation, b"fgh"),
        ];
        assert_eq!(frames, expected);
    }
}
