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
mod stream;

pub use answer::Answer;
pub use origin::HostNames;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use log::info;

use crate::broadcaster::{Cause, Counters, Endpoint, Incoming, Newcomer, Received, TcpEnd};
use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::options::Options;
use crate::seats::{Seat, Seats};
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
    pub to_broadcaster: Sender<Incoming>,
}

/// An accepted TCP connection.
pub struct Connection {
    pub id: ClientId,
    /// Shared with the broadcaster once the handshake is done: one descriptor a client.
    pub socket: Arc<TcpStream>,
    pub peer: SocketAddr,
    pub site: Arc<Site>,
    /// When it was accepted.
    pub opened: Instant,
    /// Its place among those that speak HTTP, given back once it is a WebSocket, which has a place of another kind.
    pub seat: Seat,
}

/// What comes after a request.
enum Next {
    AnotherRequest,
    End,
    WebSocket(Endpoint, Handshake, Seat),
}

impl Connection {
    /// The whole life.
    pub fn run(self) {
        info!("{}: TCP connection from {}", self.id, self.peer);
        let mut unread = Vec::new();
        let mut first = true;
        loop {
            let deadline = Deadline::after(self.site.options.handshake_timeout);
            match self.serve(&mut unread, deadline, first) {
                Next::AnotherRequest => first = false,
                Next::End => return,
                Next::WebSocket(endpoint, handshake, seat) => {
                    return self.websocket(&endpoint, handshake, seat, unread);
                }
            }
        }
    }

    /// Reads one request and answers it, unless it becomes a WebSocket.
    fn serve(&self, unread: &mut Vec<u8>, deadline: Deadline, first: bool) -> Next {
        let max_body = self.site.options.max_message;
        let request = match request::read(&self.socket, unread, deadline, first, max_body) {
            Ok(request) => request,
            Err(NoRequest::Over(how)) => {
                info!("{}: ended: {how}", self.id);
                return Next::End;
            }
            Err(NoRequest::Refused(answer)) => return self.answer("no request", &answer),
        };
        let asked = format!("{} {:?}", request.method, request.path);
        let route = match self.site.host_names.check(&request) {
            Ok(host) => route::route(&request, host, &self.site),
            Err(answer) => Route::Answer(answer),
        };
        match route {
            Route::WebSocket(endpoint) => match self.admit(&request) {
                Ok((handshake, seat)) => Next::WebSocket(endpoint, handshake, seat),
                Err(mut answer) => {
                    answer.closes = true;
                    self.answer(&format!("handshake {asked}"), &answer)
                }
            },
            Route::Answer(mut answer) => {
                answer.closes |=
                    !request.keeps_connection() || self.opened.elapsed() > HTTP_LIFETIME;
                self.answer(&asked, &answer.with_method(request.is_head()))
            }
        }
    }

    fn answer(&self, asked: &str, answer: &Answer) -> Next {
        let why =
            if answer.status >= 400 { format!(": {}", answer.first_line()) } else { String::new() };
        // The answer gets as much time as the request had.
        let deadline = Deadline::after(self.site.options.handshake_timeout);
        match answer.send(&self.socket, deadline) {
            Ok(length) => {
                info!("{}: {asked} answered {}, {length} bytes{why}", self.id, answer.status)
            }
            Err(error) => {
                info!("{}: {asked} answered {}{why}, but ended: {error}", self.id, answer.status);
                return Next::End;
            }
        }
        if answer.closes {
            closing::end_http(&self.socket);
            info!("{}: ended after its last answer", self.id);
            return Next::End;
        }
        Next::AnotherRequest
    }

    /// Step 1, if there is room.
    fn admit(&self, request: &Request) -> Result<(Handshake, Seat), Answer> {
        let handshake = Handshake::check(request)?;
        let seat = self.site.seats.take().ok_or_else(Answer::full)?;
        Ok((handshake, seat))
    }

    /// Steps 1 to 3 of a WebSocket.
    fn websocket(self, endpoint: &Endpoint, handshake: Handshake, seat: Seat, early: Vec<u8>) {
        drop(self.seat);
        let id = self.id;
        info!(
            "{id}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            handshake.path, handshake.key, handshake.accept
        );
        let deadline = Deadline::after(self.site.options.handshake_timeout);
        let begun = answer::write_all(&self.socket, &handshake.response, deadline)
            .and_then(|()| self.socket.set_read_timeout(self.site.options.ping));
        drop(handshake);
        if let Err(error) = begun {
            info!("{id}: ended in the handshake: {error}");
            return;
        }

        let to_broadcaster = &self.site.to_broadcaster;
        let newcomer = Newcomer { socket: Arc::clone(&self.socket), seat, opened: self.opened };
        let opened = Incoming::Opened { client: id, newcomer, endpoint: endpoint.clone() };
        // A broadcaster that has ended takes nothing, and then nothing is left to be done.
        if to_broadcaster.send(opened).is_err() {
            return;
        }
        let mut farewell =
            Farewell { id, to_broadcaster, received: Received::default(), tcp: TcpEnd::Unknown };
        let stream = ClientStream::new(id, Arc::clone(&self.socket), early, to_broadcaster.clone());
        let mut conversation =
            Conversation::new(id, stream, endpoint, to_broadcaster, &self.site.options);
        let cause = conversation.run();
        farewell.received = conversation.received();
        drop(conversation);
        let cut = match &cause {
            Cause::Cut(end) => Some(end.clone()),
            _ => None,
        };
        let _ = to_broadcaster.send(Incoming::Closing { client: id, cause });
        farewell.tcp = cut.unwrap_or_else(|| closing::drain(&self.socket));
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
