//! The life of one connection, on a thread of its own: read a request, answer it or shake hands; as a `websocket` converse,
//! then close.
//!
//! Called by the accept threads. Reads are blocking, and this thread is the only one that reads the socket and writes to
//! it, as long as it speaks HTTP. A WebSocket goes on on a thread of its own, and this one ends: what an HTTP request takes of
//! a stack is 8 KiB more than a conversation does, and the conversation may last all day.

mod ahead;
mod answer;
mod closing;
mod conversation;
mod guard;
mod handshake;
mod head;
mod offers;
mod origin;
mod page;
mod rate;
mod request;
mod route;
mod sign_in;
mod stream;
mod websocket;
mod wiretap;

pub use answer::Answer;
pub use origin::HostNames;

/// What is fuzzed without a whole connection around it.
#[cfg(any(test, fuzzing))]
pub mod fuzzed {
    pub use super::guard::FrameGuard;
    pub use super::handshake::Handshake;
    pub use super::head::{MAX_HEADERS, Request, parse};
    pub use super::request::{MAX_HEAD, NoRequest, head_in, read};
}

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use log::{info, warn};

use crate::accounts::{Accounts, Admission};
use crate::broadcaster::{Counters, Endpoint, Incoming, Newcomer};
use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::options::Options;
use crate::seats::{Seat, Seats};
use crate::wire::{Accepted, Opening, Purpose, WireKey};
use handshake::Handshake;
use head::Request;
use request::NoRequest;
use route::Route;
use websocket::{Beginning, OpenedWebSocket};

/// How long a connection may go on asking by plain HTTP; it can always come anew.
const HTTP_LIFETIME: Duration = Duration::from_secs(60);

/// What every connection needs to know; nobody changes it.
pub struct Site {
    pub options: Options,
    pub host_names: HostNames,
    pub started: Instant,
    pub counters: Arc<Counters>,
    /// Places for WebSockets: `--max-clients`.
    pub seats: Seats,
    /// Places for connections' threads: as many as the system allows.
    pub threads: Seats,
    /// Who may come in, if not everybody may: `--users`.
    pub accounts: Option<Accounts>,
    pub to_broadcaster: Sender<Incoming>,
}

/// An accepted TCP connection.
pub struct Connection {
    pub id: ClientId,
    /// Shared with the broadcaster once the handshake is done: one descriptor a client.
    pub socket: Arc<TcpStream>,
    pub accepted: Accepted,
    pub site: Arc<Site>,
    /// Its place among those that speak HTTP, given back once it is a WebSocket, which has a place of another kind.
    pub _seat: Seat,
    /// Its place among those of its address, if these are counted; kept by whatever it becomes.
    pub _seat_of_address: Option<Seat>,
    /// Its thread's place.
    pub _seat_of_thread: Seat,
}

/// What comes after a request.
enum Next {
    AnotherRequest,
    End,
    WebSocket(Box<Upgrade>),
}

/// A request that becomes a WebSocket.
struct Upgrade {
    endpoint: Endpoint,
    handshake: Handshake,
    /// Where not everybody may come in.
    admission: Option<Admission>,
    /// Its place among the WebSockets.
    seat: Seat,
    asked: Asked,
}

/// A request as the inspector shows it.
struct Asked {
    /// The head byte for byte, or what came in its place.
    head: Vec<u8>,
    /// What lets somebody watch the connection, if it brought a key along.
    key: Option<WireKey>,
    /// When it was complete.
    at: Instant,
}

impl Connection {
    /// The whole life.
    pub fn run(self) {
        info!("{}: TCP connection from {}", self.id, self.accepted.peer);
        let mut unread = Vec::new();
        let mut first = true;
        loop {
            let deadline = Deadline::after(self.site.options.handshake_timeout);
            match self.serve(&mut unread, deadline, first) {
                Next::AnotherRequest => first = false,
                Next::End => return,
                Next::WebSocket(upgrade) => return self.hand_over(*upgrade, unread),
            }
        }
    }

