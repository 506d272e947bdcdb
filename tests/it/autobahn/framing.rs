//! Groups 1 (framing), 2 (pings and pongs), 3 (reserved bits), 4 (opcodes), 5 (fragmentation) and 10.1 (fragments of a
//! sender's own making).

use super::{Case, Fails, Frame, Frames, Octets, Ours, Whole, case, ends, open, run, send, server};
use crate::common::raw::{BINARY, PING, PONG, TEXT, frame};

const HELLO: Frame = (TEXT, b"Hello, world!");
const NOISE: &[u8] = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff";

#[test]
fn group_1_messages_of_every_form_of_length_come_back() {
    let mut cases = Vec::new();
    for (group, first, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        let sizes = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];
        for (index, size) in sizes.into_iter().enumerate() {
            let chop = if index == 7 { Octets(997) } else { Whole };
            let payload = vec![byte; size];
            let message = [(first, &payload[..])];
            cases.push(case(&format!("1.{group}.{}", index + 1), chop, &message, &message, Ours));
        }
    }
    assert_eq!(cases.len(), 16);
    run(&cases);
}

#[rustfmt::skip]
fn pings_and_pongs() -> Vec<Case> {
    let unasked = b"unsolicited pong payload";
    let long = [0xfe; 125];
    let ping = |number, chop, payload: &[u8]| {
        case(number, chop, &[(PING, payload)], &[(PONG, payload)], Ours)
    };
    let payloads: Vec<String> = (0..10).map(|number| format!("payload-{number}")).collect();
    let ten = |first| payloads.iter().map(|text| (first, text.as_bytes())).collect::<Vec<Frame>>();
    vec![
        ping("2.1", Whole, b""),
        ping("2.2", Whole, b"Hello, world!"),
        ping("2.3", Whole, NOISE),
        ping("2.4", Whole, &long),
        case("2.5", Whole, &[(PING, &[0xfe; 126])], &[], Fails(1002)),
        ping("2.6", Octets(1), &long),
        case("2.7", Whole, &[(PONG, b"")], &[], Ours),
        case("2.8", Whole, &[(PONG, unasked)], &[], Ours),
        case("2.9", Whole, &[(PONG, unasked), (PING, b"ping payload")], &[(PONG, b"ping payload")], Ours),
        case("2.10", Whole, &ten(PING), &ten(PONG), Ours),
        case("2.11", Octets(1), &ten(PING), &ten(PONG), Ours),
    ]
}

#[test]
fn group_2_each_ping_is_answered_and_no_pong() {
    let cases = pings_and_pongs();
    assert_eq!(cases.len(), 11);
    run(&cases);
}

#[test]
fn group_3_reserved_bits_fail_behind_what_was_right() {
    let (hello, ping) = (HELLO.1, (PING, &b""[..]));
    let cases = [
        case("3.1", Whole, &[(0x90 | 1, hello)], &[], Fails(1002)),
        case("3.2", Whole, &[HELLO, (0xa0 | 1, hello), ping], &[HELLO], Fails(1002)),
        case("3.3", Frames, &[HELLO, (0xb0 | 1, hello), ping], &[HELLO], Fails(1002)),
        case("3.4", Octets(1), &[HELLO, (0xc0 | 1, hello), ping], &[HELLO], Fails(1002)),
        case("3.5", Whole, &[(0xd0 | 2, NOISE)], &[], Fails(1002)),
        case("3.6", Whole, &[(0xe0 | 2, hello)], &[], Fails(1002)),
        case("3.7", Whole, &[(0xf0 | 8, b"")], &[], Fails(1002)),
    ];
    run(&cases);
}

#[test]
fn group_4_reserved_opcodes_fail_behind_what_was_right() {
    let mut cases = Vec::new();
    for (group, opcode) in [(1, 3), (2, 11)] {
        let number = |case| format!("4.{group}.{case}");
        let (first, hello, ping) = (0x80 | opcode, HELLO.1, (PING, &b""[..]));
        let behind = |first, payload| [HELLO, (first, payload), ping];
        let mut add = |index, chop, sent: &[Frame], heard: &[Frame]| {
            cases.push(case(&number(index), chop, sent, heard, Fails(1002)));
        };
        add(1, Whole, &[(first, b"")], &[]);
        add(2, Whole, &[(first + 1, b"reserved opcode payload")], &[]);
        add(3, Whole, &behind(first + 2, b""), &[HELLO]);
        add(4, Whole, &behind(first + 3, hello), &[HELLO]);
        add(5, Octets(1), &behind(first + 4, hello), &[HELLO]);
    }
    assert_eq!(cases.len(), 10);
    run(&cases);
}

