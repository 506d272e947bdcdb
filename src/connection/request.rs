//! Reads one HTTP request: head and body, bounded in bytes and in time, however they are cut into packets.
//!
//! Runs on the connection's thread. What is wrong with a request comes back as the [`Answer`] that says so.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::answer::Answer;
use crate::deadline::Deadline;

/// Longest head in bytes: request line, headers and the blank line.
pub const MAX_HEAD: usize = 8 * 1024;

/// Most header lines in a head.
pub const MAX_HEADERS: usize = 64;

/// Bytes read at once.
const READ: usize = 2048;

/// A whole request.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Behind the `?`, still encoded; empty if there is none.
    pub query: String,
    /// HTTP/1.1; else HTTP/1.0.
    pub http_1_1: bool,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Request {
    /// The client wants to speak WebSocket. HTTP/1.0 knows no `Upgrade` (RFC 9110, 7.8).
    pub fn wants_websocket(&self) -> bool {
        self.http_1_1
            && self.headers.list("upgrade").any(|name| name.eq_ignore_ascii_case("websocket"))
    }

    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The connection may serve another request after this one (RFC 9112, 9.3).
    pub fn keeps_connection(&self) -> bool {
        self.http_1_1
            && !self.headers.list("connection").any(|word| word.eq_ignore_ascii_case("close"))
    }
}

/// Names and values as they came; names are compared without case.
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
            .map(str::trim)
            .filter(|word| !word.is_empty())
    }
}

/// Why there is no request.
#[derive(Debug)]
pub enum NoRequest {
    /// The connection ended, or stayed idle, between two requests: nothing to answer. In words.
    Over(String),
    /// Something came that is no request, or never became one.
    Refused(Answer),
}

/// Reads the next request. `unread` holds what came behind the one before, and then what came behind this one.
///
/// # Errors
/// See [`NoRequest`]. After a refusal the place in the stream is lost, so the connection must end.
pub fn read(
    socket: &TcpStream,
    unread: &mut Vec<u8>,
    deadline: Deadline,
    first: bool,
    max_body: usize,
) -> Result<Request, NoRequest> {
    let (head_length, mut request, framing) = loop {
        match parse(unread).map_err(NoRequest::Refused)? {
            Some(parsed) => break parsed,
            None if unread.len() >= MAX_HEAD => {
                let text = format!("The request's head is longer than {MAX_HEAD} bytes.");
                return Err(NoRequest::Refused(Answer::refusal(431, text)));
            }
            None => {}
        }
        match more(socket, unread, MAX_HEAD, deadline) {
            Ok(0) if unread.is_empty() => {
                return Err(NoRequest::Over("the client ended TCP".to_owned()));
            }
            Ok(0) => {
                let text = "The connection ended in the middle of the request's head.";
                return Err(NoRequest::Refused(Answer::refusal(400, text)));
            }
            Ok(_) => {}
            Err(Trouble::TooSlow) if unread.is_empty() && !first => {
                return Err(NoRequest::Over("idle for too long".to_owned()));
            }
            Err(Trouble::TooSlow) => {
                let text = "The request's head did not arrive in time. It ends with an empty line.";
                return Err(NoRequest::Refused(Answer::refusal(408, text)));
            }
            Err(Trouble::Failed(error)) => return Err(NoRequest::Over(error)),
        }
    };
    unread.drain(..head_length);
    let is_head = request.is_head();
    let refused = |answer: Answer| NoRequest::Refused(answer.with_method(is_head));
    let length = framing.body_length(max_body).map_err(refused)?;
    if framing.expects_continue && unread.len() < length {
        // Where this cannot be written, reading will tell.
        let _ = (&*socket).write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    while unread.len() < length {
        let text = match more(socket, unread, length, deadline) {
            Ok(0) => "The connection ended in the middle of the request's body.",
            Ok(_) => continue,
            Err(Trouble::TooSlow) => {
                return Err(refused(Answer::refusal(
                    408,
                    "The request's body did not arrive in time.",
                )));
            }
            Err(Trouble::Failed(error)) => return Err(NoRequest::Over(error)),
        };
        return Err(refused(Answer::refusal(400, text)));
    }
    request.body = unread.drain(..length).collect();
    Ok(request)
}

enum Trouble {
    TooSlow,
    Failed(String),
}

/// Reads once, so that `bytes` holds at most `bound`.
fn more(
    mut socket: &TcpStream,
    bytes: &mut Vec<u8>,
    bound: usize,
    deadline: Deadline,
) -> Result<usize, Trouble> {
    let failed = |error: std::io::Error| Trouble::Failed(error.to_string());
    let before = bytes.len();
    loop {
        let remaining = deadline.remaining().ok_or(Trouble::TooSlow)?;
        socket.set_read_timeout(Some(remaining)).map_err(failed)?;
        bytes.resize((before + READ).min(bound), 0);
        let result = socket.read(&mut bytes[before..]);
        bytes.truncate(before + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(length) => return Ok(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// What the head says of the body.
#[derive(Debug, Default)]
struct Framing {
    content_length: Option<u64>,
    chunked: bool,
    expects_continue: bool,
}

impl Framing {
    fn body_length(&self, max_body: usize) -> Result<usize, Answer> {
        if self.chunked {
            let text = "This server takes no chunked bodies; say Content-Length instead.";
            return Err(Answer::refusal(411, text));
        }
        let length = usize::try_from(self.content_length.unwrap_or(0)).unwrap_or(usize::MAX);
        if length > max_body {
            return Err(Answer::refusal(413, format!("A body may have {max_body} bytes here.")));
        }
        Ok(length)
    }
}

/// The request, if its head is complete, and the head's length.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Request, Framing)>, Answer> {
    let broken =
        |reason: &str| Answer::refusal(400, format!("This is not a valid HTTP request: {reason}."));
    if bytes.first() == Some(&0x16) {
        return Err(broken(
            "it looks like TLS, but this port speaks plain HTTP; use http:// and ws://",
        ));
    }
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut lines);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Answer::refusal(431, format!("A head may have {MAX_HEADERS} lines here.")));
        }
        Err(error) => return Err(broken(what_is_wrong(error))),
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Err(broken("its first line is not complete"));
    };
    let mut headers = Headers::default();
    for line in head.headers.iter() {
        let value = std::str::from_utf8(line.value).map_err(|_| broken("a header is not UTF-8"))?;
        headers.0.push((line.name.to_owned(), value.to_owned()));
    }
    let (path, query) = path_and_query(target).ok_or_else(|| broken("its target is no path"))?;
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
        expects_continue: headers
            .list("expect")
            .any(|word| word.eq_ignore_ascii_case("100-continue")),
    };
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        http_1_1: version == 1,
        headers,
        body: Vec::new(),
    };
    Ok(Some((length, request, framing)))
}

