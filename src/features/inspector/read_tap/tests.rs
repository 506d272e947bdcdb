use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};
use std::time::SystemTime;

use super::*;
use crate::client_id::ClientId;
use crate::tap::Opening;
use crate::websocket::FrameRules;

/// A tap, the frame rules with its scanner, and the tap's reports.
struct Reader {
    tap: InspectorReadTap,
    rules: FrameRules,
    reports: Receiver<Observation>,
}

impl Reader {
    fn new(purpose: Purpose) -> Reader {
        let opening = Opening {
            client: ClientId(1),
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            local: None,
            accepted: Instant::now(),
            accepted_at: SystemTime::now(),
            requested: Instant::now(),
            query: String::new(),
            request: Vec::new(),
            response: Vec::new(),
            encryption: None,
        };
        let captured = Arc::new(Captured::new(opening, Some(purpose), None));
        let (sender, reports) = channel();
        let report = move |_, observation| sender.send(observation).expect("the test receives");
        let tap = InspectorReadTap::new(captured, Box::new(report));
        Reader { tap, rules: FrameRules::new(1000), reports }
    }

    fn read(&mut self, bytes: &[u8]) {
        self.tap.read(bytes, self.rules.scanner());
        self.rules.check(bytes).expect("right frames");
    }

    /// The last byte and the privacy of each reported frame.
    fn reported(&self) -> Vec<(u8, Privacy)> {
        let last = |observation| match observation {
            Observation::Frames { frames, privacy, .. } => (*frames.last().expect("not empty"), privacy),
            _ => panic!("not a frame"),
        };
        self.reports.try_iter().map(last).collect()
    }
}

/// A masked frame of one byte; the mask is zero.
fn frame(first: u8, byte: u8) -> Vec<u8> {
    vec![first, 0x81, 0, 0, 0, 0, byte]
}

#[test]
fn a_message_and_the_frames_after_it_wait_until_it_is_parsed() {
    let mut reader = Reader::new(Purpose::Chat);
    reader.read(&[frame(0x81, b'a'), frame(0x89, b'p'), frame(0x81, b'b')].concat());
    assert_eq!(reader.reported(), []);
    reader.tap.understood(Privacy::Public);
    assert_eq!(reader.reported(), [(b'a', Privacy::Public), (b'p', Privacy::Public)]);
    reader.tap.understood(Privacy::Private);
    assert_eq!(reader.reported(), [(b'b', Privacy::Private)]);
}

#[test]
fn fragments_count_as_private_in_every_message() {
    let mut reader = Reader::new(Purpose::Chat);
    reader.read(&[frame(0x01, b'1'), frame(0x89, b'p'), frame(0x80, b'2')].concat());
    assert_eq!(reader.reported(), [(b'1', Privacy::Private), (b'p', Privacy::Public)]);
    reader.tap.understood(Privacy::Public);
    assert_eq!(reader.reported(), [(b'2', Privacy::Private)]);
}

#[test]
fn a_message_that_began_before_the_tap_does_not_set_the_privacy_of_the_next() {
    let mut reader = Reader::new(Purpose::Chat);
    reader.tap.captured.set_watched(false);
    let (first, second) = (frame(0x81, b'a'), frame(0x81, b'b'));
    reader.read(&first[..6]);
    reader.tap.captured.set_watched(true);
    reader.read(&[&first[6..], &second].concat());
    reader.tap.understood(Privacy::Public);
    assert_eq!(reader.reported(), []);
    reader.tap.understood(Privacy::Private);
    assert_eq!(reader.reported(), [(b'b', Privacy::Private)]);
}

#[test]
fn a_message_that_is_never_parsed_is_private() {
    let mut reader = Reader::new(Purpose::Chat);
    reader.read(&frame(0x81, b'a'));
    reader.tap.rest(&frame(0x88, b'x'));
    assert_eq!(reader.reported(), [(b'a', Privacy::Private), (b'x', Privacy::Public)]);
}

#[test]
fn an_echo_has_no_private_messages() {
    let mut reader = Reader::new(Purpose::Echo);
    reader.read(&frame(0x81, b'a'));
    assert_eq!(reader.reported(), [(b'a', Privacy::Public)]);
}
