//! The listening sockets: which addresses, and what every accepted socket inherits from them.
//!
//! Called once, by `Server::bind`, before any thread exists.

mod blocked_ports;

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use log::warn;
use socket2::{Domain, Protocol, Socket, Type};

use crate::system;

/// Connections that the system holds until they are accepted; Linux uses the smaller of this and `somaxconn`.
const ACCEPT_QUEUE: i32 = 4096;

/// The kernel's buffers for one connection, in bytes. Linux reserves up to double, for its own data about them.
const SEND_BUFFER: usize = 128 * 1024;
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Listening sockets for a host. `localhost` means both loopback addresses: a browser may try IPv4 or IPv6 first.
///
/// # Errors
/// One line that says what to do.
pub fn listen(host: &str, port: u16) -> Result<Vec<TcpListener>, String> {
    if blocked_ports::is_blocked(port) {
        warn!(
            "browsers refuse to open port {port}, since another protocol has it: choose another with --port NUMBER"
        );
    }
    sockets(host, port).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is in use: stop the other program or choose --port NUMBER")
        }
        ErrorKind::PermissionDenied => {
            format!("port {port} is not allowed without more rights: choose one above 1023")
        }
        _ => format!("cannot listen on {host}, port {port}: {error}"),
    })
}

fn sockets(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    if host == "0.0.0.0" {
        // Some programs know localhost as ::1 only. Without that address, or if another program has it, the rest is enough: the
        // banner does not print localhost then.
        let all = listen_on((Ipv4Addr::UNSPECIFIED, port).into())?;
        let loopback = listen_on((Ipv6Addr::LOCALHOST, all.local_addr()?.port()).into());
        return Ok([all].into_iter().chain(loopback).collect());
    }
    if host != "localhost" {
        return (host, port).to_socket_addrs()?.map(listen_on).collect();
    }
    let first = listen_on((Ipv4Addr::LOCALHOST, port).into())?;
    let port = first.local_addr()?.port();
    match listen_on((Ipv6Addr::LOCALHOST, port).into()) {
        Ok(second) => Ok(vec![first, second]),
        // Another program listens there. A browser that tries IPv6 first would reach that one.
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(vec![first]),
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    system::exclusive_listener(&socket)?;
    if address.is_ipv6() && !address.ip().is_unspecified() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit both. Set before listening: TCP's window scale depends on them.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_QUEUE)?;
    Ok(socket.into())
}
