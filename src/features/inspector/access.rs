//! Which connections a watcher may see: those opened with its key, or with the teacher's key all of them.
//!
//! Keys are parsed on the connections' threads and compared on the inspector's. Must never log a key.

use data_encoding::BASE32;

use crate::token::{Token, is_same_secret};

/// Random bytes of a teacher's key: 80 bits, short enough to type.
const TEACHER_KEY: usize = 10;

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

/// A key for the teacher: `teacher-` and 16 letters and digits. `None` if the system has no random numbers.
pub fn new_teacher_key() -> Option<String> {
    let mut bytes = [0; TEACHER_KEY];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("teacher-{}", BASE32.encode(&bytes).to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
