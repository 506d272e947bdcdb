//! Step 0: the connection speaks HTTP. Requests are read and answered until one of them becomes a WebSocket.
//!
//! On the connection's thread, the only one that reads from and writes to the socket as long as it speaks HTTP.

use std::time::{Duration, Instant};

use log::{info, log};

use super::first_words::first_words;
use super::request::{NoRequest, head_in, read};
use super::stream::write_all;
use super::{Call, Reply, Request, Response};
use crate::admission::{Admission, Needs};
use crate::broadcaster::Endpoint;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::limits::Permit;
use crate::tcp::Tcp;
use crate::websocket::{Handshake, half_close, log_subprotocols};

/// How long a connection may send plain HTTP requests. After that the client has to connect again.
const HTTP_LIFETIME: Duration = Duration::from_secs(60);

/// A request that may become a WebSocket.
pub struct Upgrade {
    pub request: Request,
    pub endpoint: Endpoint,
    pub handshake: Handshake,
    pub admission: Admission,
    /// Counts it among the WebSockets.
    pub permit: Permit,
    pub requested: Instant,
    /// What came after the request's head.
    pub early: Vec<u8>,
}

/// Answers requests until one becomes a WebSocket; `None` if the connection ended before.
pub fn speak(tcp: &Tcp, context: &Context) -> Option<Upgrade> {
    Exchange { tcp, context }.run()
}

/// One connection, as long as it speaks HTTP.
struct Exchange<'a> {
    tcp: &'a Tcp,
    context: &'a Context,
}

impl Exchange<'_> {
    fn run(&self) -> Option<Upgrade> {
        let mut unread = Vec::new();
        let mut level = None;
        loop {
            let options = &self.context.options;
            let deadline = Deadline::after(options.handshake_timeout);
            let read = read(&self.tcp.socket, &mut unread, deadline, level.is_none(), options.max_message);
            let requested = Instant::now();
            let level = match level {
                Some(level) => level,
                None => *level.insert(first_words(self.tcp, &unread, &read)?),
            };
            let request = match read {
                Ok(request) => request,
                Err(NoRequest::Over(how)) => {
                    log!(level, "{}: ended: {how}", self.tcp.id);
                    return None;
                }
                Err(NoRequest::Refused(response)) => {
                    let head = head_in(&unread).to_vec();
                    self.answer("no request", &response, head, requested);
                    return None;
                }
            };
            let line = format!("{} {:?}", request.method, request.path);
            let (line, mut response) = match self.reply(&request) {
                Reply::Response(response) => (line, response),
                Reply::WebSocket { endpoint, needs } => match self.admit(&request, needs) {
                    Ok((handshake, admission, permit)) => {
                        return Some(Upgrade {
                            request,
                            endpoint,
                            handshake,
                            admission,
                            permit,
                            requested,
                            early: unread,
                        });
                    }
                    Err(response) => (format!("handshake {line}"), response.that_closes()),
                },
            };
            response.closes |= !request.keeps_connection() || self.tcp.accepted.elapsed() > HTTP_LIFETIME;
            let response = response.with_method(request.is_head());
            if !self.answer(&line, &response, request.head, requested) {
                return None;
            }
        }
    }

    /// The reply of the route, if `Host` and `Origin` are allowed.
    fn reply(&self, request: &Request) -> Reply {
        match self.context.host_names.check(request) {
            Ok(host) => {
                let wait = |time| self.tcp.wait(time);
                let call = Call { request, host, client: self.tcp.id, peer: self.tcp.peer, wait: &wait };
                self.context.router.reply(&call)
            }
            Err(response) => Reply::Response(response),
        }
    }

    /// Is it a handshake, may the client come in, and is there room?
    fn admit(&self, request: &Request, needs: Needs) -> Result<(Handshake, Admission, Permit), Response> {
        let handshake = Handshake::check(request)?;
        log_subprotocols(self.tcp.id, &request.headers);
        let authentication = self.context.joints.authentication.as_deref();
        let admission = needs.admit(authentication, request, self.tcp.id, self.tcp.peer.ip())?;
        let permit = self.context.websockets.acquire().ok_or_else(Response::full)?;
        Ok((handshake, admission, permit))
    }

    /// Sends a response; `line` names the request in the log. Returns whether another request may follow.
    fn answer(&self, line: &str, response: &Response, head: Vec<u8>, requested: Instant) -> bool {
        let (id, status) = (self.tcp.id, response.status);
        let why = if status >= 400 { format!(": {}", response.first_line()) } else { String::new() };
        let bytes = response.to_bytes();
        // The response gets as much time as the request had.
        let deadline = Deadline::after(self.context.options.handshake_timeout);
        let sent = write_all(&self.tcp.socket, &bytes, deadline);
        if let Err(error) = sent.and_then(|()| response.send_rest(&self.tcp.socket)) {
            info!("{id}: {line} answered {status}{why}, but ended: {error}");
            return false;
        }
        log!(response.level, "{id}: {line} answered {status}, {} bytes{why}", bytes.len());
        // A request is captured, too, if one came: browsers open connections in advance and may never use them.
        if let Some(capture) = self.context.joints.capture.as_ref().filter(|_| !head.is_empty()) {
            capture.answered(self.tcp.opening(requested, head, bytes), status);
        }
        if response.closes {
            half_close::end_http(&self.tcp.socket);
            info!("{id}: ended after its last answer");
        }
        !response.closes
    }
}
