//! Step 3, the close, as the connection's thread does its part: TCP is ended without destroying the last bytes on
//! their way. Who closed, why and what follows is kept in `broadcaster/closing.rs`.
//!
//! If a socket is dropped while unread bytes are in it, the system answers with a reset, and the client loses what it
//! had not read yet: the close frame, or the answer that says what was wrong. So whoever ends a connection first ends
//! its own direction (FIN), then reads and forgets until the client has ended the other. Runs on the connection's
//! thread.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::broadcaster::{CLOSE_DEADLINE, TcpEnd};
use crate::deadline::Deadline;

/// How long a client may take to end its direction of plain HTTP.
const LINGER: Duration = Duration::from_secs(1);

/// The broadcaster abandons a WebSocket at its own deadline; this is for the case that it is gone.
const DRAIN: Duration = Duration::from_secs(2 * CLOSE_DEADLINE.as_secs() + 1);

/// Bytes forgotten at once.
const FORGOTTEN: usize = 2048;

/// Reads and forgets until the client ends TCP, but `shows` the bytes. The broadcaster ends our direction, and abandons
/// the client when its time is over.
pub fn drain(socket: &TcpStream, show: impl FnMut(&[u8])) -> TcpEnd {
    read_until_end(socket, Deadline::after(DRAIN), show)
}

/// Ends a plain HTTP connection after the last answer.
pub fn end_http(socket: &TcpStream) {
    if socket.shutdown(Shutdown::Write).is_ok() {
        read_until_end(socket, Deadline::after(LINGER), |_| {});
    }
}

fn read_until_end(
    mut socket: &TcpStream,
    deadline: Deadline,
    mut show: impl FnMut(&[u8]),
) -> TcpEnd {
    let mut forgotten = [0; FORGOTTEN];
    while let Some(remaining) = deadline.remaining() {
        if let Err(error) = socket.set_read_timeout(Some(remaining)) {
            return TcpEnd::Failed(error.to_string());
        }
        match socket.read(&mut forgotten) {
            Ok(0) => return TcpEnd::Fin,
            Ok(length) => show(&forgotten[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return TcpEnd::from(&error),
        }
    }
    TcpEnd::Abandoned
}
