//! The whole life of one connection, on a thread of its own, from the accepted TCP connection to its end.
//!
//! The thread spends nearly all of it in `read`. As long as the connection speaks HTTP this thread also writes to the socket;
//! once the 101 response is sent, only the broadcaster does, and this thread must not.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;
use log::info;

use crate::admission::Admission;
use crate::broadcaster::{Cause, Endpoint, Incoming, Opened, Received, TcpEnd};
use crate::client_id::ClientId;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::http::{self, Call, NoRequest, Reply, Request, Response};
use crate::limits::Permit;
use crate::tap::{Opening, Purpose, Taps};
use crate::websocket::{ClientStream, Handshake, Session, half_close};

/// How long a connection may go on asking by plain HTTP; the client can always connect again.
const HTTP_LIFETIME: Duration = Duration::from_secs(60);

/// An accepted TCP connection.
pub struct Connection {
    pub id: ClientId,
    /// Shared with the broadcaster once the handshake is done: one descriptor per client.
    pub socket: Arc<TcpStream>,
    pub peer: SocketAddr,
    /// For measuring, and for people.
    pub accepted: Instant,
    pub accepted_at: SystemTime,
    pub context: Arc<Context>,
    /// Counts it among those that speak HTTP, until it is a WebSocket, which are counted apart.
    pub http_permit: Option<Permit>,
    /// Counts it among those of its address, if they are counted.
    pub _address_permit: Option<Permit>,
    pub _thread_permit: Permit,
}

/// A request that may become a WebSocket.
struct Upgrade {
    request: Request,
    endpoint: Endpoint,
    handshake: Handshake,
    admission: Admission,
    /// Counts it among the WebSockets.
    permit: Permit,
    requested: Instant,
    /// What came after the request's head.
    early: Vec<u8>,
}

impl Connection {
    /// The three steps.
    pub fn run(mut self) {
        let id = self.id;
        info!("{id}: TCP connection from {}", self.peer);
        let Some(upgrade) = self.speak_http() else { return };

        // Step 1: the handshake.
        self.http_permit = None;
        let to_broadcaster = self.context.to_broadcaster.clone();
        let (stream, purpose) = match self.shake_hands(upgrade) {
            Ok(opened) => opened,
            Err(error) => return info!("{id}: ended in the handshake: {error}"),
        };
        // From here on the broadcaster knows the client, so it must learn of its end.
        let mut end =
            End { id, to_broadcaster, received: Received::default(), tcp: TcpEnd::Unknown };

        // Step 2: the persistent connection.
        let mut session = Session::new(id, stream, purpose, &self.context);
        let cause = session.run();

        // Step 3: the close.
        end.received = session.received();
        let (mut tap, rest) = session.into_rest();
        let cut = if let Cause::Cut(tcp) = &cause { Some(tcp.clone()) } else { None };
        let _ = end.to_broadcaster.send(Incoming::Closing { client: id, cause });
        tap.rest(&rest);
        // The broadcaster sends the close frame and FIN; what the client still sends is not read as messages.
        end.tcp = cut.unwrap_or_else(|| half_close::drain(&self.socket, |bytes| tap.rest(bytes)));
        tap.end();
    }

    /// Answers requests until one becomes a WebSocket; `None` if the connection ended before.
    fn speak_http(&self) -> Option<Upgrade> {
        let mut unread = Vec::new();
        let mut is_first = true;
        loop {
            let deadline = Deadline::after(self.context.options.handshake_timeout);
            let max_body = self.context.options.max_message;
            let read = http::read(&self.socket, &mut unread, deadline, is_first, max_body);
            let requested = Instant::now();
            let request = match read {
                Ok(request) => request,
                Err(NoRequest::Over(how)) => {
                    info!("{}: ended: {how}", self.id);
                    return None;
                }
                Err(NoRequest::Refused(response)) => {
                    let head = http::head_in(&unread).to_vec();
                    self.answer("no request", &response, head, String::new(), requested);
                    return None;
                }
            };
            let line = format!("{} {:?}", request.method, request.path);
            let reply = match self.reply(&request) {
                Reply::Response(response) => Err((line, response)),
                Reply::WebSocket(endpoint) => self.upgrade(&request, endpoint, false),
                Reply::WebSocketForAll(endpoint) => self.upgrade(&request, endpoint, true),
            };
            let (line, mut response) = match reply {
                Ok((handshake, endpoint, admission, permit)) => {
                    let early = unread;
                    return Some(Upgrade {
                        request,
                        endpoint,
                        handshake,
                        admission,
                        permit,
                        requested,
                        early,
                    });
                }
                Err(refused) => refused,
            };
            response.closes |=
                !request.keeps_connection() || self.accepted.elapsed() > HTTP_LIFETIME;
            let response = response.with_method(request.is_head());
            if !self.answer(&line, &response, request.head, request.query, requested) {
                return None;
            }
            is_first = false;
        }
    }

