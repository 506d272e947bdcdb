//! Step 1, the opening handshake: an HTTP request becomes a WebSocket (RFC 6455, section 4.2).
//!
//! Runs on the connection's thread. The client proves nothing by its key; the accept value made from it proves that the answer
//! comes from a server that speaks WebSocket, and not from a cache or a confused server.

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use super::offers;
use crate::http::{Request, Response};

/// The only version there is.
const VERSION: &str = "13";

/// An identifier that RFC 6455 chose for just this: no other protocol would append it to a key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a key before they became base64.
const KEY_BYTES: usize = 16;

/// The client's key, and the answer to it.
#[derive(Debug)]
pub struct Handshake {
    /// `Sec-WebSocket-Key`: 16 random bytes of the client's in base64.
    pub key: String,
    /// `Sec-WebSocket-Accept`: what the server computes from the key.
    pub accept: String,
}

impl Handshake {
    /// Checks a request with `Upgrade: websocket`. Its route has checked that it is a GET of HTTP/1.1.
    ///
    /// # Errors
    /// `400`, or `426` for a version that is not 13, with a sentence on what was wrong.
    pub fn check(request: &Request) -> Result<Handshake, Response> {
        let headers = &request.headers;
        if !headers.list("connection").any(|word| word.eq_ignore_ascii_case("upgrade")) {
            return Err(Response::refusal(400, "A handshake needs the header Connection: Upgrade."));
        }
        match headers.single("sec-websocket-version") {
            Ok(Some(VERSION)) => {}
            Ok(None) => {
                let text = "A handshake needs the header Sec-WebSocket-Version: 13.";
                let refusal = Response::refusal(400, text);
                return Err(refusal.with_header("Sec-WebSocket-Version", VERSION));
            }
            _ => {
                let text = "This server speaks version 13 of the WebSocket protocol only.";
                let refusal = Response::upgrade_required(text);
                return Err(refusal.with_header("Sec-WebSocket-Version", VERSION));
            }
        }
        let key = match headers.single("sec-websocket-key") {
            Ok(Some(key)) => key,
            Ok(None) => {
                return Err(Response::refusal(400, "A handshake needs a Sec-WebSocket-Key."));
            }
            Err(_) => {
                return Err(Response::refusal(400, "There must be one Sec-WebSocket-Key, not more."));
            }
        };
        if BASE64.decode(key.as_bytes()).ok().is_none_or(|bytes| bytes.len() != KEY_BYTES) {
            let text = "The Sec-WebSocket-Key must be 16 bytes in base64.";
            return Err(Response::refusal(400, text));
        }
        offers::check(headers)?;
        Ok(Handshake { key: key.to_owned(), accept: accept(key) })
    }

    /// The `101` response as bytes.
    pub fn response(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\n\
             Connection: Upgrade\r\n\
             Upgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            self.accept
        )
        .into_bytes()
    }
}

/// Key + GUID, SHA-1, base64.
pub fn accept(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    BASE64.encode(&digest)
}

#[cfg(test)]
mod tests;
