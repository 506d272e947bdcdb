//! Attacks by frames: the bytes sent on an open WebSocket, the frames that must come back, and the end of the connection.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Mutex;

use serde_json::Value;

use crate::common::Server;
use crate::common::bystander::{Stories, each_while_somebody_chats, stories};
use crate::common::raw::{CLOSE, RawClient, TEXT};
use crate::common::wire::WIRE_KEY;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Echo,
    Chat,
    Wire,
}

/// All that are built: RFC 6455 holds at each.
pub const DOORS: &[Door] = if cfg!(feature = "inspector") {
    &[Door::Echo, Door::Chat, Door::Wire]
} else {
    &[Door::Echo, Door::Chat]
};

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server closes it with this code, and says why.
    Fault(u16),
    /// The client closed it so, and gets the same back; 1005 is a close frame without a code.
    Answered(u16),
    /// There is no close frame: the client just ended TCP.
    Cut,
}

/// One connection's worth of it.
pub struct Attack {
    what: String,
    door: Door,
    sent: Vec<u8>,
    /// Each byte goes in a packet of its own.
    byte_by_byte: bool,
    /// What comes back before the end, but for the events of the chat and the inspector: first byte and payload.
    heard: Vec<(u8, Vec<u8>)>,
    end: End,
}

impl Attack {
    pub fn new(what: impl Into<String>, door: Door, sent: impl AsRef<[u8]>, end: End) -> Attack {
        let (what, sent) = (what.into(), sent.as_ref().to_vec());
        Attack { what, door, sent, byte_by_byte: false, heard: Vec::new(), end }
    }

    /// The same at every door.
    pub fn everywhere(what: &str, sent: impl AsRef<[u8]>, end: End) -> impl Iterator<Item = Attack> {
        DOORS.iter().copied().map(move |door| Attack::new(what, door, &sent, end))
    }

    /// This comes back before the end.
    pub fn hearing(self, first_byte: u8, payload: &[u8]) -> Attack {
        let mut heard = self.heard;
        heard.push((first_byte, payload.to_vec()));
        Attack { heard, ..self }
    }

    pub fn byte_by_byte(self) -> Attack {
        Attack { byte_by_byte: true, ..self }
    }

    /// Sends it, ends its direction of TCP, and listens to the end: what comes back, and how it ends.
    fn run(&self, server: &Server) -> (u16, Vec<(u8, Vec<u8>)>, End) {
        let path = match self.door {
            Door::Echo => "/echo".to_owned(),
            Door::Chat => "/ws".to_owned(),
            Door::Wire => format!("/wire?key={WIRE_KEY}"),
        };
        let mut client = RawClient::open(server, &path);
        let port = client.socket.local_addr().expect("an address").port();
        client.socket.set_nodelay(true).expect("it can be set");
        let step = if self.byte_by_byte { 1 } else { self.sent.len().max(1) };
        for bytes in self.sent.chunks(step) {
            client.socket.write_all(bytes).expect("the server takes bytes");
        }
        client.socket.shutdown(Shutdown::Write).expect("our direction can be ended");
        let (mut heard, mut end) = (Vec::new(), End::Cut);
        while let Some((first, payload)) = client.frame() {
            assert_eq!(end, End::Cut, "{}: something comes behind the close frame", self.what);
            match first {
                CLOSE => end = end_by(&payload),
                TEXT if self.door != Door::Echo => assert_is_event(&payload),
                _ => heard.push((first, payload)),
            }
        }
        (port, heard, end)
    }

    /// What is wrong with what came back, if anything.
    fn fault(&self, heard: &[(u8, Vec<u8>)], end: End) -> Option<String> {
        let Attack { what, door, heard: expected, end: expected_end, .. } = self;
        if (heard, end) == (&expected[..], *expected_end) {
            return None;
        }
        let short = |frames: &[(u8, Vec<u8>)]| -> Vec<String> {
            let shown = |bytes: &[u8]| format!("{:02x?}", &bytes[..bytes.len().min(40)]);
            frames.iter().map(|(first, payload)| format!("{first:x} {}", shown(payload))).collect()
        };
        let (heard, expected) = (short(heard), short(expected));
        Some(format!("{what} at {door:?}: {heard:?} {end:?}, not {expected:?} {expected_end:?}"))
    }

    /// Five lines, no more: one for each step, and one for each end.
    fn assert_logged(&self, port: u16, log: &mut Stories) {
        let begun = match self.door {
            Door::Echo => "talks to the echo",
            Door::Chat => "joined the chat as \"guest-",
            Door::Wire => "watches the connections of its key",
        };
        let how = match self.end {
            End::Fault(code) => format!("by the server: {code} ("),
            End::Answered(1005) => "by the client: close frame without a code (1005)".to_owned(),
            End::Answered(code) => format!("by the client: {code} ("),
            End::Cut => "without a close frame (1006): the client ended TCP".to_owned(),
        };
        let (closing, closed) = (format!("closing begun {how}"), format!("closed {how}"));
        let words = ["TCP connection from ", "answered 101", begun, &closing, &closed];
        log.take(port, &words, &self.what);
    }
}

/// Whether it is the server's own close frame or the client's that comes back is told by its reason, which no attack
/// sends like ours: only the server explains.
fn end_by(payload: &[u8]) -> End {
    match payload.split_first_chunk() {
        None => End::Answered(1005),
        Some((code, reason)) => {
            let (code, reason) = (u16::from_be_bytes(*code), String::from_utf8_lossy(reason));
            if reason.is_empty() || reason.starts_with("bye") {
                End::Answered(code)
            } else {
                End::Fault(code)
            }
        }
    }
}

#[track_caller]
pub fn assert_is_event(payload: &[u8]) {
    let event: Value = serde_json::from_slice(payload).expect("an event is JSON");
    assert!(event["type"].is_string(), "{event}");
}

/// Runs all attacks while a bystander chats, then checks the log.
pub fn attack(server: Server, mut attacks: Vec<Attack>) {
    attacks.retain(|attack| DOORS.contains(&attack.door));
    let done = Mutex::new(Vec::new());
    each_while_somebody_chats(&server, attacks, |attack| {
        let (port, heard, end) = attack.run(&server);
        let fault = attack.fault(&heard, end);
        done.lock().expect("no panic while locked").push((attack, port, fault));
    });
    let done = done.into_inner().expect("no panic while locked");
    let faults: Vec<&String> = done.iter().filter_map(|(_, _, fault)| fault.as_ref()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut log = stories(server);
    for (attack, port, _) in done {
        attack.assert_logged(port, &mut log);
    }
}
