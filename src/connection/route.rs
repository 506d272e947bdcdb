//! Which address gives what: the answers to plain HTTP, and the doors to the WebSockets.
//!
//! Runs on the connection's thread, between reading a request and answering it. Must never touch the socket.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::Site;
use super::answer::Answer;
use super::head::Request;
use super::page::page;
use crate::broadcaster::Endpoint;
use crate::chat::Entrance;

/// What to do with a request.
pub enum Route {
    Answer(Answer),
    /// Go on with the opening handshake.
    WebSocket(Endpoint),
}

/// The addresses there are.
#[derive(Clone, Copy)]
enum Address {
    /// `/`: the page, and the chat's WebSocket.
    Page,
    /// `/ws`: the chat's WebSocket.
    Chat,
    /// `/echo`: a WebSocket and a POST that give back what they get.
    Echo,
    /// `/health`: how the server does.
    Health,
}

impl Address {
    fn find(path: &str) -> Option<Address> {
        match path {
            "/" => Some(Address::Page),
            "/ws" => Some(Address::Chat),
            "/echo" => Some(Address::Echo),
            "/health" => Some(Address::Health),
            _ => None,
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Address::Page | Address::Chat | Address::Health => &["GET", "HEAD"],
            Address::Echo => &["GET", "HEAD", "POST"],
        }
    }
}

/// Finds what a request asks for. `host` is its checked `Host` header.
pub fn route(request: &Request, host: &str, site: &Site) -> Route {
    let Some(address) = Address::find(&request.path) else {
        let text = "There is nothing here. Try / for the page, /ws for the chat, /echo or /health.";
        return Route::Answer(Answer::text(404, text));
    };
    if !address.methods().contains(&request.method.as_str()) {
        let methods = address.methods().join(", ");
        let text = format!("This address takes {methods} only.");
        return Route::Answer(Answer::text(405, text).with_header("Allow", methods));
    }
    let upgrade = request.wants_websocket() && request.method == "GET";
    match address {
        Address::Page | Address::Chat if upgrade => {
            Route::WebSocket(Endpoint::Chat(Entrance::parse(&request.query)))
        }
        Address::Echo if upgrade => Route::WebSocket(Endpoint::Echo),
        Address::Page => Route::Answer(page(site.options.page.as_deref(), host)),
        Address::Health => Route::Answer(health(site)),
        Address::Echo if request.method == "POST" => {
            Route::Answer(Answer::new(200, "application/octet-stream", request.body.clone()))
        }
        Address::Chat | Address::Echo => Route::Answer(Answer::upgrade_required(format!(
            "{} speaks WebSocket: ask for it with Upgrade: websocket, for instance with the page at / or with websocat.",
            request.path
        ))),
    }
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
