//! Stops a running server, from any thread: called by the signals' thread.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::broadcaster::Incoming;

/// How long it may take to wake an accept thread by connecting to it.
const WAKE_TIMEOUT: Duration = Duration::from_millis(500);

/// Stops a running server. All copies stop the same one.
#[derive(Clone)]
pub struct Stopper {
    /// Once this is set, the accept threads end.
    pub stopping: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    pub to_broadcaster: Sender<Incoming>,
}

impl Stopper {
    pub fn new(addresses: Vec<SocketAddr>, to_broadcaster: Sender<Incoming>) -> Stopper {
        Stopper { stopping: Arc::default(), addresses, to_broadcaster }
    }

    /// The server accepts no more connections, sends what is queued, closes every connection with 1001 and ends.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A broadcaster that has ended needs no order to end.
        let _ = self.to_broadcaster.send(Incoming::ShutDown);
        for address in &self.addresses {
            // A thread that waits in accept notices when a connection comes.
            let ip = match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), WAKE_TIMEOUT);
        }
    }
}
