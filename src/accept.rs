//! Accepts connections. Each gets a thread of its own, or a polite refusal from `rejector` if there is no room.
//!
//! One thread for each address that the server listens on. It must never read from or write to a client.

use std::io::ErrorKind::{ConnectionAborted, Interrupted};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use log::{info, warn};

use crate::client_id::ClientId;
use crate::connection::Connection;
use crate::context::Context;
use crate::limits::{Limit, LimitByAddress, Permit};
use crate::rejector::{Refused, Rejector};
use crate::system;
use crate::tcp::Tcp;
use crate::transport::Transport;

/// Connections that may speak HTTP at once: those that ask for a page, or are in the handshake. WebSockets
/// have a limit of their own; both share the limit of threads.
pub const HTTP_CONNECTIONS: usize = 4096;

/// Stack of a connection's thread in bytes. The system gives real memory only to the pages that are used.
const STACK: usize = 512 * 1024;

/// Wait after a failed accept (mostly no descriptor is left). It doubles at each further failure: exponential backoff.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(640);

/// What the accept threads share.
pub struct Acceptor {
    context: Arc<Context>,
    rejector: Rejector,
    stopping: Arc<AtomicBool>,
    last_id: AtomicU64,
    http: Limit,
}

impl Acceptor {
    /// Nothing is accepted any more once `stopping` is set.
    pub fn new(context: Arc<Context>, rejector: Rejector, stopping: Arc<AtomicBool>) -> Self {
        let http = Limit::new(HTTP_CONNECTIONS);
        Acceptor { context, rejector, stopping, last_id: AtomicU64::new(0), http }
    }

    /// An accept thread's loop. No error ends it: a full descriptor table has room again when a client leaves.
    pub fn run(&self, listener: &TcpListener) {
        // Each listener counts by itself: those of localhost count IPv4 and IPv6 apart. A --host with several addresses has the
        // limit at each of them.
        let mut by_address = self.context.options.max_per_address.map(LimitByAddress::new);
        let mut backoff = SHORTEST_BACKOFF;
        while !self.stopping.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok(_) if self.stopping.load(Ordering::Relaxed) => return,
                Ok((socket, peer)) => {
                    backoff = SHORTEST_BACKOFF;
                    // It fails only where the connection has ended already.
                    if let Ok(socket) = Transport::new(socket) {
                        self.start(socket, peer, by_address.as_mut());
                    }
                }
                Err(error) if matches!(error.kind(), ConnectionAborted | Interrupted) => {}
                Err(error) => {
                    warn!("cannot accept connections just now: {error}; trying again in {backoff:?}");
                    thread::sleep(backoff);
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
    }

    /// Gives a connection its thread, or refuses it.
    fn start(&self, socket: Transport, peer: SocketAddr, by_address: Option<&mut LimitByAddress>) {
        let id = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let socket = Arc::new(socket);
        let (http_permit, thread_permit, _address_permit) = match self.acquire_permits(peer, by_address) {
            Ok(permits) => permits,
            Err(refused) => {
                info!("{id}: TCP connection from {peer}, refused: {refused}");
                return self.rejector.refuse(id, socket, refused, &self.context.joints);
            }
        };
        // A small frame must not wait for the acknowledgement of the one before (Nagle's algorithm).
        let _ = socket.tcp().set_nodelay(true);
        let connection = Connection {
            tcp: Tcp {
                id,
                socket: Arc::clone(&socket),
                peer,
                accepted: Instant::now(),
                accepted_at: SystemTime::now(),
            },
            context: Arc::clone(&self.context),
            http_permit: Some(http_permit),
            _address_permit,
            _thread_permit: thread_permit,
        };
        let thread = thread::Builder::new().name(id.to_string()).stack_size(STACK);
        if let Err(error) = thread.spawn(move || connection.run()) {
            warn!("{id}: TCP connection from {peer}, refused: no thread for it: {error}");
            self.rejector.refuse(id, socket, Refused::NoThread, &self.context.joints);
        }
    }

    /// What a connection needs: permits and memory.
    fn acquire_permits(
        &self,
        peer: SocketAddr,
        by_address: Option<&mut LimitByAddress>,
    ) -> Result<(Permit, Permit, Option<Permit>), Refused> {
        let of_address = match by_address {
            Some(limit) => Some(limit.acquire(peer.ip()).ok_or(Refused::TooManyFromAddress)?),
            None => None,
        };
        let http = self.http.acquire().ok_or(Refused::NoRoom)?;
        let thread = self.context.threads.acquire().ok_or(Refused::NoThread)?;
        let is_left = system::is_memory_left(self.context.threads.given_back(), STACK);
        if is_left { Ok((http, thread, of_address)) } else { Err(Refused::NoMemory) }
    }
}
