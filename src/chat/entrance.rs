//! What a newcomer brings along: the query of `/ws?name=Ana`, or of a return, parsed at the edge.
//!
//! Made on the connection's thread, before the handshake; the chat decides on the broadcaster's what comes of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::session::Claim;
use crate::wire::WireKey;

/// What is wished for. None of it is checked yet; all of it is bounded by the length of a request's head.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Entrance {
    pub name: Option<String>,
    /// `session`, `epoch` and `after`: the wish to come back.
    pub back: Option<Return>,
    /// What lets somebody watch this connection; its client is told.
    #[serde(skip)]
    pub wire: Option<WireKey>,
    /// The person who signed in, where people must: then it is their name that counts, and no wish.
    pub account: Option<Name>,
}

/// A session that dropped, and the last event it heard.
#[derive(Clone, Serialize, Deserialize)]
pub struct Return {
    pub claim: Option<Claim>,
    pub epoch: String,
    pub after: u64,
}

/// Without the secret.
impl fmt::Debug for Return {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Return after {}", self.after)
    }
}

impl Entrance {
    /// Reads a URL's query. Keys that nobody knows are skipped; of a repeated one the first counts.
    pub fn parse(query: &str, wire: Option<WireKey>) -> Self {
        let value = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == wanted).map(|(_, value)| value.into_owned())
        };
        let back = value("session").map(|session| Return {
            claim: Claim::parse(&session),
            epoch: value("epoch").unwrap_or_default(),
            after: value("after").and_then(|after| after.parse().ok()).unwrap_or(0),
        });
        Entrance { name: value("name"), back, wire, account: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_query_is_decoded() {
        let name = |query| Entrance::parse(query, None).name;
        assert_eq!(name("x=1&name=Ana+Mar%C3%ADa"), Some("Ana María".to_owned()));
        assert_eq!(name("named=x"), None);
    }

    #[test]
    fn a_return_is_read_whole_and_does_not_show_its_secret() {
        let entrance = Entrance::parse("session=7.AAAAAAAAAAAAAAAAAAAAAA&epoch=e1&after=341", None);
        let back = entrance.back.as_ref().expect("it wishes to come back");
        assert!(back.claim.is_some());
        assert_eq!((back.epoch.as_str(), back.after), ("e1", 341));
        assert!(!format!("{entrance:?}").contains("AAAA"));
    }
}
