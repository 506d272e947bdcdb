//! Texts as JSON strings. Most texts need no escape and are copied as they are.
//!
//! Made by `command` on connections' threads, put into an `event` on the broadcaster's. The result must be that of `serde_json`, but that
//! control characters beyond ASCII are escaped, too: a terminal may obey them. This is faster: it checks many bytes in one instruction.

use serde::de::Deserializer;
use serde::ser::{Error, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A text as a JSON string, quotes and all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonString(Box<str>);

impl JsonString {
    pub fn of(text: &str) -> JsonString {
        if needs_escape(text) {
            let json = serde_json::to_string(text).expect("invariant: every text is a JSON string");
            return JsonString(escape_controls(json).into());
        }
        let mut json = String::with_capacity(text.len() + 2);
        json.push('"');
        json.push_str(text);
        json.push('"');
        JsonString(json.into())
    }

    /// The JSON.
    pub fn get(&self) -> &str {
        &self.0
    }
}

/// As it is: it is JSON already, and must not be quoted again.
impl Serialize for JsonString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonString, D::Error> {
        String::deserialize(deserializer).map(|text| JsonString::of(&text))
    }
}

/// Appends a text as a JSON string.
pub fn put_string(text: &str, json: &mut Vec<u8>) {
    if needs_escape(text) {
        json.extend_from_slice(JsonString::of(text).get().as_bytes());
    } else {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    }
}

/// RFC 8259, 7; and what control characters beyond ASCII begin with, in UTF-8. No early return, so that the compiler can check many
/// bytes in one instruction.
fn needs_escape(text: &str) -> bool {
    let is_special =
        |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\' | DELETE | BEFORE_CONTROL | BEFORE_SEPARATOR);
    text.bytes().fold(false, |found, byte| found | is_special(byte))
}

const DELETE: u8 = 0x7f;
/// The first bytes of U+0080 to U+009F, and of U+2028 and U+2029.
const BEFORE_CONTROL: u8 = 0xc2;
const BEFORE_SEPARATOR: u8 = 0xe2;

/// Escapes the control characters that JSON would let through: U+007F to U+009F, and the separators of lines and paragraphs.
pub fn escape_controls(json: String) -> String {
    let is_control = |one: char| matches!(one, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}');
    let may_begin = |byte: u8| matches!(byte, DELETE | BEFORE_CONTROL | BEFORE_SEPARATOR);
    if !json.bytes().fold(false, |found, byte| found | may_begin(byte)) || !json.contains(is_control) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for one in json.chars() {
        match is_control(one) {
            // Only strings have such characters in them.
            true => escaped += &format!("\\u{:04x}", u32::from(one)),
            false => escaped.push(one),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
