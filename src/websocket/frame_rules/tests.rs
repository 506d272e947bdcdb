use super::*;

fn check(bytes: &[u8]) -> Result<(), (usize, u16)> {
    FrameRules::new(100).check(bytes).map_err(|(at, fault)| (at, fault.code()))
}

#[test]
fn valid_frames_pass_and_the_first_wrong_header_after_them_is_found() {
    let good = b"\x01\x81abcd.\x89\x80abcd\x80\x81abcd.\x88\x82abcd\x62\x8a";
    assert_eq!(check(good), Ok(()));
    let mut with_fault = good.to_vec();
    with_fault.extend(b"\xc1\x80abcd");
    assert_eq!(check(&with_fault), Err((good.len(), PROTOCOL_ERROR)));
}

#[test]
fn each_forbidden_header_is_a_protocol_error() {
    for bytes in [
        &b"\xc1\x80abcd"[..],
        b"\xa1\x80abcd",
        b"\x91\x80abcd",
        b"\x83\x80abcd",
        b"\x8b\x80abcd",
        b"\x81\x05Hello",
        b"\x81\xfe\x00\x7dabcd",
        b"\x81\xff\0\0\0\0\0\0\xff\xffabcd",
        b"\x82\xff\x80\0\0\0\0\0\0\0abcd",
        b"\x09\x80abcd",
        b"\x89\xfe\x00\x7eabcd",
        b"\x80\x80abcd",
        b"\x01\x80abcd\x81\x80abcd",
    ] {
        assert_eq!(check(bytes).map_err(|(_, code)| code), Err(PROTOCOL_ERROR), "{bytes:02x?}");
    }
}

#[test]
fn a_data_frame_may_be_as_long_as_a_message_and_a_control_frame_as_125_bytes() {
    assert_eq!(check(b"\x81\xe4abcd"), Ok(()));
    assert_eq!(check(b"\x81\xe5abcd"), Err((0, MESSAGE_TOO_BIG)));
    assert_eq!(check(b"\x89\xfdabcd"), Ok(()));
}

#[test]
fn a_close_code_that_must_not_be_sent_is_found_however_the_frame_is_cut() {
    for (code, allowed) in [(1000_u16, true), (4999, true), (1005, false), (1014, false), (0, false)] {
        let [high, low] = code.to_be_bytes();
        let mut bytes = b"\x89\x80abcd\x88\x83abcd".to_vec();
        bytes.extend([high ^ b'a', low ^ b'b', b'x' ^ b'c']);
        for cut in 0..bytes.len() {
            let mut rules = FrameRules::new(100);
            let (first, rest) = bytes.split_at(cut);
            let result = rules.check(first).and_then(|()| rules.check(rest));
            assert_eq!(result.is_ok(), allowed, "{code}, cut at {cut}");
        }
    }
}

#[test]
fn a_message_of_endless_empty_fragments_ends_the_connection() {
    let mut bytes = b"\x01\x80abcd".to_vec();
    bytes.extend(b"\x00\x80abcd".repeat(127));
    assert_eq!(check(&bytes), Ok(()));
    bytes.extend(b"\x00\x80abcd");
    assert_eq!(check(&bytes).map_err(|(_, code)| code), Err(POLICY_VIOLATION));
}
