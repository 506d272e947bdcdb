use super::*;
use crate::websocket::frame::Scan;

fn tapped(bytes: &[u8], step: usize) -> Vec<Tapped> {
    let mut tap = FrameTap::default();
    let mut all = Vec::new();
    for chunk in bytes.chunks(step) {
        tap.pass(chunk, |found| all.push(found));
    }
    all.extend(tap.end());
    all
}

fn frame(bytes: &'static [u8]) -> Tapped {
    Tapped::Frame { frame: Bytes::from_static(bytes), cut: false }
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_found_in_pieces_of_any_size() {
    const EXAMPLES: [&[u8]; 6] = [
        b"\x81\x05Hello",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x01\x03Hel",
        b"\x80\x02lo",
        b"\x89\x05Hello",
        b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    ];
    let mut expected: Vec<Tapped> = EXAMPLES.into_iter().map(frame).collect();
    let mut bytes = EXAMPLES.concat();
    let long = [&b"\x82\x7e\x01\x00"[..], &[7; 256]].concat();
    bytes.extend(&long);
    expected.push(Tapped::Frame { frame: long.into(), cut: false });
    let longest = [&b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &[7; 65536]].concat();
    bytes.extend(&longest);
    let kept = Bytes::copy_from_slice(&longest[..SHOWN_PAYLOAD + HEADER]);
    expected.push(Tapped::Frame { frame: kept, cut: false });
    for step in (1..=20).chain([bytes.len()]) {
        assert_eq!(tapped(&bytes, step), expected, "cut every {step} bytes");
    }
}

#[test]
fn a_tap_can_begin_at_any_byte() {
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80abcd\x81\x80abcd";
    for begin in 0..bytes.len() {
        let mut scanner = FrameScanner::default();
        let mut before = &bytes[..begin];
        while let Scan::Head { consumed, .. } = scanner.scan(before) {
            before = &before[consumed..];
        }
        let mut tap = FrameTap::at(&scanner);
        let mut found = Vec::new();
        tap.pass(&bytes[begin..], |tapped| found.push(tapped));
        let expected = match begin {
            0..6 => 3,
            6..17 => 2,
            _ => 1,
        };
        assert_eq!(found.len(), expected, "from byte {begin}");
    }
}

#[test]
fn an_incomplete_frame_is_marked_as_cut() {
    let cut = |frame: &'static [u8]| Tapped::Frame { frame: Bytes::from_static(frame), cut: true };
    assert_eq!(tapped(b"\x81\x85\x37", 1), [cut(b"\x81\x85\x37")]);
    assert_eq!(tapped(b"\x81\x85abcd12", 1), [cut(b"\x81\x85abcd12")]);
}

#[test]
fn no_frame_is_reported_after_a_wrong_header() {
    let header = Bytes::from_static(b"\x83\x80abcd");
    let wrong = WrongHeader::ReservedOpcode(3);
    let found = tapped(b"\x89\x80abcd\x83\x80abcd\x89\x80abcd", 1);
    assert_eq!(found, [frame(b"\x89\x80abcd"), Tapped::Broken { header, wrong }]);
}
