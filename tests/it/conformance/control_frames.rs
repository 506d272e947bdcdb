//! Chapter 5, section 5: control frames, of which close frames are further on in `closing.rs`.

use super::{DOORS, Subject};
use crate::common::raw::{BINARY, CLOSE, PING, PONG, RawClient, TEXT, frame};

const CONTROL: [u8; 3] = [CLOSE, PING, PONG];

/// 5.5: "All control frames MUST have a payload length of 125 bytes or less".
#[test]
fn a_control_frame_of_more_than_125_bytes_fails() {
    let mut subject = Subject::start(&[]);
    for first in CONTROL {
        // Its header is enough: the payload need not come first.
        subject.fails(&format!("{first:x} of 126"), &[first, 0xfe, 0, 126, 1, 2, 3, 4], 1002);
        let length = [&[first, 0xff][..], &65_536_u64.to_be_bytes(), &[1, 2, 3, 4]].concat();
        subject.fails(&format!("{first:x} of 65536"), &length, 1002);
    }
}

/// The same sentence: what is shorter is right, also where no message may be so long.
#[test]
fn a_control_frame_of_125_bytes_is_taken_whatever_the_limit_of_messages() {
    let subject = Subject::start(&["--max-message", "10"]);
    let payload = [b'x'; 125];
    for door in DOORS {
        let mut client = RawClient::open(&subject.server, door);
        client.send(&frame(PONG, &payload));
        client.send(&frame(PING, &payload));
        assert_eq!(client.wait_for(PONG), payload, "{door}");
        let close = [b"\x03\xe8", &payload[2..]].concat();
        client.send(&frame(CLOSE, &close));
        assert_eq!(client.wait_for(CLOSE), close, "{door}");
        assert_eq!(client.frame(), None);
    }
}

/// 5.5: "[...] and MUST NOT be fragmented." 5.4 says the same.
#[test]
fn a_control_frame_in_fragments_fails() {
    let mut subject = Subject::start(&[]);
    for first in CONTROL {
        // Its header is enough here, too.
        let begin = vec![first & 0x0f, 0x82, 1, 2, 3, 4];
        subject.fails(&format!("begin of {first:x}"), &begin, 1002);
        let within = [frame(0x01, b"hola"), begin].concat();
        subject.fails(&format!("begin of {first:x} within a text"), &within, 1002);
    }
}

/// 5.4: "An endpoint MUST be capable of handling control frames in the middle of a fragmented message."
#[test]
fn control_frames_in_the_middle_of_a_message_are_handled() {
    let subject = Subject::start(&[]);
    let mut echo = subject.echo();
    for (first, whole) in [(0x01, TEXT), (0x02, BINARY)] {
        echo.send(&frame(first, b"ho"));
        // It is answered at once, long before the message is whole.
        echo.send(&frame(PING, b"now"));
        assert_eq!(echo.frame(), Some((PONG, b"now".to_vec())));
        echo.send(&[frame(PONG, b"unasked"), frame(0x00, b"l"), frame(PING, b"")].concat());
        assert_eq!(echo.frame(), Some((PONG, vec![])));
        echo.send(&frame(0x80, b"a"));
        assert_eq!(echo.frame(), Some((whole, b"hola".to_vec())));
    }
    echo.send(&[frame(0x01, b"never whole"), frame(CLOSE, b"\x03\xe8")].concat());
    assert_eq!(echo.wait_for_end().0, 1000);
}

/// 5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
/// frame." 5.5.3: it "must have identical "Application data" as found in the message body of the Ping frame".
#[test]
fn a_ping_is_answered_with_a_pong_of_the_same_payload() {
    let subject = Subject::start(&[]);
    for door in DOORS {
        let mut client = RawClient::open(&subject.server, door);
        for payload in [&b""[..], b"hola", b"\xff\x00\xfe", &[0xfe; 125]] {
            client.send(&frame(PING, payload));
            assert_eq!(client.wait_for(PONG), payload, "{door}");
        }
        // Several at once: each is answered, in order.
        let pings: Vec<u8> = (0..100_u8).flat_map(|number| frame(PING, &[number])).collect();
        client.send(&pings);
        for number in 0..100 {
            assert_eq!(client.wait_for(PONG), [number], "{door}");
        }
        client.send(&[frame(CLOSE, b"\x03\xe8"), frame(PING, b"too late")].concat());
        assert_eq!(client.wait_for_end().0, 1000, "{door}");
    }
}

/// 5.5.3: "A response to an unsolicited Pong frame is not expected." 6.2: "If a control frame (Section 5.5) is received, the
/// frame MUST be handled as defined by Section 5.5."
#[test]
fn a_pong_that_nobody_asked_for_is_not_answered() {
    let mut subject = Subject::start(&[]);
    let mut echo = subject.echo();
    echo.send(&[frame(PONG, b""), frame(PONG, b"unasked"), frame(PING, b"asked")].concat());
    assert_eq!(echo.frame(), Some((PONG, b"asked".to_vec())));
    subject.goes_on("unasked pongs", echo);
}
