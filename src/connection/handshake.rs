//! Step 1, the opening handshake: an HTTP request becomes a WebSocket (RFC 6455, section 4.2).
//!
//! Runs on the connection's thread. The client proves nothing by its key; the accept value made from it proves that
//! the answer comes from somebody who speaks WebSocket and not from a cache or a confused server.

use tungstenite::handshake::server::{create_response, write_response};
use tungstenite::http;

use super::answer::Answer;
use super::head::Request;
use super::offers;

/// The only version there is.
const VERSION: &str = "13";

/// A request that may become a WebSocket, and the answer that makes it one.
#[derive(Debug)]
pub struct Handshake {
    pub path: String,
    /// `Sec-WebSocket-Key`: 16 random bytes of the client's in base64.
    pub key: String,
    /// `Sec-WebSocket-Accept`: base64 of SHA-1 of the key and `258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, an identifier
    /// that stands in the RFC for just this and that nobody else would add.
    pub accept: String,
    /// The `101 Switching Protocols` answer, ready to be sent.
    pub response: Vec<u8>,
}

impl Handshake {
    /// Checks a request that asks for `Upgrade: websocket`.
    ///
    /// # Errors
    /// `400`, or `426` for a version that is not 13, with a sentence on what was wrong.
    pub fn check(request: &Request) -> Result<Handshake, Answer> {
        let headers = &request.headers;
        if !headers.list("connection").any(|word| word.eq_ignore_ascii_case("upgrade")) {
            return Err(Answer::refusal(400, "A handshake needs the header Connection: Upgrade."));
        }
        match headers.single("sec-websocket-version") {
            Ok(Some(VERSION)) => {}
            Ok(None) => {
                let text = "A handshake needs the header Sec-WebSocket-Version: 13.";
                return Err(
                    Answer::refusal(400, text).with_header("Sec-WebSocket-Version", VERSION)
                );
            }
            _ => {
                let text = "This server speaks version 13 of the WebSocket protocol only.";
                return Err(
                    Answer::upgrade_required(text).with_header("Sec-WebSocket-Version", VERSION)
                );
            }
        }
        let key = match headers.single("sec-websocket-key") {
            Ok(Some(key)) => key,
            Ok(None) => {
                return Err(Answer::refusal(400, "A handshake needs a Sec-WebSocket-Key."));
            }
            Err(_) => {
                return Err(Answer::refusal(400, "There must be one Sec-WebSocket-Key, not more."));
            }
        };
        offers::check(headers)?;
        // tungstenite judges the key and makes the answer. It looks only at the first line of each header and compares
        // its whole value, so it gets one canonical spelling.
        let canonical = http::Request::builder()
            .uri("/")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", VERSION)
            .header("Sec-WebSocket-Key", key)
            .body(())
            .map_err(|_| wrong_key())?;
        let response = create_response(&canonical).map_err(|_| wrong_key())?;
        let accept =
            response.headers().get("Sec-WebSocket-Accept").and_then(|value| value.to_str().ok());
        let accept = accept.ok_or_else(wrong_key)?.to_owned();
        let mut bytes = Vec::new();
        write_response(&mut bytes, &response).map_err(|_| wrong_key())?;
        Ok(Handshake { path: request.path.clone(), key: key.to_owned(), accept, response: bytes })
    }
}

fn wrong_key() -> Answer {
    Answer::refusal(400, "The Sec-WebSocket-Key must be 16 bytes in base64.")
}
