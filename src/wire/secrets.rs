//! What the inspector must not show: tokens, cookies and keys, and what people write to each other in private.
//!
//! A secret is hidden byte by byte, so that lengths and places stay true. Used by connection threads (heads) and by
//! the inspector (payloads).

use std::ops::Range;

use serde::Deserialize;

use super::frames::{FrameHead, Opcode};

/// What stands for each byte of a secret in a head.
const HIDDEN: u8 = b'*';

/// Parameters of a query that are no secret. All others are hidden: nobody knows what they may be.
const OPEN_PARAMETERS: [&[u8]; 3] = [b"name", b"after", b"epoch"];

/// Parts of header names whose values are hidden, whatever else the name says.
const SECRET_HEADERS: [&str; 7] =
    ["cookie", "authorization", "token", "secret", "password", "session", "api-key"];

/// Fields of a `welcome` that are hidden. The quotes before and behind a name cannot stand within a JSON string, so no
/// text can imitate them.
const SECRET_FIELDS: [&[u8]; 2] = [b"\"session\":\"", b"\"wire\":\""];

/// Hides the secrets in a request's or a response's head, however broken it is. What does not even begin like one is hidden
/// whole: it may be a body whose length was wrong.
pub fn hide_in_head(head: &mut [u8]) {
    if !begins_like_a_head(head) {
        return hide(head);
    }
    let mut is_first = true;
    let mut secret_above = false;
    for line in head.split_mut(|byte| matches!(byte, b'\r' | b'\n')) {
        if line.is_empty() {
            continue;
        }
        // A line that begins with a space goes on with the one above.
        let continues = is_first || matches!(line[0], b' ' | b'\t');
        let name = line.iter().position(|byte| *byte == b':');
        if !continues {
            // Without a colon nobody knows where the name ends.
            let name = String::from_utf8_lossy(&line[..name.unwrap_or(line.len())]);
            let name = name.to_ascii_lowercase();
            secret_above = SECRET_HEADERS.iter().any(|secret| name.contains(secret));
        }
        let begin = name.filter(|_| !continues).map_or(0, |name| name + 1);
        if secret_above {
            hide(&mut line[begin..]);
        } else {
            hide_in_query(&mut line[begin..]);
        }
        is_first = false;
    }
}

/// Hides all but spaces and line ends.
fn hide(bytes: &mut [u8]) {
    let shown = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n');
    bytes.iter_mut().filter(|byte| !shown(byte)).for_each(|byte| *byte = HIDDEN);
}

/// It begins with a method (RFC 9110, 9.1), or like a response.
fn begins_like_a_head(head: &[u8]) -> bool {
    let word = head.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (word, rest) = head.split_at(word);
    let end = rest.first().copied();
    match word {
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"CONNECT" | b"OPTIONS" | b"TRACE"
        | b"PATCH" | b"PRI" => end == Some(b' '),
        b"HTTP" => end == Some(b'/'),
        _ => false,
    }
}

/// Hides the values behind the first `?`: `GET /ws?name=Ana&session=****** HTTP/1.1`.
fn hide_in_query(line: &mut [u8]) {
    let Some(begin) = line.iter().position(|byte| *byte == b'?') else { return };
    let end =
        line[begin..].iter().position(|byte| *byte == b' ').map_or(line.len(), |end| begin + end);
    for parameter in line[begin + 1..end].split_mut(|byte| matches!(byte, b'&' | b'#' | b';')) {
        let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = parameter.split_at_mut(equals);
        if !OPEN_PARAMETERS.contains(&&*name) {
            value[1..].fill(HIDDEN);
        }
    }
}

/// The bytes of a payload from the server that are secrets.
pub fn in_payload(payload: &[u8]) -> Vec<Range<usize>> {
    if !payload.starts_with(b"{\"type\":\"welcome\"") {
        return Vec::new();
    }
    let found = SECRET_FIELDS.iter().filter_map(|field| {
        let begin = payload.windows(field.len()).position(|bytes| bytes == *field)? + field.len();
        let length = payload[begin..].iter().position(|byte| *byte == b'"')?;
        Some(begin..begin + length)
    });
    found.collect()
}

