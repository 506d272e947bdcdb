//! The whole life of one connection, on a thread of its own, from the accepted TCP connection to its end.
//!
//! The thread spends nearly all of it in `read`. As long as the connection speaks HTTP this thread also writes to the socket;
//! once the 101 response is sent, only the broadcaster does, and this thread must not.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::Sender;
use log::info;

use crate::broadcaster::{Cause, Incoming, Opened, Received, TcpEnd};
use crate::client_id::ClientId;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::http::{self, Upgrade};
use crate::limits::Permit;
use crate::tap::Taps;
use crate::tcp::Tcp;
use crate::websocket::{ClientStream, Session, half_close};

pub struct Connection {
    pub tcp: Tcp,
    pub context: Arc<Context>,
    /// Counts it among the HTTP connections until it becomes a WebSocket.
    pub http_permit: Option<Permit>,
    /// Counts it among the connections of its address, if `--max-per-address` is set.
    pub _address_permit: Option<Permit>,
    pub _thread_permit: Permit,
}

impl Connection {
    /// The three steps.
    pub fn run(mut self) {
        let (id, security) = (self.tcp.id, self.context.joints.security.as_ref());
        if security.is_some_and(|security| !security.secure(&self.tcp)) {
            return;
        }
        let Some(upgrade) = http::speak(&self.tcp, &self.context) else { return };

        // Step 1: the handshake.
        self.http_permit = None;
        let to_broadcaster = self.context.to_broadcaster.clone();
        let mut session = match self.shake_hands(upgrade) {
            Ok(session) => session,
            Err(error) => return info!("{id}: ended in the handshake: {error}"),
        };
        // From here on the broadcaster knows the client, so it must also get the `Ended` of this connection.
        let mut end = EndReport { id, to_broadcaster, received: Received::default(), tcp: TcpEnd::Unknown };

        // Step 2: the persistent connection.
        let cause = session.run();

        // Step 3: the close.
        if let Cause::Client(_) = cause {
            self.tcp.wait(session.pause_at_close);
        }
        end.received = session.received();
        let (mut tap, rest) = session.into_rest();
        let cut = if let Cause::Cut(tcp) = &cause { Some(tcp.clone()) } else { None };
        let _ = end.to_broadcaster.send(Incoming::StoppedReading { client: id, cause });
        tap.rest(&rest);
        // The broadcaster sends the close frame and FIN; what the client still sends is not read as messages.
        end.tcp = cut.unwrap_or_else(|| half_close::drain(&self.tcp.socket, |bytes| tap.rest(bytes)));
        tap.end();
    }

    /// Sends the 101 response, hands the client over to the broadcaster, and begins the session.
    fn shake_hands(&self, upgrade: Upgrade) -> io::Result<Session<'_>> {
        let Upgrade { request, mut endpoint, handshake, admission, permit, requested, early } = upgrade;
        let (tcp, context) = (&self.tcp, &self.context);
        let id = tcp.id;
        let (purpose, first) = (endpoint.purpose(), endpoint.take_parser());
        let response = handshake.response();
        let deadline = Deadline::after(context.options.handshake_timeout);
        http::write_all(&tcp.socket, &response, deadline)?;
        tcp.socket.set_read_timeout(context.options.ping)?;
        info!(
            "{id}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            request.path, handshake.key, handshake.accept
        );
        let taps = context.joints.capture.as_ref().map_or_else(Taps::none, |capture| {
            let opening = tcp.opening(requested, request.head, response);
            capture.open(opening, purpose)
        });
        let opened = Opened {
            socket: Arc::clone(&tcp.socket),
            accepted: tcp.accepted,
            endpoint,
            admission,
            permit,
            tap: taps.send,
            welcome_field: taps.welcome_field,
        };
        let opened = Incoming::Opened { client: id, opened: Box::new(opened) };
        let ended = |_| io::Error::other("the server has ended");
        context.to_broadcaster.send(opened).map_err(ended)?;
        let (socket, to_broadcaster) = (Arc::clone(&tcp.socket), context.to_broadcaster.clone());
        let nothing = move || Incoming::Frames { client: id, frames: Bytes::new() };
        let waker = to_broadcaster.clone();
        socket.sends_through(move || drop(waker.send(nothing())));
        let max_message = context.options.max_message;
        let stream = ClientStream::new(id, socket, to_broadcaster, max_message, early, taps.read);
        Ok(Session::new(id, stream, purpose, first, context))
    }
}

/// Reports to the broadcaster that this thread is done, even if it panics.
struct EndReport {
    id: ClientId,
    to_broadcaster: Sender<Incoming>,
    received: Received,
    tcp: TcpEnd,
}

impl Drop for EndReport {
    fn drop(&mut self) {
        let tcp = std::mem::replace(&mut self.tcp, TcpEnd::Unknown);
        let ended = Incoming::Ended { client: self.id, received: self.received, tcp };
        let _ = self.to_broadcaster.send(ended);
    }
}
