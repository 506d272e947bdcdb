//! How a client asks to join, or to come back: the query of `/ws?name=Ana`, parsed.
//!
//! Made on the connection's thread, before the handshake; the chat decides about it on the broadcaster's thread.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::session_token::SessionToken;

/// Nothing in it is checked yet. The length of a request's head bounds it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name that the client asks for.
    pub name: Option<String>,
    /// `session`, `epoch` and `after`: it wants to come back.
    pub resume: Option<ResumeRequest>,
    /// The account that signed in, where users must: then the member has its name, not the one asked for.
    pub account: Option<Name>,
}

/// The session to go on with, and the last event that the client has.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResumeRequest {
    pub session: Option<SessionToken>,
    pub epoch: String,
    pub after: u64,
}

/// Without the secret.
impl fmt::Debug for ResumeRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ResumeRequest after {}", self.after)
    }
}

impl JoinRequest {
    /// Reads a URL's query. Unknown keys are skipped; of a repeated one the first counts.
    pub fn parse(query: &str) -> Self {
        let value = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == wanted).map(|(_, value)| value.into_owned())
        };
        let resume = value("session").map(|session| ResumeRequest {
            session: SessionToken::parse(&session),
            epoch: value("epoch").unwrap_or_default(),
            after: value("after").and_then(|after| after.parse().ok()).unwrap_or(0),
        });
        JoinRequest { name: value("name"), resume, account: None }
    }
}

#[cfg(test)]
mod tests;
