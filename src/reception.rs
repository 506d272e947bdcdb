//! Accepts connections and gives each its thread, if there is room for it.
//!
//! One thread on each address that the server listens on. None of them may read from or write to a client: whoever
//! cannot be served for lack of room, threads or memory goes to the doorman.

use std::hint::black_box;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use log::{info, warn};

use crate::client_id::ClientId;
use crate::connection::{Connection, Site};
use crate::doorman::{Doorman, Refused};
use crate::seats::{Seats, SeatsByAddress};
use crate::wire::Accepted;

/// Connections that may speak HTTP at once: those that ask for a page, or are in the handshake. They take no place from
/// the WebSockets, nor these from them, as long as the system allows threads for all whom the flags allow.
pub const HTTP_ROOM: usize = 4096;

/// Stack of a connection's thread in bytes, as long as it speaks HTTP. Only what is touched becomes real memory.
pub const HTTP_STACK: usize = 512 * 1024;

/// Bytes of address space that must be left for those who are here when somebody comes: where the system sets a limit
/// (`ulimit -v`), an allocation that fails would end everybody.
const SPARE_MEMORY: usize = 64 << 20;

/// Wait after a failed accept (no descriptor left, mostly), doubled at each further one.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(640);

/// What the accept threads share.
pub struct Reception {
    site: Arc<Site>,
    doorman: Doorman,
    stopping: Arc<AtomicBool>,
    last_id: AtomicU64,
    /// Places for connections that speak HTTP.
    seats: Seats,
}

impl Reception {
    /// Nobody is accepted any more once `stopping` is set.
    pub fn new(site: Arc<Site>, doorman: Doorman, stopping: Arc<AtomicBool>) -> Self {
        let seats = Seats::new(HTTP_ROOM);
        Reception { site, doorman, stopping, last_id: AtomicU64::new(0), seats }
    }

    /// An accept thread's loop. Errors come and go (a full descriptor table, a client that left before it was
    /// accepted), so none of them ends it.
    pub fn accept(&self, listener: &TcpListener) {
        // Each listener counts by itself: of localhost's two one has IPv4 addresses alone, the other IPv6. A --host that is a
        // name with several addresses of one kind has a bound for each of them.
        let mut by_address = self.site.options.max_per_address.map(SeatsByAddress::new);
        let mut backoff = SHORTEST_BACKOFF;
        while !self.stopping.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok(_) if self.stopping.load(Ordering::Relaxed) => return,
                Ok((socket, peer)) => {
                    backoff = SHORTEST_BACKOFF;
                    self.admit(socket, peer, by_address.as_mut());
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    warn!(
                        "cannot accept connections just now: {error}; trying again in {backoff:?}"
                    );
                    thread::sleep(backoff);
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
        }
    }

    /// Gives a connection its thread, or sends it to the doorman.
    fn admit(&self, socket: TcpStream, peer: SocketAddr, by_address: Option<&mut SeatsByAddress>) {
        let id = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let socket = Arc::new(socket);
        let refuse = |socket, refused: Refused| {
            info!("{id}: TCP connection from {peer}, refused: {refused}");
            self.doorman.refuse(socket, refused);
        };
        let seat_of_address = by_address.map(|seats| seats.take(peer.ip()));
        if matches!(seat_of_address, Some(None)) {
            return refuse(socket, Refused::TooManyFromAddress);
        }
        let Some(seat) = self.seats.take() else { return refuse(socket, Refused::NoRoom) };
        let Some(seat_of_thread) = self.site.threads.take() else {
            return refuse(socket, Refused::NoThread);
        };
        if !is_memory_left() {
            return refuse(socket, Refused::NoMemory);
        }
        // A small frame must not wait for the acknowledgement of the one before (Nagle's algorithm).
        let _ = socket.set_nodelay(true);
        let connection = Connection {
            id,
            socket: Arc::clone(&socket),
            accepted: Accepted { client: id, peer, now: Instant::now(), at: SystemTime::now() },
            site: Arc::clone(&self.site),
            _seat: seat,
            _seat_of_address: seat_of_address.flatten(),
            _seat_of_thread: seat_of_thread,
        };
        let thread = thread::Builder::new().name(id.to_string()).stack_size(HTTP_STACK);
        if let Err(error) = thread.spawn(move || connection.run()) {
            warn!("{id}: TCP connection from {peer}, refused: no thread for it: {error}");
            self.doorman.refuse(socket, Refused::NoThread);
        }
    }
}

/// Asks the system for what must be left, and gives it back untouched.
fn is_memory_left() -> bool {
    let mut spare = Vec::<u8>::new();
    // Out of the compiler's sight, which would leave out what is never used.
    black_box(&mut spare).try_reserve_exact(SPARE_MEMORY).is_ok()
}
