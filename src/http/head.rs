//! What the bytes of a request's head mean (RFC 9112), as read by httparse.
//!
//! No socket and no clock: bytes in, a [`Request`] without its body out, or the [`Response`] that says what is wrong.

use super::response::Response;

/// The only white space that may stand around a header's value and the words in it (RFC 9110, 5.6.3).
const OPTIONAL_SPACE: [char; 2] = [' ', '\t'];

/// Most header lines in a head.
pub const MAX_HEADERS: usize = 64;

/// A whole request.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Host and port, if the target named them: `GET http://host/path`.
    pub authority: Option<String>,
    /// Without the query.
    pub path: String,
    /// After the `?`, still encoded; empty if there is none.
    pub query: String,
    /// HTTP/1.1; else HTTP/1.0.
    pub http_1_1: bool,
    pub headers: Headers,
    /// The head byte for byte, for a capture.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Request {
    /// The client wants to speak WebSocket. HTTP/1.0 knows no `Upgrade` (RFC 9110, 7.8).
    pub fn wants_websocket(&self) -> bool {
        self.http_1_1 && self.headers.list("upgrade").any(|name| name.eq_ignore_ascii_case("websocket"))
    }

    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The connection may serve another request after this one (RFC 9112, 9.3).
    pub fn keeps_connection(&self) -> bool {
        self.http_1_1 && !self.headers.list("connection").any(|word| word.eq_ignore_ascii_case("close"))
    }
}

/// Names and values as they came, the values without spaces around them; names are compared without case. A value may
/// have bytes beyond ASCII (RFC 9110, 5.5); those that are not UTF-8 became U+FFFD, which has no meaning in any header.
#[derive(Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The values of all lines of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(this, _)| this.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value, if there is exactly one line of this name.
    ///
    /// # Errors
    /// How many lines there are, if more than one.
    pub fn single<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, usize> {
        let mut all = self.all(name);
        match (all.next(), all.count()) {
            (first, 0) => Ok(first),
            (_, more) => Err(more + 1),
        }
    }

    /// The words of a comma-separated list, which may go over several lines (RFC 9110, 5.6.1).
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(|word| word.trim_matches(OPTIONAL_SPACE))
            .filter(|word| !word.is_empty())
    }
}

/// What the head says about the body.
#[derive(Debug, Default)]
pub struct Framing {
    content_length: Option<u64>,
    chunked: bool,
    pub expects_continue: bool,
}

impl Framing {
    /// The body's length in bytes.
    ///
    /// # Errors
    /// `411` if it is chunked, `413` if it is longer than `max_body`.
    pub fn body_length(&self, max_body: usize) -> Result<usize, Response> {
        if self.chunked {
            let text = "This server accepts no chunked bodies; send a Content-Length instead.";
            return Err(Response::refusal(411, text));
        }
        let length = usize::try_from(self.content_length.unwrap_or(0)).unwrap_or(usize::MAX);
        if length > max_body {
            return Err(Response::refusal(413, format!("A body may have at most {max_body} bytes here.")));
        }
        Ok(length)
    }
}

/// The request, if its head is complete, and the head's length.
///
/// # Errors
/// What is wrong with it, as soon as that is known.
pub fn parse(bytes: &[u8]) -> Result<Option<(usize, Request, Framing)>, Response> {
    let broken =
        |reason: &str| Response::refusal(400, format!("This is not a valid HTTP request: {reason}."));
    if bytes.first() == Some(&0x16) {
        return Err(broken("it looks like TLS, but this port speaks plain HTTP; use http:// and ws://"));
    }
    // On the heap: what is touched of the stack stays in memory as long as the connection.
    let mut lines = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut lines);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Response::refusal(431, format!("A head may have at most {MAX_HEADERS} lines here.")));
        }
        Err(error) => return Err(broken(what_is_wrong(error))),
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Err(broken("its first line is not complete"));
    };
    let mut headers = Headers::default();
    for line in head.headers.iter() {
        headers.0.push((line.name.to_owned(), String::from_utf8_lossy(line.value).into_owned()));
    }
    let Target { authority, path, query } =
        target_parts(target).ok_or_else(|| broken("its target is no path"))?;
    let content_length = match headers.single("content-length") {
        Ok(None) => None,
        Ok(Some(value)) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(value.parse().unwrap_or(u64::MAX))
        }
        _ => return Err(broken("Content-Length must be one number")),
    };
    let framing = Framing {
        content_length,
        chunked: headers.all("transfer-encoding").next().is_some(),
        expects_continue: version == 1
            && headers.list("expect").any(|word| word.eq_ignore_ascii_case("100-continue")),
    };
    let request = Request {
        method: method.to_owned(),
        authority: authority.map(str::to_owned),
        path: path.to_owned(),
        query: query.to_owned(),
        http_1_1: version == 1,
        headers,
        head: bytes[..length].to_vec(),
        body: Vec::new(),
    };
    Ok(Some((length, request, framing)))
}

/// httparse's error in a sentence that helps.
fn what_is_wrong(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::Token => "its first line is not like GET /path HTTP/1.1",
        httparse::Error::Version => "its version is neither HTTP/1.1 nor HTTP/1.0",
        httparse::Error::HeaderName => "a header name is missing or holds a character that it may not",
        httparse::Error::HeaderValue => "a header value holds a character that it may not",
        httparse::Error::NewLine => "a line does not end in CR LF where it must",
        httparse::Error::Status | httparse::Error::TooManyHeaders => "its head cannot be read",
    }
}

/// The parts of a request's target.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    authority: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

/// `/ws?name=Ana` or `http://host/ws?name=Ana` (RFC 9112, 3.2).
fn target_parts(target: &str) -> Option<Target<'_>> {
    let (authority, rest) = if target.starts_with('/') {
        (None, target)
    } else {
        let known = |scheme: &str| ["http", "ws"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let (_, rest) = target.split_once("://").filter(|(scheme, _)| known(scheme))?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        (Some(authority), rest)
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(Target { authority, path: if path.is_empty() { "/" } else { path }, query })
}

#[cfg(test)]
mod tests;
