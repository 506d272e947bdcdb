//! What lets a client watch a connection: the key that came with that connection, or the teacher's.
//!
//! Read on the connections' threads, compared on the inspector's. Never logged.

use data_encoding::BASE32;

use crate::token::{Token, is_same_secret};

/// Random bytes of a teacher's key: 80 bits, few enough to be typed.
const TEACHER_KEY: usize = 10;

/// What a watcher may see.
#[derive(Debug, Clone)]
pub enum Watch {
    /// Connections that came with this key.
    Key(Token),
    /// All connections but those of watchers; the teacher's right.
    Everyone,
}

impl Watch {
    /// What this key opens; `None` if it cannot be one.
    pub fn parse(key: &str, teacher_key: Option<&str>) -> Option<Watch> {
        let is_teacher = |teacher_key: &str| is_same_secret(teacher_key.as_bytes(), key.as_bytes());
        if teacher_key.is_some_and(is_teacher) {
            return Some(Watch::Everyone);
        }
        Token::parse(key).map(Watch::Key)
    }

    /// The same connections are watched by both.
    pub fn is_same(&self, other: &Watch) -> bool {
        match (self, other) {
            (Watch::Everyone, Watch::Everyone) => true,
            (Watch::Key(one), Watch::Key(other)) => one.matches(other),
            _ => false,
        }
    }

    /// A connection that came with this key is watched.
    pub fn includes(&self, key: Option<&Token>) -> bool {
        match (self, key) {
            (Watch::Everyone, _) => true,
            (Watch::Key(key), Some(other)) => key.matches(other),
            (Watch::Key(_), None) => false,
        }
    }
}

/// A key for the teacher: `teacher-` and 16 letters and digits. `None` if the system has no random numbers.
pub fn new_teacher_key() -> Option<String> {
    let mut bytes = [0; TEACHER_KEY];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("teacher-{}", BASE32.encode(&bytes).to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
