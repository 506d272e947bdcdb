//! Which connections a watcher may see: those opened with its key, or with the teacher's key all of them.
//!
//! Keys are parsed on the connections' threads and compared on the inspector's. Must never log a key.

use serde::Deserialize;

use crate::close_code::{self, CloseReason};
use crate::token::{Token, is_same_secret};

const NOT_A_WATCH: CloseReason = CloseReason::new(
    close_code::POLICY_VIOLATION,
    r#"not_a_watch: without ?key= the first message must be like {"type":"watch","key":"KEY"}"#,
);
const WRONG_KEY: CloseReason =
    CloseReason::new(close_code::POLICY_VIOLATION, "wrong_key: this is no key to watch with");

/// The first message of a watcher.
#[derive(Deserialize)]
struct Watch {
    #[serde(rename = "type")]
    kind: String,
    key: String,
}

/// The connections that a watcher may see.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Those that were opened with this key.
    Key(Token),
    /// All, except those of watchers. For the teacher.
    Everyone,
}

impl Scope {
    /// The scope of a key; `None` if the text cannot be a key.
    pub fn parse(key: &str, teacher_key: Option<&str>) -> Option<Scope> {
        let is_teacher = |teacher_key: &str| is_same_secret(teacher_key.as_bytes(), key.as_bytes());
        if teacher_key.is_some_and(is_teacher) {
            return Some(Scope::Everyone);
        }
        Token::parse(key).map(Scope::Key)
    }

    /// The scope of the key in a first message: `{"type":"watch","key":"…"}`.
    ///
    /// # Errors
    /// The fault, if it is something else, or the text cannot be a key.
    pub fn parse_message(text: &str, teacher_key: Option<&str>) -> Result<Scope, CloseReason> {
        let watch: Option<Watch> = serde_json::from_str(text).ok();
        let watch = watch.filter(|watch| watch.kind == "watch").ok_or(NOT_A_WATCH)?;
        Scope::parse(&watch.key, teacher_key).ok_or(WRONG_KEY)
    }

    /// Whether both are the same connections. Compares keys in constant time.
    pub fn is_same(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Everyone, Scope::Everyone) => true,
            (Scope::Key(one), Scope::Key(other)) => one.matches(other),
            _ => false,
        }
    }

    /// Whether a connection that was opened with this key belongs to it.
    pub fn includes(&self, key: Option<&Token>) -> bool {
        match (self, key) {
            (Scope::Everyone, _) => true,
            (Scope::Key(key), Some(other)) => key.matches(other),
            (Scope::Key(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests;
