//! Group 6: UTF-8.

use super::{Case, Fails, Frame, Ours, Whole, case, ends, open, run, server};
use crate::common::raw::{PING, PONG, TEXT, frame};

const COSMOS: &[u8] = "κόσμε".as_bytes();

/// All of a payload in fragments of one byte, as the suite makes them: the last byte is the last fragment.
fn by_octets(payload: &[u8]) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame> = payload.chunks(1).map(|byte| (0x00, byte)).collect();
    if let Some(first) = frames.first_mut() {
        first.0 = 0x01;
    }
    if let Some(last) = frames.last_mut() {
        last.0 |= 0x80;
    }
    frames
}

#[test]
fn groups_6_1_to_6_3_a_text_is_judged_as_a_whole() {
    const MIDDLE: &[u8] = b"middle frame payload";
    let (begin, end) = ("Hello-µ@ßöä".as_bytes(), "üàá-UTF-8!!".as_bytes());
    let hello = &[begin, end].concat()[..];
    let wrong = [COSMOS, b"\xed\xa0\x80edited"].concat();
    let cases = [
        case("6.1.1", Whole, &[(TEXT, b"")], &[(TEXT, b"")], Ours),
        case("6.1.2", Whole, &[(0x01, b""), (0x00, b""), (0x80, b"")], &[(TEXT, b"")], Ours),
        case("6.1.3", Whole, &[(0x01, b""), (0x00, MIDDLE), (0x80, b"")], &[(TEXT, MIDDLE)], Ours),
        case("6.2.1", Whole, &[(TEXT, hello)], &[(TEXT, hello)], Ours),
        case("6.2.2", Whole, &[(0x01, begin), (0x80, end)], &[(TEXT, hello)], Ours),
        case("6.2.3", Whole, &by_octets(hello), &[(TEXT, hello)], Ours),
        case("6.2.4", Whole, &by_octets(COSMOS), &[(TEXT, COSMOS)], Ours),
        case("6.3.1", Whole, &[(TEXT, &wrong)], &[], Fails(1007)),
        case("6.3.2", Whole, &by_octets(&wrong), &[], Fails(1007)),
    ];
    run(&cases);
}

