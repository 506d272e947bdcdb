//! A fuzzer's bytes, taken from the front as numbers and pieces. Any bytes mean something, so that none are wasted.

/// What is left of an input.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// The next byte is the length; where fewer bytes are left, all of them.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }
}

/// The bytes in pieces of these lengths, over and over; a length of 0 is 256.
pub fn pieces(bytes: &[u8], lengths: [u8; 4]) -> impl Iterator<Item = &[u8]> {
    let mut lengths = lengths.into_iter().cycle();
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = lengths.next().map_or(1, |length| 1 + usize::from(length.wrapping_sub(1)));
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}
