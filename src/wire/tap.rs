//! Finds the frames in what a connection's thread reads, however it was cut, and keeps what is shown of each.
//!
//! Belongs to that thread, and exists only while somebody looks. It reads along and never changes a byte. (What is
//! sent needs none: the backlog knows where its frames end.)

use bytes::Bytes;

use super::frames::{FrameHead, FrameScanner, WrongHeader, read_head};

/// Bytes of one payload that are kept: enough to see whether a message is private.
const KEPT_PAYLOAD: usize = 4096;

/// What a tap found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tapped {
    /// A frame: its header, and the first bytes of its payload.
    Frame {
        frame: Bytes,
        /// It never became whole.
        cut: bool,
    },
    /// No frame may begin so; where the next one would is not known.
    Broken { header: Bytes, wrong: WrongHeader },
}

#[derive(Debug, Default)]
pub struct Tap {
    /// The frame that is arriving: as much of it as is kept.
    frame: Vec<u8>,
    /// Once its header is complete: the payload that is still to come.
    payload_left: Option<u64>,
    /// Bytes to skip: the rest of a frame that began before anybody looked.
    skipped: u64,
    /// Nothing can be found behind a wrong header.
    lost_its_place: bool,
}

impl Tap {
    /// A tap that begins where this scanner stands.
    pub fn at(scanner: &FrameScanner) -> Tap {
        let (frame, skipped) = (scanner.partial_header().to_vec(), scanner.payload_left());
        Tap { frame, skipped, ..Tap::default() }
    }

    /// The next bytes that passed; `found` gets each frame when its last byte is there.
    pub fn pass(&mut self, mut bytes: &[u8], mut found: impl FnMut(Tapped)) {
        let skipped = usize::try_from(self.skipped).unwrap_or(usize::MAX).min(bytes.len());
        self.skipped -= skipped as u64;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() && !self.lost_its_place {
            let Some(left) = self.payload_left else {
                let (byte, rest) = (bytes[0], &bytes[1..]);
                self.frame.push(byte);
                bytes = rest;
                match read_head(&self.frame) {
                    Ok(None) => {}
                    Ok(Some((head, _))) => self.begin_payload(&head, &mut found),
                    Err(wrong) => {
                        self.lost_its_place = true;
                        let header = Bytes::from(std::mem::take(&mut self.frame));
                        found(Tapped::Broken { header, wrong });
                    }
                }
                continue;
            };
            let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let kept = passed.min((KEPT_PAYLOAD + HEADER).saturating_sub(self.frame.len()));
            self.frame.extend_from_slice(&bytes[..kept]);
            bytes = &bytes[passed..];
            self.payload_left = Some(left - passed as u64);
            self.end_if_whole(&mut found);
        }
    }

    /// Nothing more will come: what there is of a frame.
    pub fn end(&mut self) -> Option<Tapped> {
        let frame = Bytes::from(std::mem::take(&mut self.frame));
        (!frame.is_empty()).then_some(Tapped::Frame { frame, cut: true })
    }

    fn begin_payload(&mut self, head: &FrameHead, found: &mut impl FnMut(Tapped)) {
        self.payload_left = Some(head.length);
        self.end_if_whole(found);
    }

    fn end_if_whole(&mut self, found: &mut impl FnMut(Tapped)) {
        if self.payload_left == Some(0) {
            self.payload_left = None;
            let frame = Bytes::from(std::mem::take(&mut self.frame));
            found(Tapped::Frame { frame, cut: false });
        }
    }
}

/// The longest header in bytes.
const HEADER: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn tapped(bytes: &[u8], step: usize) -> Vec<Tapped> {
        let mut tap = Tap::default();
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
    fn the_examples_of_rfc_6455_section_5_7_are_found_byte_for_byte_however_they_are_cut() {
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
        let kept = Bytes::copy_from_slice(&longest[..KEPT_PAYLOAD + HEADER]);
        expected.push(Tapped::Frame { frame: kept, cut: false });
        for step in (1..=20).chain([bytes.len()]) {
            assert_eq!(tapped(&bytes, step), expected, "cut every {step} bytes");
        }
    }

    #[test]
    fn a_tap_can_begin_anywhere() {
        let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x89\x80abcd\x81\x80abcd";
        for begin in 0..bytes.len() {
            let mut scanner = FrameScanner::default();
            let mut before = &bytes[..begin];
            while let super::super::Scan::Head { consumed, .. } = scanner.scan(before) {
                before = &before[consumed..];
            }
            let mut tap = Tap::at(&scanner);
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
    fn a_frame_that_never_became_whole_is_told_as_such() {
        let cut =
            |frame: &'static [u8]| Tapped::Frame { frame: Bytes::from_static(frame), cut: true };
        assert_eq!(tapped(b"\x81\x85\x37", 1), [cut(b"\x81\x85\x37")]);
        assert_eq!(tapped(b"\x81\x85abcd12", 1), [cut(b"\x81\x85abcd12")]);
    }

    #[test]
    fn nothing_is_made_up_behind_a_wrong_header() {
        let header = Bytes::from_static(b"\x83\x80abcd");
        let wrong = WrongHeader::ReservedOpcode(3);
        let found = tapped(b"\x89\x80abcd\x83\x80abcd\x89\x80abcd", 1);
        assert_eq!(found, [frame(b"\x89\x80abcd"), Tapped::Broken { header, wrong }]);
    }
}
