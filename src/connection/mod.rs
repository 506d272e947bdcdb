//! The life of one connection, on a thread of its own: read a request, answer it or shake hands, converse, close.
//!
//! Called by the accept threads. Reads are blocking, and this thread is the only one that reads the socket. It writes
//! to it only until the handshake is done; from then on the broadcaster does.

mod answer;
mod closing;
mod conversation;
mod guard;
mod handshake;
mod origin;
mod page;
mod rate;
mod request;
mod stream;

pub use answer::Answer;
pub use origin::HostNames;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use log::info;

use crate::broadcaster::{Incoming, Received, Room};
use crate::client_id::ClientId;
use crate::close::{Cause, TcpEnd};
use crate::deadline::Deadline;
use crate::server::Site;
use conversation::Conversation;
use handshake::Handshake;
use page::Route;
use request::{NoRequest, Request};
use stream::ClientStream;

/// An accepted TCP connection.
pub struct Connection {
    pub id: ClientId,
    pub socket: Arc<TcpStream>,
    pub peer: SocketAddr,
    pub site: Arc<Site>,
    pub opened: Instant,
}

/// What comes after a request.
enum Next {
    AnotherRequest,
    End,
    WebSocket(Room, Handshake),
}

impl Connection {
    /// The whole life.
    pub fn run(self) {
        info!("{}: TCP connection from {}", self.id, self.peer);
        let time_out = self.site.options.handshake_timeout;
        // Whoever asks but never reads the answer is given up, too.
        if let Err(error) = self.socket.set_write_timeout(Some(time_out)) {
            info!("{}: ended: {error}", self.id);
            return;
        }
        let mut unread = Vec::new();
        let mut first = true;
        loop {
            let deadline = Deadline::after(time_out);
            match self.serve(&mut unread, deadline, first) {
                Next::AnotherRequest => first = false,
                Next::End => return,
                Next::WebSocket(room, handshake) => {
                    return self.websocket(room, &handshake, unread);
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
            Err(NoRequest::Refused(answer)) => return self.answer("no request", &answer, false),
        };
        let asked = format!("{} {:?}", request.method, request.path);
        let head_only = request.method == "HEAD";
        let route = match self.site.host_names.check(&request) {
            Ok(host) => page::route(&request, host, &self.site),
            Err(answer) => return self.answer(&asked, &answer, head_only),
        };
        match route {
            Route::WebSocket(room) => match self.admit(&request) {
                Ok(handshake) => Next::WebSocket(room, handshake),
                Err(answer) => self.answer(&format!("handshake {asked}"), &answer, false),
            },
            Route::Answer(mut answer) => {
                answer.closes |= !request.keeps_connection();
                self.answer(&asked, &answer, head_only)
            }
        }
    }

    fn answer(&self, asked: &str, answer: &Answer, head_only: bool) -> Next {
        let why = if answer.status >= 400 {
            format!(": {}", answer.first_line())
        } else {
            String::new()
        };
        match answer.send(&self.socket, head_only) {
            Ok(length) => info!(
                "{}: {asked} answered {}, {length} bytes{why}",
                self.id, answer.status
            ),
            Err(error) => {
                info!(
                    "{}: {asked} answered {}{why}, but ended: {error}",
                    self.id, answer.status
                );
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

    /// Step 1, if there is room. The place taken is given back at the end of [`Connection::websocket`].
    fn admit(&self, request: &Request) -> Result<Handshake, Answer> {
        let handshake = Handshake::check(request)?;
        let slots = &self.site.counters.slots;
        if slots.fetch_add(1, Ordering::Relaxed) >= self.site.options.max_clients {
            slots.fetch_sub(1, Ordering::Relaxed);
            return Err(
                Answer::refusal(503, "The server is full. Try again in a moment.")
                    .with_header("Retry-After", "5"),
            );
        }
        Ok(handshake)
    }

    /// Steps 1 to 3 of a WebSocket.
    fn websocket(self, room: Room, handshake: &Handshake, early: Vec<u8>) {
        let _slot = Slot(&self.site.counters.slots);
        info!(
            "{}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            self.id, handshake.path, handshake.key, handshake.accept
        );
        let written = (&*self.socket).write_all(&handshake.response);
        let timed = written.and_then(|()| self.socket.set_read_timeout(self.site.options.ping));
        if let Err(error) = timed {
            info!("{}: ended in the handshake: {error}", self.id);
            return;
        }
        let to_broadcaster = &self.site.to_broadcaster;
        let mut farewell = Farewell {
            id: self.id,
            site: &self.site,
            received: Received::default(),
            tcp: TcpEnd::Abandoned,
        };
        let (client, socket, opened) = (self.id, Arc::clone(&self.socket), self.opened);
        let greeting = Incoming::Opened {
            client,
            socket,
            room: room.clone(),
            opened,
        };
        // A broadcaster that has ended takes nothing, and nothing is left to be done then.
        if to_broadcaster.send(greeting).is_err() {
            return;
        }
        let stream = ClientStream::new(
            self.id,
            Arc::clone(&self.socket),
            early,
            to_broadcaster.clone(),
        );
        let mut conversation =
            Conversation::new(self.id, stream, &room, to_broadcaster, &self.site.options);
        let cause = conversation.run();
        farewell.received = conversation.received();
        drop(conversation);
        let cut = match &cause {
            Cause::Cut(end) => Some(end.clone()),
            _ => None,
        };
        let _ = to_broadcaster.send(Incoming::Closing {
            client: self.id,
            cause,
        });
        farewell.tcp = cut.unwrap_or_else(|| closing::drain(&self.socket));
    }
}

/// Gives a place among the WebSockets back.
struct Slot<'a>(&'a AtomicUsize);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells the broadcaster that this thread is done, however it came to be so.
struct Farewell<'a> {
    id: ClientId,
    site: &'a Site,
    received: Received,
    tcp: TcpEnd,
}

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        let (client, received) = (self.id, self.received);
        let tcp = std::mem::replace(&mut self.tcp, TcpEnd::Abandoned);
        let _ = self.site.to_broadcaster.send(Incoming::Ended {
            client,
            received,
            tcp,
        });
    }
}
