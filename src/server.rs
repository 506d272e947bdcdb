//! The server as a table of contents: bind, attach the features, start the threads, stop in order.
//!
//! `main` calls it, on its own thread, which then waits for the broadcaster to end. The only file of the core that names a
//! feature.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::info;

use crate::accept::{Acceptor, HTTP_CONNECTIONS};
use crate::banner::Banner;
use crate::broadcaster::{Broadcaster, CHANNEL, Counters, Incoming, Settings};
use crate::chat::{self, Chat};
use crate::config::Options;
use crate::context::Context;
use crate::http::{HostNames, Router, core_routes};
use crate::joints::Joints;
use crate::limits::{Limit, most_mappings};
use crate::listen::{BindError, listen};
use crate::rejector::{REJECTED, Rejector};

/// Standard streams, signals, the page's file, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// How long it may take to wake an accept thread by connecting to it.
const WAKE_UP: Duration = Duration::from_millis(500);

/// A server that listens, and serves once [`Server::run`] is called.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    options: Options,
    /// What the features attach.
    joints: Joints,
    stopper: Stopper,
    incoming: Receiver<Incoming>,
    /// Connections' threads.
    threads: Limit,
}

/// Why there is no server.
#[derive(Debug)]
pub enum StartError {
    Listen(BindError),
    /// A feature cannot start: in one line.
    Feature(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(error) => write!(formatter, "{error}"),
            StartError::Feature(error) => formatter.write_str(error),
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
    /// Attaches the features and opens the listening sockets.
    ///
    /// # Errors
    /// If a feature cannot start; or if an address is in use, not of this machine, or not allowed.
    pub fn bind(options: Options) -> Result<Server, StartError> {
        let (to_broadcaster, incoming) = bounded(CHANNEL);
        let joints = attach(&options, &to_broadcaster).map_err(StartError::Feature)?;
        let listeners = listen(&options.host, options.port).map_err(|error| {
            let (host, port) = (options.host.clone(), options.port);
            StartError::Listen(BindError { host, port, error })
        })?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let stopping = Arc::new(AtomicBool::new(false));
        let stopper = Stopper { stopping, addresses: addresses.clone(), to_broadcaster };
        let threads = Limit::of_threads(most_mappings());
        Ok(Server { listeners, addresses, options, joints, stopper, incoming, threads })
    }

    /// Serves until a [`Stopper`] ends it and every client has been told.
    ///
    /// # Errors
    /// If a thread that everything needs cannot be created, or has failed.
    pub fn run(self) -> io::Result<()> {
        let Server { listeners, addresses, options, joints, stopper, incoming, threads } = self;
        let Joints {
            routes,
            features,
            health,
            authentication,
            capture,
            commands,
            order,
            start,
            ..
        } = joints;
        let counters = Arc::new(Counters::default());
        let settings = Settings { send_queue: options.backlog };
        let chat =
            Chat::new(chat::Settings { history: options.history, send_queue: options.backlog });
        let broadcaster = Broadcaster::new(incoming, chat, order, settings, Arc::clone(&counters));
        let broadcaster =
            thread::Builder::new().name("broadcaster".to_owned()).spawn(|| broadcaster.run())?;
        start.into_iter().try_for_each(|start| start())?;
        let core = core_routes(options.page.clone(), counters, features, health);
        let context = Arc::new(Context {
            host_names: HostNames::new(&options.host_names, &options.origins),
            router: Router::new(core.into_iter().chain(routes).collect()),
            websockets: Limit::new(options.max_clients),
            threads,
            to_broadcaster: stopper.to_broadcaster.clone(),
            authentication,
            capture,
            commands,
            options,
        });
        let acceptor = Arc::new(Acceptor::new(context, Rejector::start()?, stopper.stopping));
        let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        info!("listening on {}", addresses.join(" and "));
        for listener in listeners {
            let acceptor = Arc::clone(&acceptor);
            thread::Builder::new()
                .name("accept".to_owned())
                .spawn(move || acceptor.run(&listener))?;
        }
        broadcaster.join().map_err(|_| io::Error::other("the broadcaster thread has failed"))
    }

    /// File descriptors that are needed when all are here whom the limits allow.
    pub fn descriptors(&self) -> u64 {
        let connections = self.options.max_clients + HTTP_CONNECTIONS + REJECTED;
        (connections + self.listeners.len() + OTHER_DESCRIPTORS) as u64
    }

    /// Threads for connections that the system allows, and those needed when all are here whom the limits allow.
    pub fn threads(&self) -> [usize; 2] {
        [self.threads.bound(), self.options.max_clients + HTTP_CONNECTIONS]
    }

    /// What the teacher sees first.
    pub fn banner(&self) -> Banner {
        Banner {
            addresses: self.addresses.clone(),
            lines: self.joints.banner.clone(),
            websocat_flags: self.joints.websocat_flags,
        }
    }

    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }
}

/// Attaches the features that this build has.
#[allow(unused_variables, unused_mut, clippy::unnecessary_wraps)] // The minimal server has none.
fn attach(options: &Options, to_broadcaster: &Sender<Incoming>) -> Result<Joints, String> {
    let mut joints = Joints::default();
    #[cfg(feature = "inspector")]
    crate::features::inspector::attach(&mut joints, options, to_broadcaster);
    #[cfg(feature = "accounts")]
    crate::features::accounts::attach(
        &mut joints,
        options,
        to_broadcaster,
        crate::features::shared_sign_ins(options)?,
    )?;
    #[cfg(feature = "redis")]
    crate::features::cluster::attach(&mut joints, options, to_broadcaster)?;
    Ok(joints)
}

impl Stopper {
    /// Lets the server stop accepting, send what is queued, close every connection with 1001 and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _ = self.to_broadcaster.send(Incoming::ShutDown);
        for address in &self.addresses {
            // A thread that waits in accept notices when a connection comes.
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), WAKE_UP);
        }
    }
}
