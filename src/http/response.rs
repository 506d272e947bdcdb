//! An HTTP answer, printed by tiny_http.
//!
//! Used by connection threads, and by the thread that refuses connections when the server is full.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;

use tiny_http::{HTTPVersion, Header};

use crate::deadline::Deadline;

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: Cow<'static, [u8]>,
    /// Headers about the connection, which tiny_http leaves to its own server.
    connection: Vec<(&'static str, &'static str)>,
    /// The connection ends after this answer.
    pub closes: bool,
    /// One more header tells how long the head is.
    tells_its_head: bool,
    /// It answers a HEAD: everything but the body is sent (RFC 9110, 9.3.2).
    head_only: bool,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let mut response = Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            connection: Vec::new(),
            closes: false,
            tells_its_head: false,
            head_only: false,
        };
        response.headers.push(("Content-Type", content_type.to_owned()));
        response.with_header("Cache-Control", "no-store").with_header("X-Content-Type-Options", "nosniff")
    }

    /// A short text that says what was wrong, and perhaps what to do about it.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let text = text.into() + "\n";
        Response::new(status, "text/plain; charset=utf-8", text.into_bytes())
    }

    /// `200` with a JSON object.
    pub fn json(body: &serde_json::Value) -> Self {
        Response::new(200, "application/json", format!("{body}\n").into_bytes())
    }

    /// The same for what cannot go on: the connection ends.
    pub fn refusal(status: u16, text: impl Into<String>) -> Self {
        Response { closes: true, ..Response::text(status, text) }
    }

    /// `503`: no room, or no thread.
    pub fn full() -> Self {
        Response::refusal(503, "The server is full. Try again in a moment.").with_header("Retry-After", "5")
    }

    /// `503`: `--max-per-address`
    pub fn too_many_from_address() -> Self {
        Response::refusal(
            503,
            "There are too many connections from your address. Close one of them and try again.",
        )
        .with_header("Retry-After", "5")
    }

    /// `426`: this address speaks WebSocket only (RFC 9110, 15.5.22).
    pub fn upgrade_required(text: impl Into<String>) -> Self {
        let mut response = Response::text(426, text);
        response.connection.extend([("Upgrade", "websocket"), ("Connection", "Upgrade")]);
        response
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A `401` says how to do better (RFC 9110, 11.6.1); any other answer stays as it is.
    pub fn with_challenge(self, challenge: &str) -> Self {
        if self.status == 401 { self.with_header("WWW-Authenticate", challenge) } else { self }
    }

    /// The same with a header `X-Response-Head`: the head's length in bytes, that header included.
    pub fn that_tells_its_head(self) -> Self {
        Response { tells_its_head: true, ..self }
    }

    /// The answer as the request's method wants it: without its body if that is HEAD.
    pub fn with_method(self, is_head: bool) -> Self {
        Response { head_only: is_head, ..self }
    }

    /// The same as the last of its connection.
    pub fn that_closes(self) -> Self {
        Response { closes: true, ..self }
    }

    /// The first line of the body, for the log.
    pub fn first_line(&self) -> Cow<'_, str> {
        let line = self.body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line)
    }

    /// The answer as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let ours = |name: &str, value: &str| Header::from_bytes(name, value).ok();
        let headers = self.headers.iter().filter_map(|(name, value)| ours(name, value));
        let server = ours("Server", concat!("websocket-classroom/", env!("CARGO_PKG_VERSION")));
        let printed = tiny_http::Response::new(
            self.status.into(),
            headers.chain(server).collect(),
            &self.body[..],
            Some(self.body.len()),
            None,
        )
        .with_chunked_threshold(usize::MAX);
        let mut bytes = Vec::with_capacity(512 + self.body.len());
        // Writing into memory cannot fail.
        let _ = printed.raw_print(&mut bytes, HTTPVersion(1, 1), &[], self.head_only, None);

        let close = self.closes.then_some(("Connection", "close"));
        let mut lines: String = self
            .connection
            .iter()
            .copied()
            .chain(close)
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        if self.tells_its_head {
            let blank_line = bytes.windows(4).position(|end| end == b"\r\n\r\n");
            let head = blank_line.map_or(0, |at| at + 4) + lines.len();
            let line = |length: usize| format!("X-Response-Head: {length}\r\n");
            // No head is so near to 1,000 bytes that the number's own length could matter.
            lines += &line(head + line(100).len());
        }
        let status_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.splice(status_line..status_line, lines.into_bytes());
        bytes
    }
}

/// Writes all of it before the deadline, however slowly the client reads.
///
/// # Errors
/// If the client is gone, or does not take it in time.
pub fn write_all(mut socket: &TcpStream, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() {
        let Some(remaining) = deadline.remaining() else {
            return Err(io::Error::new(ErrorKind::TimedOut, "the client did not take the answer in time"));
        };
        socket.set_write_timeout(Some(remaining))?;
        match socket.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
