//! What is private, judged from the text and not by the server's own parser: an object with a `to`, however it is spelled.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use serde_json::Value;
use serde_json::value::RawValue;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text from its brace on, if it begins like an object.
pub fn object(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK);
    text.starts_with('{').then_some(text)
}

/// The text may be meant for one member alone: it is an object with a `to`, or begins like an object and cannot be read.
pub fn may_be_private(text: &str) -> bool {
    let Some(object) = object(text) else { return false };
    // Values are skipped, so that any depth can be read.
    let fields: Result<HashMap<String, &RawValue>, _> = serde_json::from_str(object);
    fields.map_or(true, |fields| fields.get("to").is_some_and(|to| to.get() != "null"))
}

/// An event of the chat that is for two members.
pub fn is_private_event(event: &Value) -> bool {
    event["type"] == "message" && !event["to"].is_null()
}

/// A frame of the chat, as the inspector shows it, lets a text be read that may be private.
pub fn is_exposed(frame: &Value) -> bool {
    let shown = frame["plain"].as_str().or(frame["payload"].as_str());
    // Where a secret is hidden it is a welcome.
    let Some(text) = shown.and_then(|shown| HEXLOWER.decode(shown.as_bytes()).ok()) else { return false };
    let is_whole = frame["fin"] == true && frame["length"] == text.len();
    is_whole && frame["opcode"] == 1 && std::str::from_utf8(&text).is_ok_and(may_be_private)
}
