//! Texts as JSON strings. Most texts need no escape and are copied as they are.
//!
//! Made by `command` on connections' threads, put into an `event` on the broadcaster's. The result must be that of `serde_json`.
//! This is faster: it checks many bytes in one instruction.

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
            return JsonString(json.into());
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
        serde_json::to_writer(json, text).expect("invariant: writing into memory cannot fail");
    } else {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    }
}

/// RFC 8259, 7. No early return, so that the compiler can check many bytes in one instruction.
fn needs_escape(text: &str) -> bool {
    let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    text.bytes().fold(false, |found, byte| found | is_special(byte))
}

#[cfg(test)]
mod tests;
