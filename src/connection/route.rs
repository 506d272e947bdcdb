//! Which address gives what: the answers to plain HTTP, and the doors to the WebSockets.
//!
//! Runs on the connection's thread, between reading a request and answering it. Must never touch the socket.

use std::sync::atomic::Ordering;

use serde_json::json;

use super::answer::Answer;
use super::head::Request;
use super::page::page;
use super::{Asked, Connection, Site, sign_in};
use crate::accounts::Accounts;
use crate::broadcaster::Endpoint;
use crate::chat::Entrance;
use crate::wire::{Watch, WireKey};

/// What to do with a request.
pub enum Route {
    Answer(Answer),
    /// Go on with the opening handshake.
    WebSocket(Endpoint),
}

/// The addresses there are.
#[derive(Clone, Copy)]
enum Address<'a> {
    /// `/`: the page, and the chat's WebSocket.
    Page,
    /// `/ws`: the chat's WebSocket.
    Chat,
    /// `/echo`: a WebSocket and a POST that give back what they get.
    Echo,
    /// `/wire`: a WebSocket that shows what happens on others.
    Wire,
    /// `/health`: how the server does.
    Health,
    /// `/login`, `/logout` and `/me`: only where not everybody may come in.
    SignIn(&'a Accounts),
    SignOut(&'a Accounts),
    WhoAmI(&'a Accounts),
}

impl<'a> Address<'a> {
    fn find(path: &str, accounts: Option<&'a Accounts>) -> Option<Address<'a>> {
        match path {
            "/" => Some(Address::Page),
            "/ws" => Some(Address::Chat),
            "/echo" => Some(Address::Echo),
            "/wire" => Some(Address::Wire),
            "/health" => Some(Address::Health),
            "/login" => accounts.map(Address::SignIn),
            "/logout" => accounts.map(Address::SignOut),
            "/me" => accounts.map(Address::WhoAmI),
            _ => None,
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Address::Page
            | Address::Chat
            | Address::Wire
            | Address::Health
            | Address::WhoAmI(_) => &["GET", "HEAD"],
            Address::Echo => &["GET", "HEAD", "POST"],
            Address::SignIn(_) | Address::SignOut(_) => &["POST"],
        }
    }
}

/// What lets somebody watch the connection, if the request brought it along: `?wire=…`.
pub fn wire_key(query: &str) -> Option<WireKey> {
    parameter(query, "wire").and_then(|key| WireKey::parse(&key))
}

/// Finds what a request asks for. `host` is its checked `Host` header.
pub(super) fn route(
    request: &Request,
    asked: &Asked,
    host: &str,
    connection: &Connection,
) -> Route {
    let site = &*connection.site;
    let Some(address) = Address::find(&request.path, site.accounts.as_ref()) else {
        let text =
            "There is nothing here. Try / for the page, /ws for the chat, /echo, /wire or /health.";
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
            let key = asked.key.clone().or_else(WireKey::random);
            Route::WebSocket(Endpoint::Chat(Entrance::parse(&request.query, key)))
        }
        Address::Wire if upgrade => watch(&request.query, site),
        Address::Echo if upgrade => Route::WebSocket(Endpoint::Echo),
        Address::Page => Route::Answer(page(site.options.page.as_deref(), host)),
        Address::Health => Route::Answer(health(site)),
        Address::Echo if request.method == "POST" => {
            // For the lesson "HTTP or WebSocket?": what a page cannot see of its own request.
            let answer = Answer::new(200, "application/octet-stream", request.body.clone())
                .with_header("X-Connection", connection.id.0.to_string())
                .with_header("X-Request-Head", asked.head.len().to_string());
            Route::Answer(answer.that_tells_its_head())
        }
        Address::SignIn(accounts) => Route::Answer(sign_in::sign_in(accounts, request, connection)),
        Address::SignOut(accounts) => {
            Route::Answer(sign_in::sign_out(accounts, request, connection))
        }
        Address::WhoAmI(accounts) => Route::Answer(sign_in::who_am_i(accounts, request)),
        Address::Chat | Address::Echo | Address::Wire => {
            Route::Answer(Answer::upgrade_required(format!(
                "{} speaks WebSocket: ask for it with Upgrade: websocket, for instance with the page at / or with websocat.",
                request.path
            )))
        }
    }
}

/// The door of `/wire`.
fn watch(query: &str, site: &Site) -> Route {
    let key = parameter(query, "key").unwrap_or_default();
    match Watch::parse(&key, site.options.teacher_key.as_deref()) {
        Some(watch) => Route::WebSocket(Endpoint::Wire(watch)),
        None => Route::Answer(Answer::refusal(
            403,
            "To watch takes a key: /wire?key=KEY with the \"wire\" of your chat's welcome, or the teacher's key.",
        )),
    }
}

/// The first value of this name in a query, decoded.
fn parameter(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

fn health(site: &Site) -> Answer {
    // Only where several servers share the chat.
    let redis = site.options.redis.as_ref().map(|_| {
        let is_lost = site.counters.out_of_touch.load(Ordering::Relaxed);
        if is_lost { "lost" } else { "connected" }
    });
    let mut body = json!({
        "clients": site.counters.clients.load(Ordering::Relaxed),
        "messages": site.counters.messages.load(Ordering::Relaxed),
        "sign_in": site.accounts.is_some(),
        "uptime": site.started.elapsed().as_secs(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let Some(redis) = redis {
        body["redis"] = redis.into();
    }
    Answer::new(200, "application/json", format!("{body}\n").into_bytes())
}
