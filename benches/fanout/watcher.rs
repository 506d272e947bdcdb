//! A client that watches all connections with the teacher's key while the load runs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use serde::{Deserialize, Serialize};

/// The server is started with this one.
pub const TEACHER_KEY: &str = "teacher-benchmark";

/// Bytes read at once, and forgotten.
const READ_BYTES: usize = 256 * 1024;

/// Who watches.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Watching {
    Never,
    /// For a moment, after all clients had joined; no watcher since then.
    NoMore,
    /// All connections, all the time.
    Always,
}

/// Does what is asked for, when all clients are connected.
pub fn watch(address: SocketAddr, watching: Watching) -> io::Result<()> {
    if watching == Watching::Never {
        return Ok(());
    }
    let mut socket = TcpStream::connect(address)?;
    write!(
        socket,
        "GET /wire?key={TEACHER_KEY} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )?;
    let mut buffer = vec![0; READ_BYTES];
    // The response, and perhaps with it the first events.
    for _ in 0..2 {
        if socket.read(&mut buffer)? == 0 {
            return Err(io::Error::other("nobody may watch"));
        }
    }
    if watching == Watching::NoMore {
        socket.shutdown(Shutdown::Write)?;
        while socket.read(&mut buffer)? > 0 {}
        return Ok(());
    }
    thread::spawn(move || while socket.read(&mut buffer).is_ok_and(|length| length > 0) {});
    Ok(())
}
