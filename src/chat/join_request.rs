//! How a client asks to join, or to come back: the query of `/ws?name=Ana`, or the first message after `/ws?join=message`, parsed.
//!
//! Made on the connection's thread, before the handshake or after it; the chat decides about it on the broadcaster's thread.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::session_token::SessionToken;
use crate::close_code::{self, CloseReason};

/// Longest first message in bytes: about as long as a query can be.
const MAX_MESSAGE: usize = 8 * 1024;

const NOT_A_JOIN: CloseReason = CloseReason::new(
    close_code::POLICY_VIOLATION,
    r#"not_a_join: after ?join=message the first message must be like {"type":"join","name":"Ana"}"#,
);

/// The first message. Unknown fields are skipped: features may have theirs in it.
#[derive(Deserialize)]
struct Join {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    session: Option<String>,
    epoch: Option<String>,
    after: Option<u64>,
}

/// Nothing in it is checked yet. The length of a request's head bounds it, or [`MAX_MESSAGE`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name that the client asks for.
    pub name: Option<String>,
    /// `session`, `epoch` and `after`: it wants to come back.
    pub resume: Option<ResumeRequest>,
    /// The account that signed in, where users must: then the member has its name, not the one asked for.
    pub account: Option<Name>,
    /// The account has the mark of a teacher.
    pub is_teacher: bool,
    /// Where the client is.
    pub address: Option<IpAddr>,
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
        JoinRequest { name: value("name"), resume, ..JoinRequest::default() }
    }

    /// The query says that the first message has it all, so that no proxy logs a session.
    pub fn is_in_message(query: &str) -> bool {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.any(|(key, value)| key == "join" && value == "message")
    }

    /// Reads a first message.
    ///
    /// # Errors
    /// The fault, if it is something else.
    pub fn parse_message(text: &str) -> Result<Self, CloseReason> {
        let join: Option<Join> =
            (text.len() <= MAX_MESSAGE).then(|| serde_json::from_str(text).ok()).flatten();
        let join = join.filter(|join| join.kind == "join").ok_or(NOT_A_JOIN)?;
        let resume = join.session.map(|session| ResumeRequest {
            session: SessionToken::parse(&session),
            epoch: join.epoch.unwrap_or_default(),
            after: join.after.unwrap_or(0),
        });
        Ok(JoinRequest { name: join.name, resume, ..JoinRequest::default() })
    }
}

#[cfg(test)]
mod tests;
