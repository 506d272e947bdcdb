//! What the inspector must not show: tokens, cookies and keys, and what people write to each other in private.
//!
//! A secret is hidden byte by byte, so that lengths and places stay true. Used by connection threads (heads) and by
//! the inspector (payloads).

use std::ops::Range;

/// What stands for each byte of a secret in a head.
const HIDDEN: u8 = b'*';

/// Parameters of a query that are no secret. All others are hidden, as they may be secret.
const OPEN_PARAMETERS: [&[u8]; 3] = [b"name", b"after", b"epoch"];

/// Parts of header names whose values are hidden, whatever else the name says.
const SECRET_HEADERS: [&str; 7] =
    ["cookie", "authorization", "token", "secret", "password", "session", "api-key"];

/// Fields of a `welcome` that are hidden. The quotes before and after a name cannot stand within a JSON string, so no
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
            // Without a colon it is not known where the name ends.
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
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"DELETE" | b"CONNECT" | b"OPTIONS" | b"TRACE" | b"PATCH"
        | b"PRI" => end == Some(b' '),
        b"HTTP" => end == Some(b'/'),
        _ => false,
    }
}

/// Hides the values after the first `?`: `GET /ws?name=Ana&session=****** HTTP/1.1`.
fn hide_in_query(line: &mut [u8]) {
    let Some(begin) = line.iter().position(|byte| *byte == b'?') else { return };
    let end = line[begin..].iter().position(|byte| *byte == b' ').map_or(line.len(), |end| begin + end);
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

#[cfg(test)]
mod tests;
