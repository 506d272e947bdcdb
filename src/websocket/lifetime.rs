//! The life of one WebSocket: the last of the handshake, the conversation, the close.
//!
//! On a thread of its own, begun by the one that read the request. It writes the 101 answer; from then on only the
//! broadcaster writes to the socket, and this thread must not. It spends its life in `read`, so whatever it touched of its
//! stack before stays in memory: no large values here, nor in what it calls.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;
use log::info;

use super::conversation::Conversation;
use super::handshake::Handshake;
use super::stream::ClientStream;
use super::{Site, answer, closing};
use crate::broadcaster::{Cause, Endpoint, Incoming, Newcomer, Received, TcpEnd};
use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::reception::HTTP_STACK;
use crate::seats::Seat;

/// Stack of its thread in bytes. Only what is touched becomes real memory: two pages, as long as it is idle. The C library
/// gives a new thread the stack of one that has ended, if that is at most four times as large: so that no WebSocket gets one
/// that an HTTP request has touched all over, theirs are larger (with room for guard pages of 4 KiB, which count, too).
const STACK: usize = 96 * 1024;
const _: () = assert!(4 * (STACK + GUARD) < HTTP_STACK + GUARD);
const GUARD: usize = 4096;

/// A WebSocket from the handshake on.
pub struct OpenedWebSocket {
    pub id: ClientId,
    pub socket: Arc<TcpStream>,
    pub site: Arc<Site>,
    pub endpoint: Endpoint,
    /// Its place among those of its address.
    pub _seat_of_address: Option<Seat>,
}

/// What is used up at its beginning.
pub struct Beginning {
    pub handshake: Handshake,
    pub newcomer: Newcomer,
    /// What came right behind the request's head.
    pub early: Vec<u8>,
}

/// Starts its thread.
///
/// # Errors
/// If there is none; then the socket has not been written to.
pub fn start(opened: OpenedWebSocket, beginning: Beginning) -> io::Result<()> {
    let thread = thread::Builder::new().name(opened.id.to_string()).stack_size(STACK);
    let seat_of_thread =
        opened.site.threads.take().ok_or_else(|| io::Error::other("the system allows no more"))?;
    let (opened, beginning) = (Box::new(opened), Box::new(beginning));
    let run = move || {
        opened.run(beginning);
        drop(seat_of_thread);
    };
    thread.spawn(run).map(drop)
}

impl OpenedWebSocket {
    /// Steps 1 to 3.
    fn run(&self, beginning: Box<Beginning>) {
        let Some(stream) = self.shake_hands(beginning) else { return };
        let (id, to_broadcaster) = (self.id, &self.site.to_broadcaster);
        let mut farewell =
            Farewell { id, to_broadcaster, received: Received::default(), tcp: TcpEnd::Unknown };
        self.converse(stream, &mut farewell);
    }

    /// The end of step 1: the answer, and the broadcaster is told. `None` if that was all.
    #[inline(never)]
    #[expect(
        clippy::boxed_local,
        reason = "by value it would lie in the caller's part of the stack for ever"
    )]
    fn shake_hands(&self, beginning: Box<Beginning>) -> Option<Box<ClientStream>> {
        let Beginning { handshake, newcomer, early } = *beginning;
        let (id, site) = (self.id, &self.site);
        info!(
            "{id}: handshake: GET {:?}, Sec-WebSocket-Key {} becomes Sec-WebSocket-Accept {}, answered 101",
            handshake.path, handshake.key, handshake.accept
        );
        let deadline = Deadline::after(site.options.handshake_timeout);
        let begun = answer::write_all(&self.socket, &handshake.response, deadline)
            .and_then(|()| self.socket.set_read_timeout(site.options.ping));
        if let Err(error) = begun {
            info!("{id}: ended in the handshake: {error}");
            return None;
        }
        let opening = Arc::clone(&newcomer.opening);
        let endpoint = Box::new(self.endpoint.clone());
        let opened = Incoming::Opened { client: id, newcomer, endpoint };
        // A broadcaster that has ended takes nothing, and then nothing is left to be done.
        site.to_broadcaster.send(opened).ok()?;
        let socket = Arc::clone(&self.socket);
        let stream = ClientStream::new(
            socket,
            opening,
            early,
            site.options.max_message,
            site.to_broadcaster.clone(),
        );
        Some(Box::new(stream))
    }

    /// Steps 2 and 3.
    #[inline(never)]
    fn converse(&self, stream: Box<ClientStream>, farewell: &mut Farewell<'_>) {
        let (id, site) = (self.id, &self.site);
        let to_broadcaster = &site.to_broadcaster;
        let mut conversation =
            Conversation::new(id, stream, &self.endpoint, to_broadcaster, &site.options);
        let cause = conversation.run();
        self.close(conversation, cause, farewell);
    }

    /// Step 3, from the conversation's end to that of TCP.
    #[inline(never)]
    fn close(&self, mut conversation: Conversation<'_>, cause: Cause, farewell: &mut Farewell<'_>) {
        let rest = conversation.rest();
        farewell.received = conversation.received();
        let cut = match &cause {
            Cause::Cut(end) => Some(end.clone()),
            _ => None,
        };
        let _ = self.site.to_broadcaster.send(Incoming::Closing { client: self.id, cause });
        let wiretap = conversation.wiretap();
        wiretap.pass_on(&rest);
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
    #[inline(never)]
    fn drop(&mut self) {
        let (client, received) = (self.id, self.received);
        let tcp = std::mem::replace(&mut self.tcp, TcpEnd::Unknown);
        let _ = self.to_broadcaster.send(Incoming::Ended { client, received, tcp });
    }
}
