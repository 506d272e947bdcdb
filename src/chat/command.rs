//! What a client may say, parsed at the edge: on the connection's own thread, so that the broadcaster gets finished
//! values and never looks at JSON from outside. Must never do anything but understand.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::event::ErrorCode;
use super::json::JsonString;
use crate::close;

/// Longest `ref` in bytes.
pub const MAX_REFERENCE: usize = 64;

/// How much longer than its text a message may be as a JSON string. Quotes, backslashes and line ends take two bytes
/// instead of one; only other control characters take six, and nobody writes a text of those.
pub const JSON_GROWTH: usize = 2;

/// Some programs begin every text with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// One text message of a client, understood.
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// To everybody, or to one person alone. `text` is a JSON string, ready to be sent.
    Say { text: JsonString, to: Option<String>, reference: Option<String> },
    /// Change my name to this.
    Rename { name: String },
    /// I am writing a message to everybody.
    Typing,
    /// Do something to my own connection that I cannot ask for otherwise. Nothing of the chat's: the broadcaster does it.
    #[serde(skip)]
    Show(Demonstration),
}

/// What a server can do to a connection, for all to see in the inspector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demonstration {
    /// A ping, which the client answers by itself.
    Ping,
    /// A message in three fragments, with a ping between two of them.
    Fragments,
    /// A binary message.
    Binary,
    /// A close frame with this code, which may be sent.
    Close(u16),
    /// The end of TCP without a close frame.
    Drop,
    /// A frame with a reserved bit.
    BadFrame,
    /// A text that is not UTF-8.
    BadUtf8,
    /// Nothing is read for a while.
    Pause,
    /// Three messages, one a second, that nobody asked for.
    Push,
}

/// Not understood, or not allowed; the sender alone is told.
#[derive(Debug)]
pub struct Refusal {
    pub code: ErrorCode,
    pub text: Cow<'static, str>,
    /// What the sender called the message.
    pub reference: Option<String>,
}

/// The objects that begin with `{`, as on the wire. Fields that nobody knows are skipped without being kept, so that
/// a message of nothing but nested arrays costs no memory.
#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    name: Option<String>,
    to: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    what: Option<String>,
    code: Option<u16>,
}

impl Command {
    /// Plain text is short for a message to everybody; text that begins with `{` must be a known object, with white space before
    /// it or not: what is meant for one person must not go to all for the sake of a line's indentation.
    ///
    /// # Errors
    /// What the sender is to be told.
    pub fn parse(text: &str) -> Result<Command, Refusal> {
        let is_before = |letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK;
        let object = text.trim_start_matches(is_before);
        if !object.starts_with('{') {
            // websocat sends the line with its end.
            return say(text.trim_end_matches(['\r', '\n']), None, None);
        }
        let fields: Fields = match serde_json::from_str(object) {
            Ok(fields) => fields,
            Err(error) => {
                return refused(ErrorCode::BadMessage, not_a_message(text, object, &error), None);
            }
        };
        let reference = fields.reference;
        if reference.as_ref().is_some_and(|reference| reference.len() > MAX_REFERENCE) {
            let reason = format!("ref is longer than {MAX_REFERENCE} bytes");
            return refused(ErrorCode::BadMessage, reason, None);
        }
        match (fields.kind.as_str(), fields.text, fields.name) {
            ("message", Some(text), _) => say(&text, fields.to, reference),
            ("message", None, _) => {
                refused(ErrorCode::BadMessage, "a message needs a text", reference)
            }
            ("name", _, Some(name)) => Ok(Command::Rename { name }),
            ("name", _, None) => refused(ErrorCode::BadMessage, "a name needs a name", reference),
            ("typing", ..) => Ok(Command::Typing),
            ("show", ..) => demonstration(fields.what.as_deref(), fields.code, reference),
            _ => refused(
                ErrorCode::BadMessage,
                "the type is none of message, name, typing and show",
                reference,
            ),
        }
    }

    /// What the sender called this.
    pub fn reference(self) -> Option<String> {
        match self {
            Command::Say { reference, .. } => reference,
            Command::Rename { .. } | Command::Typing | Command::Show(_) => None,
        }
    }
}

/// What is wrong, without what was written: that may be private, and the answer is not.
fn not_a_message(text: &str, object: &str, error: &serde_json::Error) -> String {
    // serde_json counts bytes, and in each line anew, from the object's beginning.
    let lines_before = object.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before = text.len() - object.len();
    let bytes = before + lines_before.map(str::len).sum::<usize>() + error.column();
    let place = text.char_indices().take_while(|(at, _)| *at < bytes).count();
    match error.classify() {
        Category::Data => format!(
            "not a message: before character {place} a field is doubled, or not of its type, or the type is missing"
        ),
        _ => format!("not a message: no valid JSON at character {place}"),
    }
}

fn demonstration(
    what: Option<&str>,
    code: Option<u16>,
    reference: Option<String>,
) -> Result<Command, Refusal> {
    let demonstration = match (what, code) {
        (Some("ping"), _) => Demonstration::Ping,
        (Some("fragments"), _) => Demonstration::Fragments,
        (Some("binary"), _) => Demonstration::Binary,
        (Some("close"), Some(code)) if close::may_be_sent(code) => Demonstration::Close(code),
        (Some("close"), _) => {
            let text = "show close needs a code that may be sent: 1000 to 1003, 1007 to 1013, 3000 to 4999";
            return refused(ErrorCode::BadMessage, text, reference);
        }
        (Some("drop"), _) => Demonstration::Drop,
        (Some("bad_frame"), _) => Demonstration::BadFrame,
        (Some("bad_utf8"), _) => Demonstration::BadUtf8,
        (Some("pause"), _) => Demonstration::Pause,
        (Some("push"), _) => Demonstration::Push,
        _ => {
            let text = "show what? ping, fragments, binary, close, drop, bad_frame, bad_utf8, pause or push";
            return refused(ErrorCode::BadMessage, text, reference);
        }
    };
    Ok(Command::Show(demonstration))
}

