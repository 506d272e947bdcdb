//! What a client may send, parsed on the connection's own thread: the broadcaster gets finished values and never sees JSON from
//! a client. Only parses: it must never change anything.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::event::{ErrorCode, Event};
use super::invisible::is_blank;
use super::json::JsonString;
use super::settings::MAX_REFERENCE;
use crate::tap::Privacy;

/// How much longer than its text a message may be as a JSON string. Quotes, backslashes and line ends take two bytes
/// instead of one; only other control characters take six, and no real text consists of those.
pub const JSON_GROWTH: usize = 2;

/// Some programs begin every text with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One text message of a client, understood.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// To all members, or to one alone. `text` is a JSON string, ready to be sent.
    Say { text: JsonString, to: Option<String>, reference: Option<String> },
    /// Change my name to this.
    Rename { name: String },
    /// The member is typing a message to all.
    Typing,
    /// Who is here? The names that come after this one.
    Members(Page),
}

/// A part of the list of members.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page {
    pub after: Option<String>,
    pub reference: Option<String>,
}

/// Not understood, or not allowed; only the sender gets the reason.
#[derive(Debug)]
pub struct Refusal {
    pub code: ErrorCode,
    /// Where a code has several reasons: which one.
    pub why: Option<&'static str>,
    /// The number in the text: a limit, or the place of what is wrong.
    pub number: Option<usize>,
    pub text: Cow<'static, str>,
    /// What the sender called the message.
    pub reference: Option<String>,
}

/// An object as it stands in a text message. Unknown fields are skipped without being kept, so that a message of nothing but
/// nested arrays costs no memory.
#[derive(Debug, Deserialize)]
pub struct Fields {
    #[serde(rename = "type")]
    pub kind: String,
    pub text: Option<String>,
    pub name: Option<String>,
    pub to: Option<String>,
    pub after: Option<String>,
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    pub what: Option<String>,
    pub code: Option<u16>,
    /// A secret.
    pub key: Option<String>,
    pub message: Option<u64>,
    pub on: Option<bool>,
    pub minutes: Option<u32>,
    pub address: Option<bool>,
}

/// What a text message turned out to be.
#[derive(Debug)]
pub enum Parsed {
    Command(Command),
    /// The client asks whether the server is still there. Answered at once, by the connection's thread: no other member has to know.
    Heartbeat {
        answer: String,
        reference: Option<String>,
    },
    /// An object of a type that the chat does not know: perhaps a feature does.
    Unknown(Box<Fields>),
    Refused(Refusal),
}

impl Command {
    /// Plain text is a message to everyone. Text that begins with `{`, perhaps after white space, must be a known object: a private
    /// message must not go to all because of a space before it.
    ///
    /// What is private is decided here, once; a tap uses this mark. A refused object counts as private, since it may have been
    /// meant to be.
    pub fn parse(text: &str) -> (Parsed, Privacy) {
        let is_blank = |letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK;
        let object = text.trim_start_matches(is_blank);
        if !object.starts_with('{') {
            // websocat also sends the end of the line.
            let message = say(text.trim_end_matches(['\r', '\n']), None, None);
            return (message.into(), Privacy::Public);
        }
        let fields: Fields = match serde_json::from_str(object) {
            Ok(fields) => fields,
            Err(error) => {
                return (Parsed::Refused(not_a_message(text, object, &error)), Privacy::Private);
            }
        };
        let privacy = match (&fields.key, &fields.to) {
            (Some(_), _) => Privacy::Secret,
            (None, Some(_)) => Privacy::Private,
            (None, None) => Privacy::Public,
        };
        (Command::from_fields(fields), privacy)
    }

    fn from_fields(fields: Fields) -> Parsed {
        if fields.reference.as_ref().is_some_and(|reference| reference.len() > MAX_REFERENCE) {
            let reason = format!("ref is longer than {MAX_REFERENCE} bytes");
            let refusal = Refusal::new(ErrorCode::BadMessage, reason);
            return Parsed::Refused(refusal.because("long_ref", Some(MAX_REFERENCE)));
        }
        let bad = |text: &'static str| Refusal::new(ErrorCode::BadMessage, text);
        match (fields.kind.as_str(), &fields.text, &fields.name) {
            ("message", Some(text), _) => say(text, fields.to, fields.reference).into(),
            ("message", None, _) => {
                bad("a message needs a text").because("no_text", None).with(fields.reference)
            }
            ("name", _, Some(name)) => Parsed::Command(Command::Rename { name: name.clone() }),
            ("name", _, None) => bad("a name needs a name").because("no_name", None).with(fields.reference),
            ("heartbeat", ..) => {
                let answer = Event::Heartbeat { reference: fields.reference.as_deref() }.text();
                Parsed::Heartbeat { answer, reference: fields.reference }
            }
            ("members", ..) => {
                Parsed::Command(Command::Members(Page { after: fields.after, reference: fields.reference }))
            }
            ("typing", ..) => Parsed::Command(Command::Typing),
            _ => Parsed::Unknown(Box::new(fields)),
        }
    }
}

