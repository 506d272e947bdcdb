//! Host names and origins as a person types them, turned into what a browser sends.
//!
//! Called while the command line is read. What can be meant is taken: capitals, a port, a final dot, letters beyond ASCII, an address
//! copied from a browser. What no browser can send is refused, since it would let in no one.

use std::net::Ipv6Addr;

use unicode_normalization::UnicodeNormalization;

use super::punycode;

/// DNS's bounds (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

const NO_NAME: &str = "is not a host name like school.example";
const NO_ORIGIN: &str = "is not an origin like https://school.example:8443, or null";

/// The name without a port, as it stands in `Host`: browsers send the port too, but any port is accepted.
///
/// # Errors
/// What is wrong with it.
pub fn host_name(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    let (name, _) = split_port(text.strip_suffix('/').unwrap_or(text)).ok_or(NO_NAME)?;
    in_dns(name).ok_or(NO_NAME)
}

/// The origin as it stands in `Origin`: without the port that its scheme implies and without a final dot.
///
/// # Errors
/// What is wrong with it.
pub fn origin(text: &str) -> Result<String, &'static str> {
    let text = text.to_lowercase();
    if text == "null" {
        return Ok(text);
    }
    let (scheme, authority) = text.split_once("://").ok_or(NO_ORIGIN)?;
    // An origin of another scheme is that of a browser's extension.
    let (scheme, implied) = match scheme {
        "http" | "ws" => ("http", Some(80)),
        "https" | "wss" => ("https", Some(443)),
        "file" => return Err("is sent by no browser: pages from disk have --origin null"),
        other
            if !other.is_empty()
                && other.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            (other, None)
        }
        _ => return Err(NO_ORIGIN),
    };
    let (name, port) = split_port(authority.strip_suffix('/').unwrap_or(authority)).ok_or(NO_ORIGIN)?;
    let name = in_dns(name).ok_or(NO_ORIGIN)?;
    Ok(match port.filter(|port| Some(*port) != implied) {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    })
}

/// The name, and the port if there is one; `None` if what stands after the colon is no port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => match port {
            "" => Some((name, None)),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some((name, Some(digits.parse().ok()?)))
            }
            _ => None,
        },
        _ => Some((text, None)),
    }
}

/// The name as DNS has it: lower case, ASCII. An IPv6 address stays in its brackets.
fn in_dns(name: &str) -> Option<String> {
    if let Some(address) = name.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    // The dot of Chinese and Japanese separates, too (RFC 3490, 3.1).
    let name: String = name.to_lowercase().replace('\u{3002}', ".").nfkc().collect();
    let labels = name.strip_suffix('.').unwrap_or(&name).split('.').map(label);
    let name = labels.collect::<Option<Vec<String>>>()?.join(".");
    (name.len() <= LONGEST_NAME).then_some(name)
}

fn label(label: &str) -> Option<String> {
    let is_right = |character: char| {
        let is_ascii_right = character.is_ascii_alphanumeric() || "-_".contains(character);
        is_ascii_right || !(character.is_ascii() || character.is_control() || character.is_whitespace())
    };
    // Longer would be slow to encode, and can never be short enough.
    let could_fit =
        !label.is_empty() && label.chars().count() <= LONGEST_LABEL && label.chars().all(is_right);
    let label = could_fit.then(|| punycode::to_ascii(label)).flatten()?;
    (label.len() <= LONGEST_LABEL).then_some(label)
}

#[cfg(test)]
mod tests;