impl Refusal {
    /// Too much waits for the servers that share the chat.
    pub fn unavailable(reference: Option<String>) -> Self {
        let text = "the server has lost touch with the others: this was not taken, try again later";
        Refusal { code: ErrorCode::Unavailable, text: text.into(), reference }
    }

    /// The rate, in messages a second, is passed.
    pub fn too_fast(rate: u32, reference: Option<String>) -> Self {
        let text = format!(
            "more than {rate} messages a second: this one was not taken; go on and you are out"
        );
        Refusal { code: ErrorCode::TooFast, text: text.into(), reference }
    }
}

fn say(text: &str, to: Option<String>, reference: Option<String>) -> Result<Command, Refusal> {
    if text.trim().is_empty() {
        return refused(ErrorCode::Empty, "a message needs some text", reference);
    }
    let json = JsonString::of(text);
    if json.get().len() > JSON_GROWTH * text.len() + 2 {
        return refused(ErrorCode::BadMessage, "a text of control characters", reference);
    }
    Ok(Command::Say { text: json, to, reference })
}

fn refused(
    code: ErrorCode,
    text: impl Into<Cow<'static, str>>,
    reference: Option<String>,
) -> Result<Command, Refusal> {
    Err(Refusal { code, text: text.into(), reference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_and_the_object_say_the_same() {
        for said in
            ["hola \"tú\"", "hola \"tú\"\n", r#"{"type":"message","text":"hola \"t\u00fa\""}"#]
        {
            let Ok(Command::Say { text, to: None, reference: None }) = Command::parse(said) else {
                panic!("{said}")
            };
            assert_eq!(text.get(), r#""hola \"tú\"""#);
        }
    }

    #[test]
    fn an_object_behind_white_space_is_an_object_and_not_said_to_everybody() {
        for before in [" ", "\n\t", "\u{a0}", "\u{feff}", "\u{feff} \r\n"] {
            let private = format!(r#"{before}{{"type":"message","text":"psst","to":"Luis"}}"#);
            let Ok(Command::Say { text, to, .. }) = Command::parse(&private) else {
                panic!("{before:?}")
            };
            assert_eq!((text.get(), to.as_deref()), (r#""psst""#, Some("Luis")));
            assert!(Command::parse(&format!("{before}{{psst")).is_err());
            assert!(matches!(Command::parse(&format!("{before}hola")), Ok(Command::Say { .. })));
        }
    }

    #[test]
    fn what_is_not_a_known_object_is_refused_and_never_said() {
        let deep = "{\"type\":\"message\",\"text\":".to_owned() + &"[".repeat(60_000);
        for bad in [
            "{",
            "{}",
            r#"{"type":"shout","text":"x"}"#,
            r#"{"type":"message"}"#,
            r#"{"type":"message","text":5}"#,
            r#"{"type":"message","text":"a","text":"b"}"#,
            r#"{"type":"message","text":"\ud800"}"#,
            r#"{"type":"message","text":"x"} trailing"#,
            r#"{"type":"message","text":"secret","to":5}"#,
            r#"{"type":"message","text":1e999999}"#,
            &deep,
            "\u{1}\u{2}\u{3}",
        ] {
            assert!(Command::parse(bad).is_err(), "{bad:.60}");
        }
    }

    #[test]
    fn the_place_of_a_fault_is_told_in_characters_from_the_beginning() {
        for (bad, place) in [
            ("{", 1),
            (r#"{"type":"message","text":"x"} y"#, 31),
            (r#"{"type":"message","text":"ñ🦀"} y"#, 32),
            ("{\"type\":\"message\",\"text\":\"a\n\"}", 28),
            ("{\n\"type\":\n\"message\",\ny}", 22),
        ] {
            let Err(Refusal { text, .. }) = Command::parse(bad) else { panic!("{bad}") };
            assert_eq!(text, format!("not a message: no valid JSON at character {place}"), "{bad}");
        }
    }

    #[test]
    fn demonstrations_are_known_by_name_and_close_takes_only_codes_that_may_be_sent() {
        let shown = |json: &str| match Command::parse(json) {
            Ok(Command::Show(demonstration)) => Some(demonstration),
            _ => None,
        };
        assert_eq!(shown(r#"{"type":"show","what":"ping"}"#), Some(Demonstration::Ping));
        let close = |code| shown(&format!(r#"{{"type":"show","what":"close","code":{code}}}"#));
        for code in [1000, 1003, 1007, 1013, 3000, 4999] {
            assert_eq!(close(code), Some(Demonstration::Close(code)));
        }
        for code in [0, 999, 1004, 1005, 1006, 1014, 1015, 2000, 5000, 65_535] {
            assert_eq!(close(code), None, "{code}");
        }
        assert_eq!(shown(r#"{"type":"show","what":"close"}"#), None);
        assert_eq!(shown(r#"{"type":"show"}"#), None);
    }

    #[test]
    fn a_message_without_text_is_refused_with_its_ref() {
        let Err(Refusal { code, reference, .. }) =
            Command::parse(r#"{"type":"message","text":" ","ref":"a1"}"#)
        else {
            panic!("must be refused")
        };
        assert_eq!((code, reference.as_deref()), (ErrorCode::Empty, Some("a1")));
    }
}
