//! Secrets that the server gives out and recognises later: of a session, of a sign-in, of a capture.
//!
//! Plain data, for every thread. A token is never logged. The time of a comparison never shows how much of a guess was
//! right.

use std::fmt;

use data_encoding::{BASE32, BASE64URL_NOPAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 128 bits.
const BYTES: usize = 16;

/// Random bytes; as text 22 characters of base64url. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token([u8; BYTES]);

impl Token {
    /// A new one, or `None` if the system has no random numbers at the moment.
    pub fn random() -> Option<Token> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok().map(|()| Token(bytes))
    }

    /// Reads a token's text; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Token> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Token)
    }

    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// It is this very token.
    pub fn matches(&self, other: &Token) -> bool {
        is_same_secret(&self.0, &other.0)
    }
}

/// A secret that is short enough to type: 16 letters and digits, 80 bits. `None` if the system has no random numbers.
pub fn short_secret() -> Option<String> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE32.encode(&bytes).to_ascii_lowercase())
}

/// Compares two secrets by their hashes: the time that this takes does not show how much of a guess was right.
pub fn is_same_secret(one: &[u8], other: &[u8]) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

#[cfg(test)]
mod tests;
