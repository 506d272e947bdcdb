use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::*;

#[test]
fn every_header_is_read_as_tungstenite_reads_it() {
    let lengths = [0_u64, 5, 125, 126, 0xffff, 0x1_0000, u64::MAX >> 1];
    for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
        // Seven bits hold one length; the longer fields are tested with many.
        let many = if second & 0x7f < 126 { &lengths[..1] } else { &lengths[..] };
        for length in many.iter().copied() {
            let mut bytes = vec![first, second];
            match second & 0x7f {
                126 => bytes.extend((length as u16).to_be_bytes()),
                127 => bytes.extend(length.to_be_bytes()),
                _ => {}
            }
            bytes.extend(b"mask and more");
            for end in 0..bytes.len() {
                let mut cursor = Cursor::new(&bytes[..end]);
                let theirs = FrameHeader::parse(&mut cursor);
                match (read_head(&bytes[..end]), theirs) {
                    (Ok(None), Ok(None)) | (Err(WrongHeader::ReservedOpcode(_)), Err(_)) => {}
                    (Ok(Some((head, header_length))), Ok(Some((header, length)))) => {
                        assert_eq!((head.length, head.mask), (length, header.mask));
                        assert_eq!(header_length as u64, cursor.position());
                        assert_eq!(head.fin, header.is_final);
                        assert_eq!(head.opcode.number(), u8::from(header.opcode));
                        let reserved = [header.rsv1, header.rsv2, header.rsv3].map(u8::from);
                        assert_eq!(head.reserved, reserved[0] << 2 | reserved[1] << 1 | reserved[2]);
                        assert_eq!(head.minimal, header.len(length) == header_length);
                    }
                    (ours, theirs) => panic!("{bytes:x?}: {ours:?} and {theirs:?}"),
                }
            }
        }
    }
}

#[test]
fn every_frame_is_written_as_tungstenite_writes_it() {
    let opcodes = [
        (Opcode::Continuation, OpCode::Data(Data::Continue)),
        (Opcode::Text, OpCode::Data(Data::Text)),
        (Opcode::Binary, OpCode::Data(Data::Binary)),
        (Opcode::Ping, OpCode::Control(Control::Ping)),
        (Opcode::Close, OpCode::Control(Control::Close)),
    ];
    for (ours, theirs) in opcodes {
        for (length, is_final) in [(0, true), (125, false), (126, true), (65_535, true), (65_536, false)] {
            let payload = vec![b'x'; length];
            let mut written = BytesMut::new();
            put_frame(&payload, ours, is_final, &mut written);
            let header = FrameHeader { opcode: theirs, is_final, ..FrameHeader::default() };
            let mut expected = Vec::new();
            header.format(length as u64, &mut expected).expect("memory can be written to");
            expected.extend(payload);
            assert_eq!(written, expected);
        }
    }
}

/// All headers in `bytes`, fed `step` bytes at a time.
fn heads(bytes: &[u8], step: usize) -> Vec<FrameHead> {
    let mut scanner = FrameScanner::default();
    let mut found = Vec::new();
    for mut chunk in bytes.chunks(step) {
        while let Scan::Head { consumed, head, .. } = scanner.scan(chunk) {
            found.push(head);
            chunk = &chunk[consumed..];
        }
    }
    assert!(scanner.at_boundary());
    found
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_read_however_they_are_cut() {
    let mut bytes = Vec::new();
    bytes.extend(b"\x81\x05Hello");
    bytes.extend(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    bytes.extend(b"\x01\x03Hel\x80\x02lo");
    bytes.extend(b"\x89\x05Hello\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    bytes.extend(b"\x82\x7e\x01\x00");
    bytes.extend([7; 256]);
    bytes.extend(b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    bytes.extend([7; 65536]);
    let whole = heads(&bytes, bytes.len());
    let shown: Vec<String> = whole.iter().map(FrameHead::to_string).collect();
    assert_eq!(
        shown,
        [
            "text frame, FIN, 5 bytes",
            "text frame, FIN, masked, 5 bytes",
            "text frame, 3 bytes",
            "continuation frame, FIN, 2 bytes",
            "ping frame, FIN, 5 bytes",
            "pong frame, FIN, masked, 5 bytes",
            "binary frame, FIN, 256 bytes",
            "binary frame, FIN, 65536 bytes",
        ]
    );
    assert!(whole.iter().all(|head| head.minimal));
    for step in 1..=20 {
        assert_eq!(heads(&bytes, step), whole, "cut every {step} bytes");
    }
}

#[test]
fn each_kind_of_wrong_header_is_reported_as_such() {
    assert_eq!(
        FrameScanner::default().scan(b"\x83\x80\0\0\0\0"),
        Scan::Wrong { begin: 0, wrong: WrongHeader::ReservedOpcode(3) }
    );
    assert_eq!(
        FrameScanner::default().scan(b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0"),
        Scan::Wrong { begin: 0, wrong: WrongHeader::LengthTooLarge }
    );
    let Scan::Head { head, .. } = FrameScanner::default().scan(b"\x81\xfe\x00\x05\0\0\0\0") else {
        panic!("the header is complete");
    };
    assert!(!head.minimal);
}

#[test]
fn the_end_of_a_frame_is_found_from_any_byte_in_it() {
    let frames = b"\x81\x03abc\x81\x02de";
    let ends: Vec<usize> = (0..=frames.len()).map(|at| frame_end_after(frames, at)).collect();
    assert_eq!(ends, [0, 5, 5, 5, 5, 5, 9, 9, 9, 9]);
    assert_eq!(frame_end_after(b"\x83\x03no", 3), 3, "never before the position");
}
