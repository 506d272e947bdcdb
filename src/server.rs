//! The server as a table of contents: bind, attach the features, start the threads, stop in order.
//!
//! Called by `main`; the main thread then waits for the broadcaster to end. This is the only file of the core that names a
//! feature, except that `main` calls `features::enrol` for the command of one.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::info;

use crate::accept::{Acceptor, HTTP_CONNECTIONS};
use crate::banner::Banner;
use crate::broadcaster::{Broadcaster, CHANNEL, Counters, Incoming, Settings};
use crate::chat::Chat;
use crate::config::Options;
use crate::context::Context;
#[allow(unused_imports)] // The minimal server has none.
use crate::features;
use crate::http::{HostNames, router};
use crate::joints::Joints;
use crate::limits::{Limit, most_mappings};
use crate::listen::listen;
use crate::rejector::{REJECTED, Rejector};
use crate::stopper::Stopper;

/// Standard streams, signals, the page's file, and some to spare.
const OTHER_DESCRIPTORS: usize = 16;

/// A server that listens, and serves once [`Server::run`] is called.
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    options: Options,
    /// What the features attach.
    joints: Joints,
    stopper: Stopper,
    incoming: Receiver<Incoming>,
    /// For the connections' threads.
    threads: Limit,
}

impl Server {
    /// Attaches the features and opens the listening sockets.
    ///
    /// # Errors
    /// In one line: a feature cannot start; or an address is in use, not of this machine, or not allowed.
    pub fn bind(options: Options) -> Result<Server, String> {
        let (to_broadcaster, incoming) = bounded(CHANNEL);
        let joints = attach(&options, &to_broadcaster)?;
        let listeners = listen(&options.host, options.port)?;
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let stopper = Stopper::new(addresses.clone(), to_broadcaster);
        let threads = Limit::of_threads(most_mappings());
        Ok(Server { listeners, addresses, options, joints, stopper, incoming, threads })
    }

    /// Serves until a [`Stopper`] ends it and the connections are closed.
    ///
    /// # Errors
    /// If a thread cannot be created, or the broadcaster's has failed.
    pub fn run(self) -> io::Result<()> {
        let Server { listeners, addresses, options, joints, stopper, incoming, threads } = self;
        let Joints { http, connection, order, start, door, .. } = joints;
        let counters = Arc::new(Counters::default());
        let settings = Settings { send_queue: options.backlog, first_message: options.handshake_timeout };
        let chat = Chat::new(options.chat_settings(&door));
        let broadcaster = Broadcaster::new(incoming, chat, order, settings, Arc::clone(&counters));
        let broadcaster =
            thread::Builder::new().name("broadcaster".to_owned()).spawn(|| broadcaster.run())?;
        start.into_iter().try_for_each(|start| start())?;
        let context = Arc::new(Context {
            host_names: HostNames::new(&options.host_names, &options.origins),
            router: router(http, options.page.clone(), counters),
            websockets: Limit::new(options.max_clients),
            threads,
            to_broadcaster: stopper.to_broadcaster.clone(),
            joints: connection,
            options,
        });
        let acceptor = Arc::new(Acceptor::new(context, Rejector::start()?, stopper.stopping));
        let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        info!("listening on {}", addresses.join(" and "));
        for listener in listeners {
            let acceptor = Arc::clone(&acceptor);
            thread::Builder::new().name("accept".to_owned()).spawn(move || acceptor.run(&listener))?;
        }
        broadcaster.join().map_err(|_| io::Error::other("the broadcaster thread has failed"))
    }

    /// File descriptors that are needed at the limits.
    pub fn descriptors(&self) -> u64 {
        let connections = self.options.max_clients + HTTP_CONNECTIONS + REJECTED;
        (connections + self.listeners.len() + OTHER_DESCRIPTORS) as u64
    }

    /// Threads for connections: those that the system allows, and those that are needed at the limits.
    pub fn threads(&self) -> [usize; 2] {
        [self.threads.bound(), self.options.max_clients + HTTP_CONNECTIONS]
    }

    pub fn banner(&self) -> Banner {
        Banner { addresses: self.addresses.clone(), joints: self.joints.banner.clone() }
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
    features::inspector::attach(&mut joints, options, to_broadcaster);
    #[cfg(feature = "accounts")]
    features::accounts::attach(&mut joints, options, to_broadcaster, features::shared_sign_ins(options)?)?;
    #[cfg(feature = "tls")]
    features::tls::attach(&mut joints, options)?;
    #[cfg(feature = "teacher")]
    features::teacher::attach(&mut joints, options);
    #[cfg(feature = "redis")]
    features::cluster::attach(&mut joints, options, to_broadcaster)?;
    Ok(joints)
}