/// Parts of a text: right so far, what makes it wrong, and the rest.
const PARTS: [(&str, [&[u8]; 3]); 2] = [
    ("1", [COSMOS, b"\xf4\x90\x80\x80", b"edited"]),
    ("2", [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4", b"\x90", b"\x80\x80edited"]),
];

#[test]
fn cases_6_4_1_and_6_4_2_a_fragment_that_makes_the_text_wrong_fails_before_the_next_one_comes() {
    let server = server();
    for (number, [right, wrong, _]) in PARTS {
        let number = format!("6.4.{number}");
        let mut client = open(&server);
        client.send(&frame(0x01, right));
        // So far the server has nothing against it.
        client.send(&frame(PING, b""));
        assert_eq!(client.frame(), Some((PONG, vec![])), "{number}");
        client.send(&frame(0x00, wrong));
        ends(&server, &number, client, Fails(1007));
    }
}

/// The suite calls `NON-STRICT` that the frame is judged only when all of it is there.
#[test]
fn cases_6_4_3_and_6_4_4_a_text_that_is_wrong_in_the_middle_of_a_frame_fails() {
    let server = server();
    for (number, parts) in PARTS {
        let number = if number == "1" { "6.4.3" } else { "6.4.4" };
        let mut client = open(&server);
        let frame = frame(TEXT, &parts.concat());
        let (begin, end) = frame.split_at(frame.len() - parts[2].len());
        let (begin, wrong) = begin.split_at(begin.len() - parts[1].len());
        [begin, wrong, end].iter().for_each(|chop| client.send(chop));
        ends(&server, number, client, Fails(1007));
    }
}

/// The rest of the group: sequences of Markus Kuhn's UTF-8 decoder stress test. Each row goes on with the numbers of its
/// subgroup.
#[rustfmt::skip]
const SEQUENCES: &[(u8, bool, &[&[u8]])] = &[
    // Valid sequences of each length, and a word.
    (5, true, &[b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", COSMOS]),
    // All beginnings of that word.
    (6, false, &[b"\xce"]),
    (6, true, &[b"\xce\xba"]),
    (6, false, &[b"\xce\xba\xe1", b"\xce\xba\xe1\xbd"]),
    (6, true, &[b"\xce\xba\xe1\xbd\xb9"]),
    (6, false, &[b"\xce\xba\xe1\xbd\xb9\xcf"]),
    (6, true, &[b"\xce\xba\xe1\xbd\xb9\xcf\x83"]),
    (6, false, &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce"]),
    (6, true, &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc"]),
    (6, false, &[b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce"]),
    (6, true, &[COSMOS]),
    // The first sequence of each length.
    (7, true, &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    (8, false, &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    // The last one.
    (9, true, &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    (10, false, &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    // Other boundaries.
    (11, true, &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
    (11, false, &[b"\xf4\x90\x80\x80"]),
    // Continuations of nothing; the last of the subgroup is below.
    (12, false, &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf", b"\x80\xbf\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"]),
    // The last byte is missing.
    (14, false, &[b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80"]),
    (14, false, &[b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"]),
    // All of these together.
    (15, false, &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"]),
    // Bytes that cannot be.
    (16, false, &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    // A slash in too many bytes, the highest character of each length in one more, and NUL.
    (17, false, &[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"]),
    (18, false, &[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"]),
    (19, false, &[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"]),
    // Surrogates of UTF-16, single and in pairs.
    (20, false, &[b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"]),
    (21, false, &[b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xa0\x80\xed\xbf\xbf", b"\xed\xad\xbf\xed\xb0\x80", b"\xed\xad\xbf\xed\xbf\xbf"]),
    (21, false, &[b"\xed\xae\x80\xed\xb0\x80", b"\xed\xae\x80\xed\xbf\xbf", b"\xed\xaf\xbf\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"]),
    // What is no character, but UTF-8; the others of the subgroup are below.
    (22, true, &[b"\xef\xbf\xbe", b"\xef\xbf\xbf"]),
    // Special ones.
    (23, true, &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xef\xbf\xbf"]),
];

/// Adds one to the cases of its subgroup.
fn add(cases: &mut Vec<Case>, group: u8, valid: bool, text: &[u8]) {
    let prefix = format!("6.{group}.");
    let number = 1 + cases.iter().filter(|case| case.number.starts_with(&prefix)).count();
    let message = [(TEXT, text)];
    let (heard, end) = if valid { (&message[..], Ours) } else { (&[][..], Fails(1007)) };
    cases.push(case(&format!("{prefix}{number}"), Whole, &message, heard, end));
}

#[test]
fn groups_6_5_to_6_23_every_valid_sequence_comes_back_and_every_other_fails() {
    let mut cases = Vec::new();
    for (group, valid, texts) in SEQUENCES {
        texts.iter().for_each(|text| add(&mut cases, *group, *valid, text));
    }
    // All continuations but the last, then all first bytes of each length but the last, each by itself.
    add(&mut cases, 12, false, &(0x80..0xbf).collect::<Vec<u8>>());
    for firsts in [0xc0..0xdf, 0xe0..0xef, 0xf0..0xf7, 0xf8..0xfb, 0xfc..0xfd] {
        add(&mut cases, 13, false, &firsts.flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>());
    }
    for plane in 1..=16_u32 {
        for last in [0xfffe, 0xffff] {
            let character = char::from_u32(plane << 16 | last).expect("a scalar value");
            add(&mut cases, 22, true, character.to_string().as_bytes());
        }
    }
    assert_eq!(cases.len(), 132);
    run(&cases);
}
