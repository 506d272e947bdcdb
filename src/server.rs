//! The listener is ours: bind, accept, give each connection a thread, and stop in order.
//!
//! `main` calls it. One thread accepts on each address; none of them reads from or writes to a client. What cannot be
//! served for lack of room or threads goes to the [doorman](crate::doorman).

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use log::{info, warn};
use socket2::{Domain, Protocol, Socket, Type};

use crate::broadcaster::{Broadcaster, CHANNEL, Counters, Incoming};
use crate::client_id::ClientId;
use crate::connection::{Connection, HostNames};
use crate::doorman::Doorman;
use crate::options::Options;

/// Connections that may be open beside `--max-clients`: those that ask for a page, or are in the handshake.
const HTTP_ROOM: usize = 1024;

/// Connections that the system holds until they are accepted; Linux takes the lesser of this and `somaxconn`.
const ACCEPT_QUEUE: i32 = 4096;

/// What the system may hold for one client that does not read, and of one that we do not read, in bytes. Linux counts
/// its own upkeep too and reserves up to double.
const SEND_BUFFER: usize = 128 * 1024;
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Stack of a connection's thread in bytes. Only what is touched becomes real memory.
const STACK: usize = 128 * 1024;

/// Wait after a failed accept (no descriptor left, mostly), doubled at each further one.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_millis(640);

/// How long the accept threads' own door may take to be knocked on.
const KNOCK: Duration = Duration::from_millis(500);

/// What every connection needs to know; nobody changes it.
pub struct Site {
    pub options: Options,
    pub host_names: HostNames,
    pub started: Instant,
    pub counters: Arc<Counters>,
    pub to_broadcaster: Sender<Incoming>,
}

/// The server has no address to listen on.
#[derive(Debug)]
pub struct BindError {
    host: String,
    port: u16,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError { host, port, error } = self;
        match error.kind() {
            ErrorKind::AddrInUse => {
                write!(
                    formatter,
                    "port {port} is in use: stop the other program or choose --port NUMBER"
                )
            }
            ErrorKind::PermissionDenied => {
                write!(
                    formatter,
                    "port {port} is not allowed without more rights: choose one above 1023"
                )
            }
            _ => write!(formatter, "cannot listen on {host}, port {port}: {error}"),
        }
    }
}

/// A server that listens, and serves once [`Server::run`] is called.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    options: Options,
    stopper: Stopper,
    incoming: crossbeam_channel::Receiver<Incoming>,
}

/// Ends a running server from any thread.
#[derive(Clone)]
pub struct Stopper {
    stopping: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    to_broadcaster: Sender<Incoming>,
}

impl Server {
    /// Opens the listening sockets.
    ///
    /// # Errors
    /// If an address is in use, not of this machine, or not allowed.
    pub fn bind(options: Options) -> Result<Server, BindError> {
        let listeners = listen(&options.host, options.port).map_err(|error| BindError {
            host: options.host.clone(),
            port: options.port,
            error,
        })?;
        let addresses: Vec<SocketAddr> = listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect();
        let (to_broadcaster, incoming) = bounded(CHANNEL);
        let stopping = Arc::new(AtomicBool::new(false));
        let stopper = Stopper {
            stopping,
            addresses: addresses.clone(),
            to_broadcaster,
        };
        Ok(Server {
            listeners,
            addresses,
            options,
            stopper,
            incoming,
        })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until a [`Stopper`] ends it and everybody has been told.
    ///
    /// # Errors
    /// If a thread that everything needs cannot be created, or has failed.
    pub fn run(self) -> io::Result<()> {
        let counters = Arc::new(Counters::default());
        let broadcaster =
            Broadcaster::new(self.incoming, self.options.backlog, Arc::clone(&counters));
        let broadcaster = thread::Builder::new()
            .name("broadcaster".to_owned())
            .spawn(|| broadcaster.run())?;
        let doorman = Doorman::start()?;
        let site = Arc::new(Site {
            host_names: HostNames::new(&self.options.host_names, &self.options.origins),
            options: self.options,
            started: Instant::now(),
            counters,
            to_broadcaster: self.stopper.to_broadcaster.clone(),
        });
        let reception = Arc::new(Reception {
            site,
            doorman,
            stopping: Arc::clone(&self.stopper.stopping),
            last_id: AtomicU64::new(0),
            open: Arc::new(AtomicUsize::new(0)),
        });
        for listener in self.listeners {
            let reception = Arc::clone(&reception);
            thread::Builder::new()
                .name("accept".to_owned())
                .spawn(move || reception.accept(&listener))?;
        }
        let listening: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        info!("listening on {}", listening.join(" and "));
        broadcaster
            .join()
            .map_err(|_| io::Error::other("the broadcaster thread has failed"))
    }
}

impl Stopper {
    /// Lets the server stop accepting, send what is queued, close everybody with 1001 and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for address in &self.addresses {
            // A thread that waits in accept notices when somebody comes.
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), KNOCK);
        }
        let _ = self.to_broadcaster.send(Incoming::ShutDown);
    }
}

