//! How a running server is ended, from any thread.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::broadcaster::Incoming;

/// How long it may take to wake an accept thread by connecting to it.
const WAKE_UP: Duration = Duration::from_millis(500);

/// Ends a running server from any thread.
#[derive(Clone)]
pub struct Stopper {
    /// The accept threads end.
    pub stopping: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    pub to_broadcaster: Sender<Incoming>,
}

impl Stopper {
    pub fn new(addresses: Vec<SocketAddr>, to_broadcaster: Sender<Incoming>) -> Stopper {
        Stopper { stopping: Arc::default(), addresses, to_broadcaster }
    }

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
