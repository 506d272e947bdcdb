//! How a client asks to join: the query of `/ws?name=Ana`, or of a return, parsed at the edge.
//!
//! Made on the connection's thread, before the handshake; the chat decides on the broadcaster's thread what comes of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::session_token::SessionToken;

/// None of it is checked yet; all of it is bounded by the length of a request's head.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name that the client would like to have.
    pub name: Option<String>,
    /// `session`, `epoch` and `after`: it wants to come back.
    pub resume: Option<ResumeRequest>,
    /// The account that signed in, where people must: then its name counts, whatever the client would like.
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
