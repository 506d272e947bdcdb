//! Texts as JSON strings: nearly all that people write needs no escape, and is copied as it is.
//!
//! Used by `command` on connection threads and by `event` on the broadcaster's. Must come to the same as `serde_json`, only
//! sooner: a look at every byte at once, not at one after the other.

use serde_json::value::{RawValue, to_raw_value};

/// A text as a JSON string.
///
/// # Errors
/// Never with a text; `serde_json` does not promise it.
pub fn string(text: &str) -> serde_json::Result<Box<RawValue>> {
    if needs_escape(text) {
        return to_raw_value(text);
    }
    let mut json = String::with_capacity(text.len() + 2);
    json.extend(["\"", text, "\""]);
    RawValue::from_string(json)
}

/// Appends a text as a JSON string.
pub fn put_string(text: &str, json: &mut Vec<u8>) {
    if needs_escape(text) {
        // Writing into memory cannot fail.
        let _ = serde_json::to_writer(json, text);
    } else {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    }
}

/// RFC 8259, 7. No early end, so that many bytes are looked at in one instruction.
fn needs_escape(text: &str) -> bool {
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    text.bytes().fold(false, |found, byte| found | is_special(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_to_the_same_as_by_serde() {
        let mut texts: Vec<String> =
            (0..=0x2ff).filter_map(char::from_u32).map(String::from).collect();
        texts.extend(["", "hola \"tú\"", "\u{2028}😀\0", "a\\b\n\r\t\u{8}\u{c}"].map(String::from));
        for text in texts {
            let expected = serde_json::to_string(&text).expect("a text is always a string");
            assert_eq!(string(&text).expect("a text is always a string").get(), expected);
            let mut json = b"x".to_vec();
            put_string(&text, &mut json);
            assert_eq!(json, format!("x{expected}").into_bytes());
        }
    }
}
