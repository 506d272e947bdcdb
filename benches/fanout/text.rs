//! The texts of the messages: each contains its sender and its number.
//!
//! So a sender recognizes its own message and notices a missing one. With the schedule, the number gives the time at which
//! the message had to be sent.

/// Length of a message's text where nothing else is said, as the issue asks; none is shorter.
pub const TEXT_BYTES: usize = 64;

/// Bytes of a client's frame before a text of [`TEXT_BYTES`]: two of header, four of mask key.
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

/// A frame as a client sends it; the payload is below 126 bytes or in two bytes' reach.
pub fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()).expect("a frame of this benchmark is below 64 KiB") {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
        }
    }
    frame.extend(MASK_KEY);
    frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ MASK_KEY[index % 4]));
    frame
}

/// A sender's frames: made once, then only the number is replaced.
pub struct FrameMaker {
    masked: Vec<u8>,
    /// Of the number's first digit: in the frame, and in the payload, by which the mask key turns.
    in_frame: usize,
    in_payload: usize,
}

impl FrameMaker {
    /// The text is between `before` and `after`.
    pub fn new(sender: u16, text_bytes: usize, before: &str, after: &str) -> Self {
        let mut payload = format!("{before}fanout {sender:04x} {:08x} ", 0);
        let dots = text_bytes - (payload.len() - before.len());
        payload.extend(std::iter::repeat_n('.', dots));
        payload.push_str(after);
        let masked = masked(1, payload.as_bytes());
        let in_payload = before.len() + NUMBER_AT;
        let in_frame = masked.len() - payload.len() + in_payload;
        Self { masked, in_frame, in_payload }
    }

    /// Appends the frame of message `number`.
    pub fn append(&mut self, number: u32, frames: &mut Vec<u8>) {
        for digit in 0..NUMBER_DIGITS {
            let value = (number >> (4 * (NUMBER_DIGITS - 1 - digit)) & 0xf) as usize;
            self.masked[self.in_frame + digit] =
                b"0123456789abcdef"[value] ^ MASK_KEY[(self.in_payload + digit) % 4];
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
