//! What lets a client that was cut off come back as the same member: a secret that only it and the chat know.
//!
//! Called by the chat; parsed on the connection's thread, from the query.

use serde::{Deserialize, Serialize};

use crate::token::Token;

/// Numbers rise and are never used twice within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberId(pub u64);

/// A session that a client claims.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionToken {
    pub member: MemberId,
    secret: Token,
}

impl SessionToken {
    /// Parses a session as a client sends it; `None` if it cannot be one of ours.
    pub fn parse(text: &str) -> Option<SessionToken> {
        let (member, secret) = text.split_once('.')?;
        Some(SessionToken { member: MemberId(member.parse().ok()?), secret: Token::parse(secret)? })
    }

    /// There is a secret, and the client knows it.
    pub fn proves(&self, secret: Option<&Token>) -> bool {
        secret.is_some_and(|secret| secret.matches(&self.secret))
    }
}

/// The session as the client gets it: who it is, and the secret.
pub fn session_text(member: MemberId, secret: &Token) -> String {
    format!("{}.{}", member.0, secret.text())
}

#[cfg(test)]
mod tests;
