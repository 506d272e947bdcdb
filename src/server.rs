//! The listener is ours: bind, start the threads that everything needs, and stop in order.
//!
//! `main` calls it, on its own thread, which then waits for the broadcaster to end. Who comes in is up to `reception`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use log::info;

use crate::accounts::{Accounts, Register, Shared};
use crate::backplane::Order;
use crate::broadcaster::{Broadcaster, CHANNEL, Counters, Incoming};
use crate::chat::Chat;
use crate::connection::{HostNames, Site};
use crate::doorman::{self, Doorman};
use crate::listen::{BindError, listen};
use crate::options::Options;
use crate::reception::{HTTP_ROOM, Reception};
use crate::seats::{Seats, most_mappings};
use crate::wire;

/// Standard streams, signals, the page's file, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// How long the accept threads' own door may take to be knocked on.
const KNOCK: Duration = Duration::from_millis(500);

/// A server that listens, and serves once [`Server::run`] is called.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    options: Options,
    /// Who may come in, if not everybody may.
    register: Option<Register>,
    stopper: Stopper,
    incoming: Receiver<Incoming>,
    /// Places for connections' threads.
    threads: Seats,
}

/// Why there is no server.
#[derive(Debug)]
pub enum StartError {
    Listen(BindError),
    /// The file of `--users`, in one line.
    Users(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(error) => write!(formatter, "{error}"),
            StartError::Users(error) => write!(formatter, "the list of users, {error}"),
        }
    }
}

/// Ends a running server from any thread.
#[derive(Clone)]
pub struct Stopper {
    stopping: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    to_broadcaster: Sender<Incoming>,
}

impl Server {
    /// Reads the list of users, if there is one, and opens the listening sockets.
    ///
    /// # Errors
    /// If the list cannot be used; or if an address is in use, not of this machine, or not allowed.
    pub fn bind(mut options: Options) -> Result<Server, StartError> {
        options.teacher_key = options.teacher_key.or_else(wire::new_teacher_key);
        let register =
            options.users.clone().map(Register::read).transpose().map_err(StartError::Users)?;
        let listeners = listen(&options.host, options.port).map_err(|error| {
            let (host, port) = (options.host.clone(), options.port);
            StartError::Listen(BindError { host, port, error })
        })?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let (to_broadcaster, incoming) = bounded(CHANNEL);
        let stopping = Arc::new(AtomicBool::new(false));
        let stopper = Stopper { stopping, addresses: addresses.clone(), to_broadcaster };
        let threads = Seats::for_threads(most_mappings());
        Ok(Server { listeners, addresses, options, register, stopper, incoming, threads })
    }

    /// File descriptors that are needed when everybody is here whom the bounds allow.
    pub fn descriptors(&self) -> u64 {
        let connections = self.options.max_clients + HTTP_ROOM + doorman::GUESTS;
        (connections + self.listeners.len() + OTHER_DESCRIPTORS) as u64
    }

    /// Threads for connections that the system allows, and those needed when everybody is here whom the bounds allow.
    pub fn threads(&self) -> [usize; 2] {
        [self.threads.bound(), self.options.max_clients + HTTP_ROOM]
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What lets the teacher watch everybody; `None` if the system has no random numbers.
    pub fn teacher_key(&self) -> Option<&str> {
        self.options.teacher_key.as_deref()
    }

    /// Only those who sign in may come in.
    pub fn has_accounts(&self) -> bool {
        self.register.is_some()
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until a [`Stopper`] ends it and everybody has been told.
    ///
    /// # Errors
    /// If a thread that everything needs cannot be created, or has failed.
    pub fn run(self) -> io::Result<()> {
        let counters = Arc::new(Counters::default());
        let (to_inspector, notes) = wire::channel();
        let order = self.share_the_chat()?;
        let broadcaster = Broadcaster::new(
            self.incoming,
            Chat::new(self.options.history, self.options.backlog),
            order,
            self.options.backlog,
            Arc::clone(&counters),
            to_inspector,
        );
        let broadcaster =
            thread::Builder::new().name("broadcaster".to_owned()).spawn(|| broadcaster.run())?;
        let to_broadcaster = self.stopper.to_broadcaster.clone();
        let deliver = move |shown| to_broadcaster.send(Incoming::Shown(shown)).is_ok();
        thread::Builder::new()
            .name("inspector".to_owned())
            .spawn(move || wire::run_inspector(&notes, deliver))?;
        let to_broadcaster = self.stopper.to_broadcaster.clone();
        let tell = move |ended| to_broadcaster.send(Incoming::SignedOut(ended)).is_ok();
        let shared = share_sign_ins(&self.options)?;
        let start = |register| Accounts::start(register, shared, tell);
        let accounts = self.register.map(start).transpose()?;
        let doorman = Doorman::start()?;
        let site = Arc::new(Site {
            host_names: HostNames::new(&self.options.host_names, &self.options.origins),
            seats: Seats::new(self.options.max_clients),
            threads: self.threads,
            accounts,
            options: self.options,
            started: Instant::now(),
            counters,
            to_broadcaster: self.stopper.to_broadcaster.clone(),
        });
        let stopping = Arc::clone(&self.stopper.stopping);
        let reception = Arc::new(Reception::new(site, doorman, stopping));
        let listening: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        info!("listening on {}", listening.join(" and "));
        for listener in self.listeners {
            let reception = Arc::clone(&reception);
            thread::Builder::new()
                .name("accept".to_owned())
                .spawn(move || reception.accept(&listener))?;
        }
        broadcaster.join().map_err(|_| io::Error::other("the broadcaster thread has failed"))
    }
}

impl Server {
    /// Starts what makes one chat of many servers, if that is wished for.
    #[cfg(feature = "redis")]
    fn share_the_chat(&self) -> io::Result<Option<Order>> {
        use crate::backplane;

        let options = &self.options;
        let Some(place) = place(options) else { return Ok(None) };
        let kept = place.kept;
        let (proposals, proposed) = backplane::channel();
        let to_broadcaster = self.stopper.to_broadcaster.clone();
        let tell = move |news| to_broadcaster.send(Incoming::Backplane(news)).is_ok();
        let shown = (options.history, options.backlog);
        backplane::start(place, proposed, shown, tell)?;
        Ok(Some(Order::new(proposals, kept)))
    }

    #[cfg(not(feature = "redis"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    fn share_the_chat(&self) -> io::Result<Option<Order>> {
        Ok(None)
    }
}

/// Where servers that share a chat meet.
#[cfg(feature = "redis")]
fn place(options: &Options) -> Option<crate::backplane::Place> {
    let url = options.redis.clone()?.0;
    Some(crate::backplane::Place {
        url,
        prefix: options.redis_prefix.clone(),
        kept: options.redis_events,
    })
}

/// What such servers know of each other's sign-ins.
#[cfg(feature = "redis")]
fn share_sign_ins(options: &Options) -> io::Result<Option<Shared>> {
    place(options).map(Shared::new).transpose()
}

#[cfg(not(feature = "redis"))]
#[allow(clippy::unnecessary_wraps)]
fn share_sign_ins(_: &Options) -> io::Result<Option<Shared>> {
    Ok(None)
}

impl Stopper {
    /// Lets the server stop accepting, send what is queued, close everybody with 1001 and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _ = self.to_broadcaster.send(Incoming::ShutDown);
        for address in &self.addresses {
            // A thread that waits in accept notices when somebody comes.
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), KNOCK);
        }
    }
}
