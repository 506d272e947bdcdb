//! Bytes as hexadecimal text, and unmasking. Pure functions, for `describe` and `drawing`, on any thread.

use std::ops::Range;

/// Written in place of a hidden byte.
const HIDDEN: &str = "··";

/// `8185`, with `··` for each byte in `hidden`.
pub fn hex(bytes: &[u8], hidden: &[Range<usize>]) -> String {
    joined_hex(bytes, hidden, "")
}

/// `81 85`, with the same for hidden bytes.
pub fn spaced_hex(bytes: &[u8], hidden: &[Range<usize>]) -> String {
    joined_hex(bytes, hidden, " ")
}

fn joined_hex(bytes: &[u8], hidden: &[Range<usize>], between: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(3 * bytes.len());
    for (position, byte) in bytes.iter().enumerate() {
        if position > 0 {
            text.push_str(between);
        }
        if hidden.iter().any(|range| range.contains(&position)) {
            text.push_str(HIDDEN);
        } else {
            text.push(DIGITS[usize::from(byte >> 4)].into());
            text.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
    text
}

/// Removes the mask (RFC 6455, 5.3): each byte XOR a byte of the key, which repeats.
pub fn unmasked(mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}