/// What the accept threads share.
struct Reception {
    site: Arc<Site>,
    doorman: Doorman,
    stopping: Arc<AtomicBool>,
    last_id: AtomicU64,
    /// Connections with a thread.
    open: Arc<AtomicUsize>,
}

impl Reception {
    /// An accept thread's loop. Errors come and go (a full descriptor table, a client that left before it was
    /// accepted), so none of them ends it.
    fn accept(&self, listener: &TcpListener) {
        let mut backoff = SHORTEST_BACKOFF;
        while !self.stopping.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok(_) if self.stopping.load(Ordering::Relaxed) => return,
                Ok((socket, peer)) => {
                    backoff = SHORTEST_BACKOFF;
                    self.admit(socket, peer);
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
    fn admit(&self, socket: TcpStream, peer: SocketAddr) {
        let id = ClientId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let socket = Arc::new(socket);
        let bound = self.site.options.max_clients + HTTP_ROOM;
        let place = Place::take(&self.open);
        if place.number > bound {
            info!("{id}: TCP connection from {peer}, refused: {bound} connections are open");
            return self.doorman.refuse(socket);
        }
        // A small frame must not wait for the acknowledgement of the one before (Nagle's algorithm).
        let _ = socket.set_nodelay(true);
        let connection = Connection {
            id,
            socket: Arc::clone(&socket),
            peer,
            site: Arc::clone(&self.site),
            opened: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name(id.to_string())
            .stack_size(STACK);
        let started = thread.spawn(move || {
            let _place = place;
            connection.run();
        });
        if let Err(error) = started {
            warn!("{id}: TCP connection from {peer}, refused: no thread for it: {error}");
            self.doorman.refuse(socket);
        }
    }
}

/// One of the connections that are open; given back when dropped.
struct Place {
    open: Arc<AtomicUsize>,
    /// How many are open, this one included.
    number: usize,
}

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Place {
        Place {
            open: Arc::clone(open),
            number: open.fetch_add(1, Ordering::Relaxed) + 1,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Listening sockets for a host; `localhost` means both loopback addresses, so that it answers at once on every
/// system, whichever of the two a browser tries first.
fn listen(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    if host != "localhost" {
        return (host, port).to_socket_addrs()?.map(listen_on).collect();
    }
    let first = listen_on((Ipv4Addr::LOCALHOST, port).into())?;
    let port = first.local_addr()?.port();
    match listen_on((Ipv6Addr::LOCALHOST, port).into()) {
        Ok(second) => Ok(vec![first, second]),
        // Somebody else's there: half of the browsers would reach that.
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(vec![first]),
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart need not wait for the last connections' TIME_WAIT to pass.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && !address.ip().is_unspecified() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit both; set before listening, so that the window's scale fits.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_QUEUE)?;
    Ok(socket.into())
}