impl Parsed {
    /// What the sender called the message.
    pub fn reference(self) -> Option<String> {
        match self {
            Parsed::Command(Command::Say { reference, .. } | Command::Members(Page { reference, .. })) => {
                reference
            }
            Parsed::Command(Command::Rename { .. } | Command::Typing) => None,
            Parsed::Heartbeat { reference, .. } => reference,
            Parsed::Unknown(fields) => fields.reference,
            Parsed::Refused(refusal) => refusal.reference,
        }
    }
}

impl From<Result<Command, Refusal>> for Parsed {
    fn from(result: Result<Command, Refusal>) -> Parsed {
        result.map_or_else(Parsed::Refused, Parsed::Command)
    }
}

/// What is wrong, without the text itself: that may be private, and the answer is not marked so.
fn not_a_message(text: &str, object: &str, error: &serde_json::Error) -> Refusal {
    // serde_json counts lines, and bytes in a line, from the object's beginning.
    let lines_before = object.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before = text.len() - object.len();
    let bytes = before + lines_before.map(str::len).sum::<usize>() + error.column();
    let place = text.char_indices().take_while(|(at, _)| *at < bytes).count();
    let (why, text) = match error.classify() {
        Category::Data => (
            "wrong_field",
            format!(
                "not a message: before character {place} a field is doubled, or not of its type, or the type is missing"
            ),
        ),
        _ => ("no_json", format!("not a message: no valid JSON at character {place}")),
    };
    Refusal::new(ErrorCode::BadMessage, text).because(why, Some(place))
}

impl Refusal {
    pub fn new(code: ErrorCode, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, why: None, number: None, text: text.into(), reference: None }
    }

    /// A page finds its words for this by the key and the number.
    pub fn because(self, why: &'static str, number: Option<usize>) -> Refusal {
        Refusal { why: Some(why), number, ..self }
    }

    /// An object of a type that neither the chat nor a feature knows; `more` are the types of features.
    pub fn unknown_type(more: &[&str], reference: Option<String>) -> Refusal {
        let known = [&["message", "name", "typing", "members", "heartbeat"], more].concat();
        let (last, others) = known.split_last().expect("invariant: there are three and more");
        let text = format!("the type is none of {} and {last}", others.join(", "));
        let refusal = Refusal::new(ErrorCode::BadMessage, text).because("unknown_type", None);
        Refusal { reference, ..refusal }
    }

    /// Too many inputs wait for the servers that share the chat.
    pub fn unavailable(reference: Option<String>) -> Refusal {
        let text = "the server has lost touch with the others: this was not sent, try again later";
        Refusal { reference, ..Refusal::new(ErrorCode::Unavailable, text) }
    }

    /// More messages a second than `rate`.
    pub fn too_fast(rate: u32, reference: Option<String>) -> Refusal {
        let text = format!(
            "more than {rate} messages a second: this one was not sent; slow down, or your connection ends"
        );
        let number = Some(rate as usize);
        Refusal { reference, number, ..Refusal::new(ErrorCode::TooFast, text) }
    }

    fn with(self, reference: Option<String>) -> Parsed {
        Parsed::Refused(Refusal { reference, ..self })
    }
}

fn say(text: &str, to: Option<String>, reference: Option<String>) -> Result<Command, Refusal> {
    if is_blank(text) {
        return Err(Refusal { reference, ..Refusal::new(ErrorCode::Empty, "a message needs some text") });
    }
    let json = JsonString::of(text);
    if json.get().len() > JSON_GROWTH * text.len() + 2 {
        let refusal = Refusal::new(ErrorCode::BadMessage, "the text has too many control characters");
        return Err(Refusal { reference, ..refusal.because("control_characters", None) });
    }
    Ok(Command::Say { text: json, to, reference })
}

#[cfg(test)]
mod tests;
