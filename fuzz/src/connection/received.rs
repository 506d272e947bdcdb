//! What a client receives from the server, read to the letter: HTTP responses, then perhaps frames. Panics at what no server
//! may send.

use serde_json::Value;
use websocket_classroom::close_code;

use super::super::frames::Header;

/// All of it so far.
#[derive(Debug, Default)]
pub struct Received {
    /// The responses' status codes.
    pub statuses: Vec<u16>,
    /// Whole messages: whether each is text, and what it says.
    pub messages: Vec<(bool, Vec<u8>)>,
    /// A close frame, and its code.
    pub close: Option<u16>,
    /// Bytes of a response or a frame that is not whole.
    pub left: usize,
    /// The last message is not whole.
    in_message: Option<(bool, Vec<u8>)>,
    /// Frames that may be broken, since the client asked for that.
    broken: usize,
}

impl Received {
    pub fn of(bytes: &[u8]) -> Received {
        let mut received = Received::default();
        received.http(bytes);
        received
    }

    /// The text messages from this one on, as the chat and the inspector send them: each with its number.
    pub fn events(&self, first: usize) -> impl Iterator<Item = (usize, Value)> {
        let texts = self.messages.iter().enumerate().skip(first).filter(|(_, (is_text, _))| *is_text);
        texts.map(|(number, (_, text))| (number, serde_json::from_slice(text).expect("an event is JSON")))
    }

    /// It was announced that this is about to happen.
    pub fn was_shown(&self, what: &str) -> bool {
        self.messages.iter().any(|(_, text)| is_shown(text, what))
    }

    fn http(&mut self, mut bytes: &[u8]) {
        let mut is_last = false;
        while !bytes.is_empty() {
            assert!(!is_last, "a response behind the last one");
            self.left = bytes.len();
            let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
                return assert!(b"HTTP/1.1 ".starts_with(&bytes[..bytes.len().min(9)]));
            };
            let (head, rest) = bytes.split_at(end + 4);
            let head = std::str::from_utf8(head).expect("a head is text");
            let (status, headers) = head.split_once("\r\n").expect("a status line");
            let status = status.strip_prefix("HTTP/1.1 ").and_then(|status| status.get(..3));
            let status: u16 = status.and_then(|status| status.parse().ok()).expect("a status");
            self.statuses.push(status);
            self.left = rest.len();
            let values = |name: &str| -> Vec<&str> {
                let lines = headers.lines().filter_map(|line| line.split_once(": "));
                let lines = lines.filter(|(this, _)| this.eq_ignore_ascii_case(name));
                lines.map(|(_, value)| value).collect()
            };
            match status {
                101 => {
                    assert_eq!(values("Sec-WebSocket-Accept").len(), 1, "{head}");
                    return self.frames(rest);
                }
                100 => bytes = rest,
                _ => {
                    let [length] = values("Content-Length")[..] else { panic!("no length: {head}") };
                    let length: usize = length.parse().expect("a number");
                    let behind = rest.get(length..).filter(|rest| begins_a_response(rest));
                    // To a HEAD there is none.
                    let without_body = Some(rest).filter(|rest| begins_a_response(rest));
                    let Some(rest) = behind.or(without_body) else { return };
                    is_last = values("Connection").contains(&"close");
                    bytes = rest;
                    self.left = rest.len();
                }
            }
        }
    }

    fn frames(&mut self, mut bytes: &[u8]) {
        while let Some(header) = Header::read(bytes) {
            assert!(self.close.is_none(), "a frame behind the close frame");
            assert!(header.mask.is_none(), "a server does not mask");
            if header.is_wrong(self.in_message.is_some()) {
                self.broken = self.broken.checked_sub(1).expect("no frame begins like this");
            }
            let Some(rest) = bytes[header.size..].get(header.length as usize..) else { break };
            self.frame(&header, &bytes[header.size..bytes.len() - rest.len()]);
            bytes = rest;
        }
        self.left = bytes.len();
    }

    fn frame(&mut self, header: &Header, payload: &[u8]) {
        match header.opcode {
            0x8 => self.close = Some(close_code(payload)),
            0x9 | 0xa => {}
            opcode => {
                let message = self.in_message.get_or_insert((opcode == 1, Vec::new()));
                message.1.extend_from_slice(payload);
                if !header.fin {
                    return;
                }
                let Some((is_text, message)) = self.in_message.take() else { return };
                if header.reserved != 0 {
                    return;
                }
                if is_text && std::str::from_utf8(&message).is_err() {
                    self.broken = self.broken.checked_sub(1).expect("a text is UTF-8");
                    return;
                }
                let may_be_broken = ["bad_frame", "bad_utf8"];
                if may_be_broken.iter().any(|what| is_shown(&message, what)) {
                    self.broken += 1;
                }
                self.messages.push((is_text, message));
            }
        }
    }
}

fn begins_a_response(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 ")
}

fn is_shown(text: &[u8], what: &str) -> bool {
    text.starts_with(format!(r#"{{"type":"shown","what":"{what}""#).as_bytes())
}

/// The code in a close frame; one without is answered with one without.
fn close_code(payload: &[u8]) -> u16 {
    let Some((code, reason)) = payload.split_first_chunk() else {
        assert!(payload.is_empty(), "half a code");
        return close_code::NO_STATUS;
    };
    let code = u16::from_be_bytes(*code);
    assert!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), "{code} must not be sent");
    assert!(std::str::from_utf8(reason).is_ok(), "a reason is UTF-8");
    code
}
