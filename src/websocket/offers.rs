//! What a client offers besides the protocol itself: subprotocols and extensions. Their grammar is checked (RFC 6455, section
//! 4.3).
//!
//! This server selects none of them, but refuses a handshake with a wrong list. No socket and no clock here.

use log::info;

use crate::client_id::ClientId;
use crate::http::{Headers, Response};

/// Checks both lists, if they are there.
///
/// # Errors
/// `400` with the list that breaks the grammar.
pub fn check(headers: &Headers) -> Result<(), Response> {
    if !is_list(headers, "sec-websocket-protocol", is_token) || repeats_a_protocol(headers) {
        let text = "Sec-WebSocket-Protocol must be a list of names, each of them once.";
        return Err(Response::refusal(400, text));
    }
    if !is_list(headers, "sec-websocket-extensions", is_extension) {
        let text = "Sec-WebSocket-Extensions must be a list like: name; parameter=value, other-name.";
        return Err(Response::refusal(400, text));
    }
    Ok(())
}

/// Says in the log why a browser will end this connection: it asked for a subprotocol, and the answer selects none (RFC 6455, 4.1).
pub fn log_subprotocols(id: ClientId, headers: &Headers) {
    let offered: Vec<&str> = headers.list("sec-websocket-protocol").collect();
    if !offered.is_empty() {
        let offered = offered.join(", ");
        info!(
            "{id}: the client offers subprotocols ({offered}); none is spoken here, so a browser ends the connection (1006)"
        );
    }
}

/// All elements are right, and there is at least one: `1#element` of RFC 2616. Without such a line there is no list.
fn is_list(headers: &Headers, name: &str, is_right: impl Fn(&str) -> bool) -> bool {
    let is_absent = headers.all(name).next().is_none();
    is_absent || (headers.list(name).next().is_some() && headers.list(name).all(is_right))
}

fn repeats_a_protocol(headers: &Headers) -> bool {
    let offered = || headers.list("sec-websocket-protocol");
    offered().enumerate().any(|(place, name)| offered().take(place).any(|before| before == name))
}

/// `name; parameter; parameter=value; parameter="value"`. A quoted value must be a token, too, so it has no comma, and
/// the list can be split at commas first.
fn is_extension(element: &str) -> bool {
    let mut parts = element.split(';').map(trimmed);
    parts.next().is_some_and(is_token) && parts.all(is_parameter)
}

fn is_parameter(parameter: &str) -> bool {
    match parameter.split_once('=') {
        None => is_token(parameter),
        Some((name, value)) => is_token(trimmed(name)) && is_value(trimmed(value)),
    }
}

fn is_value(value: &str) -> bool {
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // A token has no backslash: here it only escapes the next character.
    quoted.map_or_else(|| is_token(value), |quoted| unescaped(quoted).is_some_and(|text| is_token(&text)))
}

/// A quoted text without its backslashes; `None` if a last backslash escapes nothing.
fn unescaped(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next()? } else { character });
    }
    Some(text)
}

/// Without the white space that may stand around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// At least one character, none of them a separator (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_right)
}
