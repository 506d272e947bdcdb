//! The joint for addresses: a table of routes, each with its path, its methods and its handler. Features add rows; nothing here
//! knows them.
//!
//! Runs on the connection's thread, between reading a request and answering it. A handler must never touch the socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::head::Request;
use super::page::Pages;
use super::response::Response;
use crate::admission::Needs;
use crate::broadcaster::Endpoint;
use crate::client_id::ClientId;

/// What an address takes that is only read.
pub const READ: &[&str] = &["GET", "HEAD"];

/// One row of the table.
pub struct Route {
    pub path: &'static str,
    pub methods: &'static [&'static str],
    /// Listed in the `404` response to a path that is not here.
    pub is_public: bool,
    pub handler: Box<dyn Fn(&Call<'_>) -> Reply + Send + Sync>,
}

/// A request, and what else a handler may know.
pub struct Call<'a> {
    pub request: &'a Request,
    /// The checked `Host` header; empty if HTTP/1.0 sent none.
    pub host: &'a str,
    pub client: ClientId,
    pub peer: SocketAddr,
    /// Waits this long, or until the client leaves or sends more. Returns whether the time is over.
    pub wait: &'a dyn Fn(Duration) -> bool,
}

/// Called before the handler of an address: it may wait, or refuse the request by a response of its own.
pub type Before = Box<dyn Fn(&Call<'_>) -> Option<Response> + Send + Sync>;

/// What a handler wants done.
pub enum Reply {
    Response(Response),
    /// Go on with the opening handshake, if the client has what it needs.
    WebSocket {
        endpoint: Endpoint,
        needs: Needs,
    },
}

impl Reply {
    /// Go on with the opening handshake, if the client may come in.
    pub fn websocket(endpoint: Endpoint) -> Reply {
        Reply::WebSocket { endpoint, needs: Needs::Admission }
    }
}

impl Call<'_> {
    /// The client asks for a WebSocket at this address.
    pub fn wants_websocket(&self) -> bool {
        self.request.wants_websocket() && self.request.method == "GET"
    }

    /// The reply of an address that only speaks WebSocket.
    pub fn upgrade_required(&self) -> Reply {
        Reply::Response(Response::upgrade_required(format!(
            "{} speaks WebSocket: ask for it with Upgrade: websocket, for instance with the page at / or with websocat.",
            self.request.path
        )))
    }
}

pub struct Router {
    routes: Vec<Route>,
    before: Vec<Before>,
    pages: Arc<Pages>,
}

impl Router {
    pub fn new(routes: Vec<Route>, before: Vec<Before>, pages: Arc<Pages>) -> Router {
        Router { routes, before, pages }
    }

    /// Finds the route and returns the reply of its handler, else a file of the page.
    pub fn reply(&self, call: &Call<'_>) -> Reply {
        if let Some(refused) = self.before.iter().find_map(|before| before(call)) {
            return Reply::Response(refused);
        }
        let method = call.request.method.as_str();
        if let Some(route) = self.routes.iter().find(|route| route.path == call.request.path) {
            return match route.methods.contains(&method) {
                true => (route.handler)(call),
                false => Reply::Response(method_not_allowed(route.methods)),
            };
        }
        Reply::Response(match self.pages.find(call.request, call.host) {
            Some(file) if READ.contains(&method) => file,
            Some(_) => method_not_allowed(READ),
            None => Response::text(404, self.what_is_here()),
        })
    }

    fn what_is_here(&self) -> String {
        let more = self.routes.iter().filter(|route| route.is_public).map(|route| route.path);
        let more: Vec<&str> = more.collect();
        let (last, others) = more.split_last().expect("invariant: the core has public routes");
        let others = others.join(", ");
        format!("There is nothing here. Try / for the page, /ws for the chat, {others} or {last}.")
    }
}

fn method_not_allowed(methods: &[&str]) -> Response {
    let methods = methods.join(", ");
    Response::text(405, format!("This address takes {methods} only.")).with_header("Allow", methods)
}

/// The first value of this name in a query, decoded.
pub fn parameter(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}
