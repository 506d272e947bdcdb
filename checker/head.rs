//! The opening handshake's two heads: the request that we send, and the answer, which may be anything.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Instant;

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::text::{Text, text};

/// An answer's head may not be longer.
const MAX_HEAD: usize = 16 * 1024;

pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The lines of a right handshake, each with its line end.
pub fn request_lines(host: &str, path: &str) -> Vec<String> {
    let lines = [
        format!("GET {path} HTTP/1.1"),
        format!("Host: {host}"),
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        format!("Sec-WebSocket-Key: {KEY}"),
        "Sec-WebSocket-Version: 13".to_owned(),
    ];
    lines.to_vec()
}

pub fn request(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).chain(["\r\n".to_owned()]).collect()
}

/// Key + GUID, SHA-1, base64 (RFC 6455, 4.2.2).
pub fn accept() -> (Vec<u8>, String) {
    let sum = Sha1::new().chain_update(KEY).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    (sum.to_vec(), BASE64.encode(&sum))
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    /// What came behind the head.
    pub rest: Vec<u8>,
}

impl Answer {
    /// Reads the head of an answer. The sentence says what came in its place.
    pub fn read(mut stream: &TcpStream, deadline: Instant) -> Result<Answer, Text> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end + 4]).into_owned();
                let status = status(&head).ok_or_else(|| not_http(&bytes))?;
                return Ok(Answer { status, head, rest: bytes[end + 4..].to_vec() });
            }
            if bytes.len() >= 5 && !bytes.starts_with(b"HTTP/") {
                return Err(not_http(&bytes));
            }
            if bytes.len() > MAX_HEAD {
                return Err(text!(
                    "the head of its answer does not end within {MAX_HEAD} bytes",
                    "la cabecera de su respuesta ocupa más de {MAX_HEAD} bytes"
                ));
            }
            let late = || text!("it did not answer in time", "no respondió a tiempo");
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
                return Err(late());
            }
            match stream.read(&mut buffer) {
                Ok(0) => {
                    return Err(text!(
                        "it ended TCP instead of answering",
                        "cortó la conexión TCP en vez de responder"
                    ));
                }
                Ok(length) => bytes.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(late());
                }
                Err(error) => {
                    return Err(text!("instead of an answer: {error}", "en vez de una respuesta: {error}"));
                }
            }
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// What is wrong with it as the answer to a right handshake.
    pub fn fault(&self) -> Option<Text> {
        let status = self.status;
        if status != 101 {
            return Some(text!("the answer is {status}, not 101", "la respuesta es {status}, y no 101"));
        }
        let has = |name, word: &str| {
            self.header(name)
                .is_some_and(|value| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
        };
        if !has("Upgrade", "websocket") || !has("Connection", "Upgrade") {
            return Some(text!(
                "the answer lacks Upgrade: websocket or Connection: Upgrade",
                "a la respuesta le falta Upgrade: websocket o Connection: Upgrade"
            ));
        }
        None
    }

    pub fn accept_fault(&self) -> Option<Text> {
        let (right, found) = (accept().1, self.header("Sec-WebSocket-Accept").unwrap_or("-"));
        (found != right).then(|| {
            text!(
                "to the key {KEY} belongs Sec-WebSocket-Accept: {right}; the answer has {found}",
                "a la clave {KEY} le corresponde Sec-WebSocket-Accept: {right}; la respuesta trae {found}"
            )
        })
    }
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

fn not_http(bytes: &[u8]) -> Text {
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).escape_debug().to_string();
    text!(
        "its answer is not HTTP/1.1; it begins \"{begin}\"",
        "su respuesta no es HTTP/1.1; empieza por \"{begin}\""
    )
}
