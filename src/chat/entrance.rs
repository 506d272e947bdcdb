//! What a newcomer brings along: the query of `/ws?name=Ana`, parsed at the edge.
//!
//! Made on the connection's thread, before the handshake; the chat decides on the broadcaster's what comes of it.

/// What is wished for. None of it is checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrance {
    /// Any text; bounded by the length of a request's head.
    pub name: Option<String>,
}

impl Entrance {
    /// Reads a URL's query. Keys that nobody knows are skipped; of a repeated one the first counts.
    pub fn parse(query: &str) -> Self {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        Entrance { name: pairs.find(|(key, _)| key == "name").map(|(_, name)| name.into_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_query_is_decoded() {
        let name = |query| Entrance::parse(query).name;
        assert_eq!(name("x=1&name=Ana+Mar%C3%ADa"), Some("Ana María".to_owned()));
        assert_eq!(name("named=x"), None);
    }
}