/// Whether it is certain that a frame of the chat holds no private text. `payload` is unmasked and must be whole for a
/// yes: of a fragment nobody knows what it is a part of.
pub fn is_public(head: &FrameHead, payload: &[u8]) -> bool {
    if head.opcode.is_control() {
        return true;
    }
    if head.opcode != Opcode::Text || !head.fin || payload.len() as u64 != head.length {
        return false;
    }
    // Plain text is a message to everybody.
    !payload.starts_with(b"{")
        || serde_json::from_slice(payload).is_ok_and(|Addressed { to }| to.is_none())
}

/// A message, as far as it says to whom it goes.
#[derive(Deserialize)]
struct Addressed {
    #[serde(default)]
    to: Option<serde::de::IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frames::read_head;

    fn hidden(head: &str) -> String {
        let mut bytes = head.as_bytes().to_vec();
        hide_in_head(&mut bytes);
        assert_eq!(bytes.len(), head.len());
        String::from_utf8(bytes).expect("still text")
    }

    #[test]
    fn secrets_in_heads_are_hidden_and_nothing_else_is() {
        assert_eq!(
            hidden(
                "GET /ws?name=Ana&session=7.rQ&epoch=e&after=3&wire=abc HTTP/1.1\r\nHost: localhost\r\nCOOKIE: a=b; c\r\n\
                 Referer: http://localhost/?key=abc\r\nSec-WebSocket-Key: dGhl\r\nAuthorization:Basic QQ==\r\n\r\n"
            ),
            "GET /ws?name=Ana&session=****&epoch=e&after=3&wire=*** HTTP/1.1\r\nHost: localhost\r\nCOOKIE: **** *\r\n\
             Referer: http://localhost/?key=***\r\nSec-WebSocket-Key: dGhl\r\nAuthorization:***** ****\r\n\r\n"
        );
    }

    #[test]
    fn broken_heads_keep_their_secrets_too() {
        assert_eq!(
            hidden("GET /ws\nCookie: a\n\tb: c\nX: d\rX-Token: e\n"),
            "GET /ws\nCookie: *\n*** *\nX: d\rX-Token: *\n"
        );
        assert_eq!(hidden("GET /ws?session=abc"), "GET /ws?session=***");
        assert_eq!(
            hidden("GET / HTTP/1.1\r\nCookie a=b\r\nX\r\n"),
            "GET / HTTP/1.1\r\n****** ***\r\nX\r\n"
        );
        for body in [
            "{\"password\":\"x\"}",
            "name=Ana&password=x",
            "Cookie: x",
            "Authorization:x",
            "SECRET",
        ] {
            assert_eq!(hidden(body), body.replace(|byte| !" \r\n".contains(byte), "*"));
        }
        assert_eq!(hidden(""), "");
    }

    #[test]
    fn a_welcome_hides_its_session_and_its_key_whatever_people_are_called() {
        let welcome =
            br#"{"type":"welcome","you":"\",\"session\":\"x","session":"7.rQ","wire":"abc"}"#;
        let secrets = in_payload(welcome);
        let shown: Vec<&[u8]> = secrets.iter().map(|range| &welcome[range.clone()]).collect();
        assert_eq!(shown, [&b"7.rQ"[..], b"abc"]);
        assert!(in_payload(br#"{"type":"message","session":"x"}"#).is_empty());
    }

    #[test]
    fn only_what_is_certainly_public_is_public() {
        let public = |frame: &[u8]| {
            let (head, length) = read_head(frame).expect("a header").expect("complete");
            is_public(&head, &frame[length..])
        };
        let text = |payload: &str| {
            let mut frame = vec![0x81, payload.len() as u8];
            frame.extend(payload.as_bytes());
            frame
        };
        assert!(public(&text("hola")));
        assert!(public(&text(r#"{"type":"message","text":"hola"}"#)));
        assert!(public(b"\x89\x01x"));
        assert!(!public(&text(r#"{"type":"message","text":"psst","to":"Luis"}"#)));
        assert!(!public(&text(r#"{"type":"message","text":"psst","to":"Luis","to":null}"#)));
        assert!(!public(&text(r#"{"type":"message","text":"psst","to":5}"#)));
        assert!(!public(&text(r#"{"type":"message","text":"psst""#)));
        assert!(!public(b"\x01\x04hola"), "a fragment");
        assert!(!public(b"\x80\x04hola"), "the rest of one");
        assert!(!public(b"\x82\x04hola"), "binary");
        assert!(!public(b"\x81\x05hola"), "not whole");
    }
}
