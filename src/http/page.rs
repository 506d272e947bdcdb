//! The page, and the policy that lets exactly its own script run.
//!
//! Runs on the connection's thread. The page is in the binary, so that the server is one file; `--page FILE` serves
//! another, read again each time, for those who change it.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use log::warn;
use sha2::{Digest, Sha256};

use super::response::Response;

/// The page, inside the binary.
const PAGE: &str = include_str!("../../index.html");

/// The page as it is, for a checked `Host` header, with a policy that lets exactly its own script and style run.
pub fn page(file: Option<&Path>, host: &str) -> Response {
    let page: Cow<'static, str> = match file.map(|file| (file, fs::read_to_string(file))) {
        None => PAGE.into(),
        Some((_, Ok(page))) => page.into(),
        Some((file, Err(error))) => {
            // The file's name is for the teacher alone.
            warn!("the page {} cannot be read: {error}", file.display());
            return Response::text(500, "The page cannot be read; the server's log says why.");
        }
    };
    let policy = content_security_policy(&page, host);
    let body = match page {
        Cow::Borrowed(page) => Cow::Borrowed(page.as_bytes()),
        Cow::Owned(page) => Cow::Owned(page.into_bytes()),
    };
    Response::new(200, "text/html; charset=utf-8", body)
        .with_header("Content-Security-Policy", policy)
        .with_header("Referrer-Policy", "no-referrer")
}

/// `'self'` does not cover `ws:` in every browser, so the WebSocket addresses are named; `host` was checked to be a
/// name or address and a port, so it cannot add a rule.
fn content_security_policy(page: &str, host: &str) -> String {
    let sockets = if host.is_empty() { String::new() } else { format!(" ws://{host} wss://{host}") };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data:; connect-src 'self'{sockets}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hashes(page, "<script>", "</script>"),
        hashes(page, "<style>", "</style>"),
    )
}

/// `'sha256-…'` of the text of each such element.
fn hashes(page: &str, begin: &str, end: &str) -> String {
    let texts = page.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
    let hashes: Vec<String> =
        texts.map(|(text, _)| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))).collect();
    if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") }
}

#[cfg(test)]
mod tests;
