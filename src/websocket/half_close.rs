//! Step 3, the close, as the connection's thread does its part: a half-close, so that the last bytes arrive. Who closed, why and
//! what follows is the state machine in `broadcaster/closing.rs`.
//!
//! If a socket is dropped while unread bytes are in it, the system answers with a TCP reset, and the client loses what it had not
//! read yet: the close frame, or the response that says what was wrong. So the side that ends a connection first ends its own
//! direction (FIN), then reads and drops what comes until the client has ended the other. Runs on the connection's thread.

use std::io::ErrorKind;
use std::time::Duration;

use crate::broadcaster::{CLOSE_DEADLINE, TcpEnd};
use crate::deadline::Deadline;
use crate::transport::Transport;

/// How long a client may take to end its direction of plain HTTP.
const LINGER: Duration = Duration::from_secs(1);

/// The broadcaster ends both directions at its own deadline; this one counts only if the broadcaster has ended.
const DRAIN: Duration = Duration::from_secs(2 * CLOSE_DEADLINE.as_secs() + 1);

/// Bytes dropped at once.
const DROPPED: usize = 2048;

/// Reads until the client ends TCP; only a tap sees the bytes. The broadcaster ends our direction, and both of them when the
/// client's time is over.
pub fn drain(socket: &Transport, tap: impl FnMut(&[u8])) -> TcpEnd {
    read_until_end(socket, Deadline::after(DRAIN), tap)
}

/// Ends a plain HTTP connection after the last response.
pub fn end_http(socket: &Transport) {
    if socket.end_ours() {
        read_until_end(socket, Deadline::after(LINGER), |_| {});
    }
}

fn read_until_end(socket: &Transport, deadline: Deadline, mut tap: impl FnMut(&[u8])) -> TcpEnd {
    let mut dropped = [0; DROPPED];
    while let Some(remaining) = deadline.remaining() {
        if let Err(error) = socket.set_read_timeout(Some(remaining)) {
            return TcpEnd::Failed(error.to_string());
        }
        match socket.read(&mut dropped) {
            Ok(0) => return TcpEnd::Fin,
            Ok(length) => tap(&dropped[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return TcpEnd::from(&error),
        }
    }
    TcpEnd::Forced
}