/// httparse's verdict in a sentence that helps.
fn what_is_wrong(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::Token => "its first line is not like GET /path HTTP/1.1",
        httparse::Error::Version => "its version is neither HTTP/1.1 nor HTTP/1.0",
        httparse::Error::HeaderName => {
            "a header name is missing or holds a character that it may not"
        }
        httparse::Error::HeaderValue => "a header value holds a character that it may not",
        httparse::Error::NewLine => "a line ends in CR without LF",
        httparse::Error::Status | httparse::Error::TooManyHeaders => "its head cannot be read",
    }
}

/// `/ws?name=Ana` or `http://host/ws?name=Ana` (RFC 9112, 3.2).
fn path_and_query(target: &str) -> Option<(&str, &str)> {
    let path = if target.starts_with('/') {
        target
    } else {
        let scheme = target.split_once("://").filter(|(scheme, _)| {
            ["http", "ws"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        });
        let (_, rest) = scheme?;
        rest.find('/').map_or("/", |slash| &rest[slash..])
    };
    Some(path.split_once('?').unwrap_or((path, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> Option<u16> {
        match parse(head.as_bytes()) {
            Ok(parsed) => parsed.map(|_| 200),
            Err(answer) => Some(answer.status),
        }
    }

    #[test]
    fn a_head_is_taken_only_whole_and_only_if_it_is_one() {
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n"), None);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(200));
        for broken in [
            "\u{16}\u{3}\u{1}",
            "G\u{1}T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET nowhere HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ] {
            assert_eq!(status(broken), Some(400), "{broken:?}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
        assert_eq!(status(&many), Some(431));
    }

    #[test]
    fn targets_come_in_two_forms() {
        assert_eq!(path_and_query("/ws?name=Ana"), Some(("/ws", "name=Ana")));
        assert_eq!(path_and_query("http://localhost:3000/ws?x"), Some(("/ws", "x")));
        assert_eq!(path_and_query("ws://localhost"), Some(("/", "")));
        assert_eq!(path_and_query("*"), None);
    }
}
