//! Which address gives what: the answers to plain HTTP, and the doors to the WebSockets.
//!
//! Runs on the connection's thread, between reading a request and answering it.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use data_encoding::BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::request::Request;
use crate::broadcaster::Room;
use crate::server::Site;

/// The page, inside the binary.
const PAGE: &str = include_str!("../../index.html");

/// What to do with a request.
pub enum Route {
    Answer(Answer),
    /// Go on with the opening handshake.
    WebSocket(Room),
}

/// Finds what a request asks for. `host` is its checked `Host` header.
pub fn route(request: &Request, host: &str, site: &Site) -> Route {
    let methods: &[&str] = match request.path.as_str() {
        "/" | "/ws" | "/health" => &["GET", "HEAD"],
        "/echo" => &["GET", "HEAD", "POST"],
        _ => {
            let text =
                "There is nothing here. Try / for the page, /ws for the chat, /echo or /health.";
            return Route::Answer(Answer::text(404, text));
        }
    };
    if !methods.contains(&request.method.as_str()) {
        let text = format!("This address takes {} only.", methods.join(", "));
        return Route::Answer(Answer::text(405, text).with_header("Allow", methods.join(", ")));
    }
    if request.wants_websocket() && request.method == "GET" {
        match request.path.as_str() {
            "/" | "/ws" => {
                return Route::WebSocket(Room::Chat {
                    wish: wished_name(&request.query),
                });
            }
            "/echo" => return Route::WebSocket(Room::Echo),
            _ => {}
        }
    }
    Route::Answer(match request.path.as_str() {
        "/" => page(site.options.page.as_deref(), host),
        "/health" => health(site),
        "/echo" if request.method == "POST" => {
            Answer::new(200, "application/octet-stream", request.body.clone())
        }
        path => Answer::upgrade_required(format!(
            "{path} speaks WebSocket: ask for it with Upgrade: websocket, \
             for instance with the page at / or with websocat."
        )),
    })
}

/// `?name=Ana`, decoded.
fn wished_name(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "name")
        .map(|(_, name)| name.into_owned())
}

fn health(site: &Site) -> Answer {
    let body = json!({
        "clients": site.counters.clients.load(Ordering::Relaxed),
        "messages": site.counters.messages.load(Ordering::Relaxed),
        "uptime": site.started.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    Answer::new(200, "application/json", format!("{body}\n").into_bytes())
}

/// The page as it is, with a policy that lets exactly its own script and style run.
fn page(file: Option<&Path>, host: &str) -> Answer {
    let page: Cow<'static, str> = match file.map(|file| (file, fs::read_to_string(file))) {
        None => PAGE.into(),
        Some((_, Ok(page))) => page.into(),
        Some((file, Err(error))) => {
            return Answer::text(
                500,
                format!("The page {} cannot be read: {error}.", file.display()),
            );
        }
    };
    let policy = content_security_policy(&page, host);
    let body = match page {
        Cow::Borrowed(page) => Cow::Borrowed(page.as_bytes()),
        Cow::Owned(page) => Cow::Owned(page.into_bytes()),
    };
    Answer::new(200, "text/html; charset=utf-8", body)
        .with_header("Content-Security-Policy", policy)
        .with_header("Referrer-Policy", "no-referrer")
}

/// `'self'` does not cover `ws:` in every browser, so the WebSocket addresses are named; `host` was checked to be a
/// name or address and a port, so it cannot smuggle a rule in.
fn content_security_policy(page: &str, host: &str) -> String {
    let sockets = if host.is_empty() {
        String::new()
    } else {
        format!(" ws://{host} wss://{host}")
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data:; connect-src 'self'{sockets}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hashes(page, "<script>", "</script>"),
        hashes(page, "<style>", "</style>"),
    )
}

/// `'sha256-…'` of the text of each such element.
fn hashes(page: &str, begin: &str, end: &str) -> String {
    let texts = page
        .split(begin)
        .skip(1)
        .filter_map(|rest| rest.split_once(end));
    let hashes: Vec<String> = texts
        .map(|(text, _)| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text))))
        .collect();
    if hashes.is_empty() {
        "'none'".to_owned()
    } else {
        hashes.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_of_the_page_is_allowed_by_its_hash() {
        let page = "<style>a</style><script>alert(1)</script>";
        assert_eq!(
            hashes(page, "<script>", "</script>"),
            "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
        );
        assert_eq!(hashes("no script", "<script>", "</script>"), "'none'");
    }

    #[test]
    fn a_name_in_the_query_is_decoded() {
        assert_eq!(
            wished_name("x=1&name=Ana+Mar%C3%ADa"),
            Some("Ana María".to_owned())
        );
        assert_eq!(wished_name("named=x"), None);
    }
}