    /// What the address says, if the request comes from where it may.
    fn reply(&self, request: &Request) -> Reply {
        match self.context.host_names.check(request) {
            Ok(host) => {
                let call = Call { request, host, client: self.id, peer: self.peer };
                self.context.router.reply(&call)
            }
            Err(response) => Reply::Response(response),
        }
    }

    /// Checks a request for a WebSocket: is it a handshake, may the client come in, and is there room?
    fn upgrade(
        &self,
        request: &Request,
        endpoint: Endpoint,
        is_for_all: bool,
    ) -> Result<(Handshake, Endpoint, Admission, Permit), (String, Response)> {
        let line = || format!("handshake {} {:?}", request.method, request.path);
        let refused = |response: Response| (line(), response.that_closes());
        let handshake = Handshake::check(request).map_err(refused)?;
        let admission = match &self.context.authentication {
            Some(authentication) if !is_for_all => {
                authentication.admit(request, self.id, self.peer.ip()).map_err(refused)?
            }
            _ => Admission::default(),
        };
        let permit = self.context.websockets.acquire();
        let permit = permit.ok_or_else(|| refused(Response::full()))?;
        Ok((handshake, endpoint, admission, permit))
    }

    /// Sends a response; `line` names the request in the log. Returns whether another request may follow.
    fn answer(
        &self,
        line: &str,
        response: &Response,
        head: Vec<u8>,
        query: String,
        requested: Instant,
    ) -> bool {
        let (id, status) = (self.id, response.status);
        let why =
            if status >= 400 { format!(": {}", response.first_line()) } else { String::new() };
        let bytes = response.to_bytes();
        // The response gets as much time as the request had.
        let deadline = Deadline::after(self.context.options.handshake_timeout);
        if let Err(error) = http::write_all(&self.socket, &bytes, deadline) {
            info!("{id}: {line} answered {status}{why}, but ended: {error}");
            return false;
        }
        info!("{id}: {line} answered {status}, {} bytes{why}", bytes.len());
        // Refusals are captured, too; but browsers open connections in advance and never say a word on them.
        if let Some(capture) =
            self.context.capture.as_ref().filter(|_| status >= 400 && !head.is_empty())
        {
            capture.refused(self.opening(requested, query, head, bytes), status);
        }
        if response.closes {
            half_close::end_http(&self.socket);
            info!("{id}: ended after its last answer");
        }
        !response.closes
    }

    fn opening(
        &self,
        requested: Instant,
        query: String,
        request: Vec<u8>,
        response: Vec<u8>,
    ) -> Opening {
        let (client, peer, local) = (self.id, self.peer, self.socket.local_addr().ok());
        let (accepted, accepted_at) = (self.accepted, self.accepted_at);
        Opening { client, peer, local, accepted, accepted_at, requested, query, request, response }
    }

    /// Sends the 101 response, and hands the client over to the broadcaster.
    fn shake_hands(&self, upgrade: Upgrade) -> io::Result<(ClientStream, Purpose)> {
        let Upgrade { request, mut endpoint, handshake, admission, permit, requested, early } =
            upgrade;
        let (id, context) = (self.id, &self.context);
        info!(
            "{id}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            request.path, handshake.key, handshake.accept
        );
        let purpose = endpoint.purpose();
        if let Endpoint::Chat(join) = &mut endpoint {
            join.account.clone_from(&admission.name);
        }
        let response = handshake.response();
        let deadline = Deadline::after(context.options.handshake_timeout);
        http::write_all(&self.socket, &response, deadline)?;
        self.socket.set_read_timeout(context.options.ping)?;
        let taps = context.capture.as_ref().map_or_else(Taps::none, |capture| {
            let opening = self.opening(requested, request.query, request.head, response);
            capture.open(opening, purpose)
        });
        let opened = Opened {
            socket: Arc::clone(&self.socket),
            accepted: self.accepted,
            endpoint,
            admission,
            permit,
            tap: taps.send,
            welcome_field: taps.welcome_field,
        };
        let opened = Incoming::Opened { client: id, opened: Box::new(opened) };
        let ended = |_| io::Error::other("the server ends");
        context.to_broadcaster.send(opened).map_err(ended)?;
        let (socket, to_broadcaster) = (Arc::clone(&self.socket), context.to_broadcaster.clone());
        let max_message = context.options.max_message;
        let stream = ClientStream::new(id, socket, to_broadcaster, max_message, early, taps.read);
        Ok((stream, purpose))
    }
}

/// Tells the broadcaster that this thread is done, whatever ended it.
struct End {
    id: ClientId,
    to_broadcaster: Sender<Incoming>,
    received: Received,
    tcp: TcpEnd,
}

impl Drop for End {
    fn drop(&mut self) {
        let tcp = std::mem::replace(&mut self.tcp, TcpEnd::Unknown);
        let ended = Incoming::Ended { client: self.id, received: self.received, tcp };
        let _ = self.to_broadcaster.send(ended);
    }
}
