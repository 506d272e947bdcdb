//! The 64-byte texts that travel: each says which sender wrote it and which in order it is.
//!
//! So a sender knows its own message when it comes back, and sees at once if one is missing.

/// Length of every message's text, as the issue asks.
pub const TEXT_BYTES: usize = 64;

/// Bytes of a client's frame before the text: two of header, four of mask key.
pub const CLIENT_HEADER_BYTES: usize = 6;

/// What every text begins with. Plain words, so that JSON has nothing to escape.
const MARK: &[u8] = b"fanout ";
const SENDER_AT: usize = MARK.len();
const SENDER_DIGITS: usize = 4;
const NUMBER_AT: usize = SENDER_AT + SENDER_DIGITS + 1;
const NUMBER_DIGITS: usize = 8;

/// The mask key of every frame the load generator sends. A browser takes a new one for each frame;
/// here only the server's work counts, and unmasking costs the same with any key but zero.
const MASK_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A sender's frames: made once, then only the number is written anew.
pub struct FrameMaker {
    masked: Vec<u8>,
}

impl FrameMaker {
    pub fn new(sender: u16) -> Self {
        let text = format!("fanout {sender:04x} {:08x} {:.<43}", 0, "");
        assert_eq!(text.len(), TEXT_BYTES);
        let mut masked = vec![0x81, 0x80 | TEXT_BYTES as u8];
        masked.extend(MASK_KEY);
        masked.extend(text.bytes().enumerate().map(|(index, byte)| byte ^ MASK_KEY[index % 4]));
        Self { masked }
    }

    /// Appends the frame of message `number`.
    pub fn append(&mut self, number: u32, frames: &mut Vec<u8>) {
        for digit in 0..NUMBER_DIGITS {
            let value = (number >> (4 * (NUMBER_DIGITS - 1 - digit)) & 0xf) as usize;
            let index = NUMBER_AT + digit;
            self.masked[CLIENT_HEADER_BYTES + index] =
                b"0123456789abcdef"[value] ^ MASK_KEY[index % 4];
        }
        frames.extend_from_slice(&self.masked);
    }
}

/// Finds the texts in a server's messages and reads sender and number.
#[derive(Default)]
pub struct TextFinder {
    /// Distance of the text's beginning from the payload's end. Ids and names vary in length, but
    /// what follows the text does not: once found, it is a look instead of a search.
    from_end: usize,
}

impl TextFinder {
    /// `(sender, number)` of the text in this payload; none if the text is not one of ours.
    pub fn find(&mut self, payload: &[u8]) -> Option<(u16, u32)> {
        let expected = payload.len().checked_sub(self.from_end)?;
        let at = if payload[expected..].starts_with(MARK) {
            expected
        } else {
            payload.windows(MARK.len()).position(|window| window == MARK)?
        };
        self.from_end = payload.len() - at;
        let text = payload[at..].first_chunk::<TEXT_BYTES>()?;
        let sender = hexadecimal(&text[SENDER_AT..SENDER_AT + SENDER_DIGITS])?;
        let number = hexadecimal(&text[NUMBER_AT..NUMBER_AT + NUMBER_DIGITS])?;
        Some((u16::try_from(sender).ok()?, number))
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}
