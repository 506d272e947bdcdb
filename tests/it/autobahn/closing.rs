//! Group 7: closing.

use super::{Answered, Case, Fails, Frame, Ours, Whole, case, run};
use crate::common::raw::{CLOSE, PING, TEXT};

const NORMAL: Frame = (CLOSE, b"\x03\xe8");
const HELLO: Frame = (TEXT, b"Hello World!");

#[test]
fn groups_7_1_nothing_behind_a_close_frame_counts() {
    let long: Vec<u8> = b"BAsd7&jh23".iter().copied().cycle().take(256 * 1024).collect();
    let long = (TEXT, &long[..]);
    let cases = [
        case("7.1.1", Whole, &[HELLO], &[HELLO], Ours),
        case("7.1.2", Whole, &[NORMAL, (CLOSE, b"")], &[], Answered(1000)),
        case("7.1.3", Whole, &[NORMAL, (PING, b"")], &[], Answered(1000)),
        case("7.1.4", Whole, &[NORMAL, HELLO], &[], Answered(1000)),
        case("7.1.5", Whole, &[(0x01, b"fragment1"), NORMAL, (0x80, b"fragment2")], &[], Answered(1000)),
        // The suite does not judge this one. What was sent before the close frame comes back before it.
        case("7.1.6", Whole, &[long, HELLO, NORMAL, (PING, b"")], &[long, HELLO], Answered(1000)),
    ];
    run(&cases);
}

/// A close frame with this code and reason.
fn closes(number: &str, code: u16, reason: &[u8], end: super::End) -> Case {
    let payload = [&code.to_be_bytes()[..], reason].concat();
    case(number, Whole, &[(CLOSE, &payload)], &[], end)
}

#[test]
fn groups_7_3_and_7_5_a_close_frame_holds_nothing_or_a_code_and_up_to_123_bytes_of_utf_8() {
    let wrong = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64";
    let cases = [
        case("7.3.1", Whole, &[(CLOSE, b"")], &[], Answered(1005)),
        case("7.3.2", Whole, &[(CLOSE, b"a")], &[], Fails(1002)),
        closes("7.3.3", 1000, b"", Answered(1000)),
        closes("7.3.4", 1000, b"Hello World!", Answered(1000)),
        closes("7.3.5", 1000, &[b'*'; 123], Answered(1000)),
        closes("7.3.6", 1000, &[b'*'; 124], Fails(1002)),
        closes("7.5.1", 1000, wrong, Fails(1007)),
    ];
    run(&cases);
}

#[test]
fn groups_7_7_7_9_and_7_13_only_codes_that_may_be_sent_are_answered_with_themselves() {
    let right = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let wrong = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    // The suite does not judge the last two, since the RFC does not say what they are.
    let undefined = [5000, 65_535];
    let mut cases = Vec::new();
    for (group, codes) in [(7, &right[..]), (9, &wrong), (13, &undefined)] {
        for (index, code) in codes.iter().copied().enumerate() {
            let end = if group == 7 { Answered(code) } else { Fails(1002) };
            cases.push(closes(&format!("7.{group}.{}", index + 1), code, b"", end));
        }
    }
    assert_eq!(cases.len(), 24);
    run(&cases);
}
