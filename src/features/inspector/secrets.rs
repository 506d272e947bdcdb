//! Finds and hides secrets: tokens, cookies and keys.
//!
//! Hides byte by byte, so that lengths and positions stay correct. Called on the connections' threads (heads) and by `describe` and
//! `drawing` (payloads). In doubt it must hide: a secret must never reach a watcher or the log.

use std::ops::Range;

/// Written in place of each secret byte in a head.
const HIDDEN: u8 = b'*';

/// The query parameters that are not secret. All others are hidden, since they are unknown.
const PUBLIC_PARAMETERS: [&[u8]; 7] = [b"name", b"after", b"epoch", b"join", b"slow", b"run", b"wait"];

/// A header is hidden if its name contains one of these.
const SECRET_HEADERS: [&str; 8] =
    ["wire-key", "cookie", "authorization", "token", "secret", "password", "session", "api-key"];

/// The address to which a password is sent.
const SIGN_IN: &[u8] = b"/login";

/// The secret fields of a `welcome`. JSON escapes quotes inside a string, so no user's text can look like these.
const SECRET_FIELDS: [&[u8]; 2] = [b"\"session\":\"", b"\"wire\":\""];

/// Hides the secrets in the head of a request or response, even a malformed one. Bytes that do not begin like a head are hidden
/// completely: they may be a body whose length was wrong.
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
        // A line that begins with a space continues the header above it.
        let continues = is_first || matches!(line[0], b' ' | b'\t');
        let name = line.iter().position(|byte| *byte == b':');
        if !continues {
            // Without a colon, the whole line counts as the name.
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

/// Hides how long a password is: what follows `Authorization:` gets a fixed length, and so does the number of bytes that a sign-in
/// has. Called after [`hide_in_head`].
pub fn hide_lengths(head: &mut Vec<u8>) {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let target = head.split(is_line_end).next().unwrap_or_default();
    let is_sign_in = target.windows(SIGN_IN.len()).any(|bytes| bytes == SIGN_IN);
    let mut shown = Vec::with_capacity(head.len());
    let mut is_hidden = false;
    for line in head.split_inclusive(is_line_end) {
        let text = line.iter().position(is_line_end).unwrap_or(line.len());
        let (text, end) = line.split_at(text);
        // A line that begins with a space continues the one above it, and is left out with it.
        if !text.is_empty() && !matches!(text[0], b' ' | b'\t') {
            let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let name = String::from_utf8_lossy(&text[..colon]).to_ascii_lowercase();
            is_hidden = !shown.is_empty()
                && (name.contains("authorization") || is_sign_in && name.trim() == "content-length");
            if is_hidden {
                shown.extend_from_slice(&text[..colon]);
                shown.extend_from_slice(b": ********");
            }
        }
        if !is_hidden {
            shown.extend_from_slice(text);
        }
        shown.extend_from_slice(end);
    }
    *head = shown;
}

/// Hides all but spaces and line ends.
fn hide(bytes: &mut [u8]) {
    let shown = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n');
    bytes.iter_mut().filter(|byte| !shown(byte)).for_each(|byte| *byte = HIDDEN);
}

/// Whether the bytes begin with a method (RFC 9110, 9.1) or like a response.
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
        if !PUBLIC_PARAMETERS.contains(&&*name) {
            value[1..].fill(HIDDEN);
        }
    }
}

/// The ranges of secret bytes in a payload that the server sent.
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
