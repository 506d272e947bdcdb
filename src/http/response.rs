//! An HTTP response, printed by tiny_http.
//!
//! Used by connection threads, and by the thread that refuses connections when the server is full.

use std::borrow::Cow;
use std::io;

use log::Level;
use tiny_http::{HTTPVersion, Header};

use super::stream::{Chunks, Stream};
use crate::transport::Transport;

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    headers: Vec<(&'static str, String)>,
    body: Cow<'static, [u8]>,
    /// Headers about the connection, which tiny_http leaves to its own server.
    connection: Vec<(&'static str, &'static str)>,
    /// How it is logged.
    pub level: Level,
    /// The connection ends after this response.
    pub closes: bool,
    /// One more header has the length of the head.
    has_head_length: bool,
    /// It answers a HEAD: everything but the body is sent (RFC 9110, 9.3.2).
    head_only: bool,
    /// What sends the body, if that comes piece by piece.
    stream: Option<Stream>,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let mut response = Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            connection: Vec::new(),
            level: Level::Info,
            closes: false,
            has_head_length: false,
            head_only: false,
            stream: None,
        };
        response.headers.push(("Content-Type", content_type.to_owned()));
        response.with_header("Cache-Control", "no-store").with_header("X-Content-Type-Options", "nosniff")
    }

    /// A short text that says what was wrong, and perhaps what to do about it.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let text = text.into() + "\n";
        Response::new(status, "text/plain; charset=utf-8", text.into_bytes())
    }

    /// May be kept, but the server is asked each time whether it is still the same (RFC 9111, 5.2.2.4).
    pub fn to_be_revalidated(mut self, tag: String) -> Self {
        self.headers.retain(|(name, _)| *name != "Cache-Control");
        self.with_header("Cache-Control", "no-cache").with_header("ETag", tag)
    }

    /// The same, but logged only for debugging: there are many like it.
    pub fn quietly(self) -> Self {
        Response { level: Level::Debug, ..self }
    }

    /// `200` with a JSON object.
    pub fn json(body: &serde_json::Value) -> Self {
        Response::new(200, "application/json", format!("{body}\n").into_bytes())
    }

    /// The same, and the connection ends after it.
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

    /// A `401` says how to sign in (RFC 9110, 11.6.1); any other response stays as it is.
    pub fn with_challenge(self, challenge: &str) -> Self {
        if self.status == 401 { self.with_header("WWW-Authenticate", challenge) } else { self }
    }

    /// The same with a header `X-Response-Head`: the head's length in bytes, that header included.
    pub fn with_head_length(self) -> Self {
        Response { has_head_length: true, ..self }
    }

    /// The response for the request's method: without its body if that is HEAD.
    pub fn with_method(self, is_head: bool) -> Self {
        Response { head_only: is_head, ..self }
    }

    /// The same as the last of its connection.
    pub fn that_closes(self) -> Self {
        Response { closes: true, ..self }
    }

    /// The same with a body that comes piece by piece behind the head, in chunks. Its length is not known before.
    pub fn with_stream(self, send: impl Fn(&Chunks<'_>) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Response { stream: Some(Stream::new(send)), ..self }
    }

    /// Sends what follows behind [`Response::to_bytes`]: nothing, or the pieces of a stream.
    ///
    /// # Errors
    /// If the client is gone, or does not accept a piece in time.
    pub fn send_rest(&self, socket: &Transport) -> io::Result<()> {
        let stream = self.stream.as_ref().filter(|_| !self.head_only);
        stream.map_or(Ok(()), |stream| stream.send(socket))
    }

    /// The first line of the body, for the log.
    pub fn first_line(&self) -> Cow<'_, str> {
        let line = self.body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line)
    }

    /// The response as bytes; of a stream the head.
    pub fn to_bytes(&self) -> Vec<u8> {
        let ours = |name: &str, value: &str| {
            Header::from_bytes(name, value).expect("invariant: our own headers are ASCII")
        };
        let headers = self.headers.iter().map(|(name, value)| ours(name, value));
        let server = ours("Server", concat!("websocket-classroom/", env!("CARGO_PKG_VERSION")));
        let printed = tiny_http::Response::new(
            self.status.into(),
            headers.chain([server]).collect(),
            &self.body[..],
            self.stream.is_none().then_some(self.body.len()),
            None,
        )
        .with_chunked_threshold(usize::MAX);
        let mut bytes = Vec::with_capacity(512 + self.body.len());
        let head_only = self.head_only || self.stream.is_some();
        let printing = printed.raw_print(&mut bytes, HTTPVersion(1, 1), &[], head_only, None);
        printing.expect("invariant: writing into memory cannot fail");

        if self.status == 204 {
            // tiny_http always prints a length, but this status must not have one (RFC 9110, 8.6).
            let length = b"Content-Length: 0\r\n";
            if let Some(at) = bytes.windows(length.len()).position(|line| line == length) {
                bytes.drain(at..at + length.len());
            }
        }
        let close = self.closes.then_some(("Connection", "close"));
        let mut lines: String = self
            .connection
            .iter()
            .copied()
            .chain(close)
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        if self.has_head_length {
            let blank_line = bytes.windows(4).position(|end| end == b"\r\n\r\n");
            let head = blank_line.map_or(0, |at| at + 4) + lines.len();
            let line = |length: usize| format!("X-Response-Head: {length}\r\n");
            // The number has three digits: such a head has 100 to 999 bytes.
            lines += &line(head + line(100).len());
        }
        let status_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.splice(status_line..status_line, lines.into_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests;
