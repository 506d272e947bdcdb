//! Texts as JSON strings: nearly all that people write needs no escape, and is copied as it is.
//!
//! Made by `command` on connection threads, put into an `event` on the broadcaster's. Must come to the same as `serde_json`,
//! only sooner: a look at every byte at once, not at one after the other.

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
            // A text has no way to fail; were there one, an empty string says nothing wrong.
            let json = serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned());
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

/// As it is, not as a string that holds a string.
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
mod tests;
