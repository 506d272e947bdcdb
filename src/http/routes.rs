//! The addresses of the core: the page, the chat's WebSocket, the echo, and the server's health.
//!
//! Made once by `server.rs`; the handlers run on the connections' threads.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::json;

use super::page::Pages;
use super::response::Response;
use super::router::{Call, READ, Reply, Route, Router};
use crate::broadcaster::{Counters, Endpoint};
use crate::chat::JoinRequest;
use crate::joints::HttpJoints;
use crate::tap::Purpose;

/// All addresses: the core's and those of the features. `own_page`: a file or folder in place of the page.
pub fn router(joints: HttpJoints, own_page: Option<PathBuf>, counters: Arc<Counters>) -> Router {
    let HttpJoints { features, routes, before, page_files, health: health_fields } = joints;
    let pages = Arc::new(Pages::new(page_files, own_page));
    let pages_at_root = Arc::clone(&pages);
    let started = Instant::now();
    let chat = |call: &Call<'_>| {
        let (query, address) = (&call.request.query, Some(call.peer.ip()));
        Reply::websocket(match JoinRequest::is_in_message(query) {
            true => {
                let parse = move |text: &str| {
                    let request = JoinRequest::parse_message(text)?;
                    Ok(Endpoint::Chat(Box::new(JoinRequest { address, ..request })))
                };
                Endpoint::FirstMessage(Purpose::Chat, Some(Box::new(parse)))
            }
            false => Endpoint::Chat(Box::new(JoinRequest { address, ..JoinRequest::parse(query) })),
        })
    };
    let page = move |call: &Call<'_>| match call.wants_websocket() {
        true => chat(call),
        false => Reply::Response(pages_at_root.index(call.request, call.host)),
    };
    let chat = move |call: &Call<'_>| match call.wants_websocket() {
        true => chat(call),
        false => call.upgrade_required(),
    };
    let health = move |_: &Call<'_>| {
        let mut body = json!({
            "clients": counters.members.load(Ordering::Relaxed),
            "features": features,
            "messages": counters.messages.load(Ordering::Relaxed),
            "uptime": started.elapsed().as_secs(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        for (name, value) in &health_fields {
            body[*name] = value();
        }
        Reply::Response(Response::json(&body))
    };
    let core = [
        Route { path: "/", methods: READ, is_public: false, handler: Box::new(page) },
        Route { path: "/ws", methods: READ, is_public: false, handler: Box::new(chat) },
        Route { path: "/echo", methods: &["GET", "HEAD", "POST"], is_public: true, handler: Box::new(echo) },
        Route { path: "/health", methods: READ, is_public: true, handler: Box::new(health) },
    ];
    Router::new(core.into_iter().chain(routes).collect(), before, pages)
}

/// A WebSocket and a POST that give back what they get.
fn echo(call: &Call<'_>) -> Reply {
    if call.wants_websocket() {
        return Reply::websocket(Endpoint::Echo);
    }
    if call.request.method != "POST" {
        return call.upgrade_required();
    }
    // For the lesson "HTTP or WebSocket?": sizes of its own request and response that a page cannot see.
    let response = Response::new(200, "application/octet-stream", call.request.body.clone())
        .with_header("X-Connection", call.client.0.to_string())
        .with_header("X-Request-Head", call.request.head.len().to_string());
    Reply::Response(response.with_head_length())
}