/// All of group 5 but 5.19 and 5.20.
#[rustfmt::skip]
fn fragmentation() -> Vec<Case> {
    const ONE: Frame = (0x01, b"fragment1");
    const TWO: Frame = (0x80, b"fragment2");
    const BOTH: Frame = (TEXT, b"fragment1fragment2");
    const PINGED: Frame = (PING, b"ping payload");
    const PONGED: Frame = (PONG, b"ping payload");
    let nothing = b"non-continuation payload";
    let last_of_nothing = [(0x80, &nothing[..]), HELLO];
    let begin_of_nothing = [(0x00, &nothing[..]), HELLO];
    let within = |first| [(first, &b"fragment1"[..]), (0x01, b"fragment2"), (0x80, b"fragment3")].repeat(2);
    vec![
        case("5.1", Whole, &[(0x09, b"fragment1"), TWO], &[], Fails(1002)),
        case("5.2", Whole, &[(0x0a, b"fragment1"), TWO], &[], Fails(1002)),
        case("5.3", Whole, &[ONE, TWO], &[BOTH], Ours),
        case("5.4", Frames, &[ONE, TWO], &[BOTH], Ours),
        case("5.5", Octets(1), &[ONE, TWO], &[BOTH], Ours),
        case("5.6", Whole, &[ONE, PINGED, TWO], &[PONGED, BOTH], Ours),
        case("5.7", Frames, &[ONE, PINGED, TWO], &[PONGED, BOTH], Ours),
        case("5.8", Octets(1), &[ONE, PINGED, TWO], &[PONGED, BOTH], Ours),
        case("5.9", Whole, &last_of_nothing, &[], Fails(1002)),
        case("5.10", Frames, &last_of_nothing, &[], Fails(1002)),
        case("5.11", Octets(1), &last_of_nothing, &[], Fails(1002)),
        case("5.12", Whole, &begin_of_nothing, &[], Fails(1002)),
        case("5.13", Frames, &begin_of_nothing, &[], Fails(1002)),
        case("5.14", Octets(1), &begin_of_nothing, &[], Fails(1002)),
        case("5.15", Whole, &[ONE, TWO, (0x00, b"fragment3"), (TEXT, b"fragment4")], &[BOTH], Fails(1002)),
        case("5.16", Whole, &within(0x00), &[], Fails(1002)),
        case("5.17", Whole, &within(0x80), &[], Fails(1002)),
        case("5.18", Whole, &[ONE, (TEXT, b"fragment2")], &[], Fails(1002)),
    ]
}

#[test]
fn group_5_fragments_are_one_message_and_nothing_else_may_stand_between_them() {
    let cases = fragmentation();
    assert_eq!(cases.len(), 18);
    run(&cases);
}

#[test]
fn cases_5_19_and_5_20_a_ping_within_a_message_is_answered_before_the_message_is_whole() {
    let server = server();
    let ping = |number| frame(PING, format!("pongme {number}!").as_bytes());
    let part = |first, number| frame(first, format!("fragment{number}").as_bytes());
    for (number, chop) in [("5.19", Whole), ("5.20", Frames)] {
        let mut client = open(&server);
        send(&mut client, chop, &[part(0x01, 1), part(0x00, 2), ping(1)]);
        assert_eq!(client.frame(), Some((PONG, b"pongme 1!".to_vec())), "{number}");
        send(&mut client, chop, &[part(0x00, 3), part(0x00, 4), ping(2), part(0x80, 5)]);
        assert_eq!(client.frame(), Some((PONG, b"pongme 2!".to_vec())), "{number}");
        let whole = b"fragment1fragment2fragment3fragment4fragment5";
        assert_eq!(client.frame(), Some((TEXT, whole.to_vec())), "{number}");
        ends(&server, number, client, Ours);
    }
}

#[test]
fn case_10_1_1_a_message_in_fragments_of_1300_bytes_comes_back() {
    let payload = [b'*'; 65_536];
    let mut frames: Vec<Frame> = payload.chunks(1300).map(|chunk| (0x00, chunk)).collect();
    assert_eq!(frames.len(), 51);
    frames[0].0 = 0x01;
    frames[50].0 = 0x80;
    run(&[case("10.1.1", Whole, &frames, &[(TEXT, &payload)], Ours)]);
}
