//! Which frames the kernel took whole, for the log and for those who watch.
//!
//! A part of the backlog, and only while somebody looks. A frame is seen when its last byte is with the kernel.

use bytes::Bytes;

use crate::wire;

#[derive(Debug, Default)]
pub struct Look {
    /// Bytes of the backlog's first chunk that were seen, or need not be: up to the end of a frame.
    seen: usize,
    /// The beginning of a frame whose rest is the first chunk.
    begun: Bytes,
    /// Whole frames, not fetched yet.
    passed: Vec<Bytes>,
}

impl Look {
    /// So many bytes of the first chunk need not be seen: they belong to a frame that began before anybody looked.
    pub fn from(skipped: usize) -> Look {
        Look { seen: skipped, ..Look::default() }
    }

    pub fn take_passed(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.passed)
    }

    /// The kernel has so many bytes of the first chunk, which `is_rest` of a frame or holds whole ones.
    pub fn pass(&mut self, first: &Bytes, sent: usize, is_rest: bool) {
        let whole = match sent == first.len() {
            true => sent,
            false if is_rest => 0,
            false => last_frame_end(first, sent),
        };
        if whole > self.seen {
            let frames = first.slice(self.seen..whole);
            let begun = std::mem::take(&mut self.begun);
            self.passed.push(match begun.is_empty() {
                true => frames,
                false => [begun, frames].concat().into(),
            });
            self.seen = whole;
        }
        if sent == first.len() {
            self.seen = 0;
        }
    }

    /// What is sent of the frame that is partly sent.
    pub fn take_begun(&mut self, first: &Bytes, sent: usize) -> Bytes {
        let begun = std::mem::take(&mut self.begun);
        let more = &first[self.seen.min(sent)..sent];
        self.seen = self.seen.max(sent);
        if begun.is_empty() {
            Bytes::copy_from_slice(more)
        } else {
            [&begun[..], more].concat().into()
        }
    }

    /// The queue is emptied, but for the rest of a started frame, `sent..end` of what was the first chunk.
    pub fn keep_begun(&mut self, first: &Bytes, sent: usize, end: usize) {
        // Of a frame that began before anybody looked the rest is not seen, either.
        let skipped = self.seen.saturating_sub(sent).min(end - sent);
        let begun = self.take_begun(first, sent);
        *self = Look { seen: skipped, begun, passed: std::mem::take(&mut self.passed) };
        if end == sent {
            self.begun = Bytes::new();
        }
    }
}

/// The end of the last frame of `bytes` that ends at byte `position` or before.
fn last_frame_end(bytes: &[u8], position: usize) -> usize {
    let lengths = wire::whole_frames(bytes).map(|(_, frame)| frame.len());
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    ends.take_while(|end| *end <= position).last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames of five and four bytes.
    const FRAMES: &[u8] = b"\x81\x03abc\x81\x02de";

    fn taken(look: &mut Look) -> Vec<u8> {
        look.take_passed().concat()
    }

    #[test]
    fn a_frame_is_seen_when_its_last_byte_is_gone() {
        let first = Bytes::from_static(FRAMES);
        let mut look = Look::default();
        for (sent, seen) in [(1, 0..0), (4, 0..0), (5, 0..5), (6, 0..0), (9, 5..9)] {
            look.pass(&first, sent, false);
            assert_eq!(taken(&mut look), FRAMES[seen], "after {sent} bytes");
        }
        look.pass(&first, 9, false);
        assert_eq!(taken(&mut look), FRAMES, "the next chunk begins anew");
    }

    #[test]
    fn who_looks_within_a_frame_sees_the_next() {
        let first = Bytes::from_static(FRAMES);
        let mut look = Look::from(5);
        look.pass(&first, 5, false);
        look.pass(&first, 9, false);
        assert_eq!(taken(&mut look), FRAMES[5..]);
    }

    #[test]
    fn a_started_frame_is_seen_whole_though_what_was_behind_it_is_forgotten() {
        let first = Bytes::from_static(FRAMES);
        let mut look = Look::default();
        look.pass(&first, 2, false);
        look.keep_begun(&first, 2, 5);
        let rest = first.slice(2..5);
        look.pass(&rest, 1, true);
        assert_eq!(taken(&mut look), b"");
        look.pass(&rest, 3, true);
        assert_eq!(taken(&mut look), FRAMES[..5]);
    }

    #[test]
    fn what_is_sent_of_an_unfinished_frame_can_be_had() {
        let first = Bytes::from_static(FRAMES);
        let mut look = Look::default();
        look.pass(&first, 7, false);
        assert_eq!(look.take_begun(&first, 7), FRAMES[5..7]);
        assert_eq!(look.take_begun(&first, 7), b""[..], "once");
        let mut late = Look::from(9);
        late.pass(&first, 7, false);
        assert_eq!(late.take_begun(&first, 7), b""[..], "it began before");
    }
}