    /// Reads one request and answers it, unless it becomes a WebSocket.
    fn serve(&self, unread: &mut Vec<u8>, deadline: Deadline, first: bool) -> Next {
        let max_body = self.site.options.max_message;
        let mut request = match request::read(&self.socket, unread, deadline, first, max_body) {
            Ok(request) => request,
            Err(NoRequest::Over(how)) => {
                info!("{}: ended: {how}", self.id);
                return Next::End;
            }
            Err(NoRequest::Refused(answer)) => {
                let head = request::head_in(unread).to_vec();
                let asked = Asked { head, key: None, at: Instant::now() };
                return self.answer("no request", &answer, asked);
            }
        };
        let asked = Asked {
            head: std::mem::take(&mut request.head),
            key: route::wire_key(&request.query),
            at: Instant::now(),
        };
        let line = format!("{} {:?}", request.method, request.path);
        let route = match self.site.host_names.check(&request) {
            Ok(host) => route::route(&request, &asked, host, self),
            Err(answer) => Route::Answer(answer),
        };
        match route {
            Route::WebSocket(endpoint) => match self.admit(&request, &endpoint) {
                Ok((handshake, admission, seat)) => Next::WebSocket(Box::new(Upgrade {
                    endpoint,
                    handshake,
                    admission,
                    seat,
                    asked,
                })),
                Err(mut answer) => {
                    answer.closes = true;
                    self.answer(&format!("handshake {line}"), &answer, asked)
                }
            },
            Route::Answer(mut answer) => {
                answer.closes |=
                    !request.keeps_connection() || self.accepted.now.elapsed() > HTTP_LIFETIME;
                self.answer(&line, &answer.with_method(request.is_head()), asked)
            }
        }
    }

    /// Answers; `line` names the request in the log.
    fn answer(&self, line: &str, answer: &Answer, asked: Asked) -> Next {
        let why =
            if answer.status >= 400 { format!(": {}", answer.first_line()) } else { String::new() };
        // The answer gets as much time as the request had.
        let deadline = Deadline::after(self.site.options.handshake_timeout);
        let bytes = answer.to_bytes();
        match answer::write_all(&self.socket, &bytes, deadline) {
            Ok(()) => {
                let length = bytes.len();
                info!("{}: {line} answered {}, {length} bytes{why}", self.id, answer.status)
            }
            Err(error) => {
                info!("{}: {line} answered {}{why}, but ended: {error}", self.id, answer.status);
                return Next::End;
            }
        }
        // Whoever watches sees refusals, too; but browsers open connections in advance and never say a word on them.
        let is_shown = answer.status >= 400 && !asked.head.is_empty();
        if is_shown && self.site.counters.watchers.load(Ordering::Relaxed) > 0 {
            let refused = self.opening(Purpose::Refused(answer.status), asked, bytes);
            let _ = self.site.to_broadcaster.send(Incoming::Refused(refused));
        }
        if answer.closes {
            closing::end_http(&self.socket);
            info!("{}: ended after its last answer", self.id);
            return Next::End;
        }
        Next::AnotherRequest
    }

    /// Step 1, if it is somebody who may come in, and if there is room.
    fn admit(
        &self,
        request: &Request,
        endpoint: &Endpoint,
    ) -> Result<(Handshake, Option<Admission>, Seat), Answer> {
        let handshake = Handshake::check(request)?;
        let admission = sign_in::admit(request, endpoint, self)?;
        let seat = self.site.seats.take().ok_or_else(Answer::full)?;
        Ok((handshake, admission, seat))
    }

    fn opening(&self, purpose: Purpose, asked: Asked, response: Vec<u8>) -> Arc<Opening> {
        let Asked { head, key, at } = asked;
        let local = self.socket.local_addr().ok();
        Arc::new(Opening::new(self.accepted, local, purpose, key, (head, at), response))
    }

    /// Gives the WebSocket a thread of its own; this one ends.
    fn hand_over(self, upgrade: Upgrade, mut early: Vec<u8>) {
        let Upgrade { mut endpoint, handshake, admission, seat, mut asked } = upgrade;
        if let (Endpoint::Chat(entrance), Some(admission)) = (&mut endpoint, &admission) {
            entrance.account = Some(admission.name.clone());
        }
        let purpose = match &endpoint {
            Endpoint::Chat(entrance) => {
                asked.key.clone_from(&entrance.wire);
                Purpose::Chat
            }
            Endpoint::Echo => Purpose::Echo,
            Endpoint::Wire(_) => Purpose::Watching,
        };
        let opening = self.opening(purpose, asked, handshake.response.clone());
        let newcomer = Newcomer { socket: Arc::clone(&self.socket), seat, admission, opening };
        // What stays for as long as the connection is to be small.
        early.shrink_to_fit();
        let Connection { id, socket, site, _seat_of_address, .. } = self;
        let timeout = site.options.handshake_timeout;
        let opened =
            OpenedWebSocket { id, socket: Arc::clone(&socket), site, endpoint, _seat_of_address };
        let started = websocket::start(opened, Beginning { handshake, newcomer, early });
        if let Err(error) = started {
            warn!("{id}: handshake answered 503: no thread for the WebSocket: {error}");
            let answer = Answer::full().to_bytes();
            if answer::write_all(&socket, &answer, Deadline::after(timeout)).is_ok() {
                closing::end_http(&socket);
            }
        }
    }
}
