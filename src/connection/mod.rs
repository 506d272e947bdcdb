//! The life of one connection, on a thread of its own: read a request, answer it or shake hands, converse, close.
//!
//! Called by the accept threads. Reads are blocking, and this thread is the only one that reads the socket. It writes
//! to it only until the handshake is done; from then on the broadcaster does, and this thread must not.

mod answer;
mod closing;
mod conversation;
mod guard;
mod handshake;
mod head;
mod origin;
mod page;
mod rate;
mod request;
mod route;
mod sign_in;
mod stream;
mod wiretap;

pub use answer::Answer;
pub use origin::HostNames;

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use log::info;

use crate::accounts::{Accounts, Admission};
use crate::broadcaster::{Cause, Counters, Endpoint, Incoming, Newcomer, Received, TcpEnd};
use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::options::Options;
use crate::seats::{Seat, Seats};
use crate::wire::{Accepted, Opening, Purpose, WireKey};
use conversation::Conversation;
use handshake::Handshake;
use head::Request;
use request::NoRequest;
use route::Route;
use stream::ClientStream;

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
    pub seat: Seat,
    /// Its place among those of its address, if these are counted; kept to the end, whatever it becomes.
    pub _seat_of_address: Option<Seat>,
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
                Next::WebSocket(upgrade) => return self.websocket(*upgrade, unread),
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

    /// Steps 1 to 3 of a WebSocket.
    fn websocket(self, upgrade: Upgrade, early: Vec<u8>) {
        let Upgrade { mut endpoint, handshake, admission, seat, mut asked } = upgrade;
        if let (Endpoint::Chat(entrance), Some(admission)) = (&mut endpoint, &admission) {
            entrance.account = Some(admission.name.clone());
        }
        let endpoint = &endpoint;
        let id = self.id;
        info!(
            "{id}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            handshake.path, handshake.key, handshake.accept
        );
        let deadline = Deadline::after(self.site.options.handshake_timeout);
        let begun = answer::write_all(&self.socket, &handshake.response, deadline)
            .and_then(|()| self.socket.set_read_timeout(self.site.options.ping));
        if let Err(error) = begun {
            info!("{id}: ended in the handshake: {error}");
            return;
        }
        let purpose = match endpoint {
            Endpoint::Chat(entrance) => {
                asked.key.clone_from(&entrance.wire);
                Purpose::Chat
            }
            Endpoint::Echo => Purpose::Echo,
            Endpoint::Wire(_) => Purpose::Watching,
        };
        let opening = self.opening(purpose, asked, handshake.response);
        drop(self.seat);

        let to_broadcaster = &self.site.to_broadcaster;
        let (socket, shared) = (Arc::clone(&self.socket), Arc::clone(&opening));
        let newcomer = Newcomer { socket, seat, admission, opening: shared };
        let opened = Incoming::Opened { client: id, newcomer, endpoint: endpoint.clone() };
        // A broadcaster that has ended takes nothing, and then nothing is left to be done.
        if to_broadcaster.send(opened).is_err() {
            return;
        }
        let mut farewell =
            Farewell { id, to_broadcaster, received: Received::default(), tcp: TcpEnd::Unknown };
        let socket = Arc::clone(&self.socket);
        let stream = ClientStream::new(socket, opening, early, to_broadcaster.clone());
        let mut conversation =
            Conversation::new(id, stream, endpoint, to_broadcaster, &self.site.options);
        let cause = conversation.run();
        farewell.received = conversation.received();
        let cut = match &cause {
            Cause::Cut(end) => Some(end.clone()),
            _ => None,
        };
        let _ = to_broadcaster.send(Incoming::Closing { client: id, cause });
        let wiretap = conversation.wiretap();
        let show = |bytes: &[u8]| wiretap.pass_on(bytes);
        farewell.tcp = cut.unwrap_or_else(|| closing::drain(&self.socket, show));
        wiretap.end();
    }
}

/// Tells the broadcaster that this thread is done, however it came to be so.
struct Farewell<'a> {
    id: ClientId,
    to_broadcaster: &'a Sender<Incoming>,
    received: Received,
    tcp: TcpEnd,
}

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        let (client, received) = (self.id, self.received);
        let tcp = std::mem::replace(&mut self.tcp, TcpEnd::Unknown);
        let _ = self.to_broadcaster.send(Incoming::Ended { client, received, tcp });
    }
}
