//! What is written to a socket that speaks HTTP: bytes before a deadline, and a body that comes piece by piece, in chunks (RFC 9112,
//! 7.1), as server-sent events do.
//!
//! On the connection's thread. A client that does not read must not hold the thread: each write has a deadline.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::tcp::wait;
use crate::transport::Transport;

/// How long a client may take to accept a piece.
const STALLED: Duration = Duration::from_secs(2);

/// Sends the body of a response, piece by piece.
#[derive(Clone)]
pub struct Stream(Arc<SendPieces>);

type SendPieces = dyn Fn(&Chunks<'_>) -> io::Result<()> + Send + Sync;

/// What a stream may do with the connection.
pub struct Chunks<'a>(&'a Transport);

impl Stream {
    pub fn new(send: impl Fn(&Chunks<'_>) -> io::Result<()> + Send + Sync + 'static) -> Stream {
        Stream(Arc::new(send))
    }

    /// Sends all pieces, and the empty chunk that ends the body.
    ///
    /// # Errors
    /// If the client is gone, or does not accept a piece in time.
    pub fn send(&self, socket: &Transport) -> io::Result<()> {
        let chunks = Chunks(socket);
        (self.0)(&chunks)?;
        chunks.send(b"")
    }
}

impl Chunks<'_> {
    /// Sends one piece now. An empty one ends the body.
    ///
    /// # Errors
    /// If the client is gone, or does not accept it in time.
    pub fn send(&self, piece: &[u8]) -> io::Result<()> {
        let length = format!("{:x}\r\n", piece.len());
        let chunk = [length.as_bytes(), piece, b"\r\n"].concat();
        write_all(self.0, &chunk, Deadline::after(STALLED))
    }

    /// Waits this long, or until the client leaves or sends more. Returns whether the time is over.
    pub fn wait(&self, time: Duration) -> bool {
        wait(self.0.socket(), time)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Stream")
    }
}

/// Writes all of it before the deadline, even if the client reads slowly.
///
/// # Errors
/// If the client is gone, or does not accept it in time.
pub fn write_all(socket: &Transport, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
    while !bytes.is_empty() || !socket.is_flushed() {
        let Some(remaining) = deadline.remaining() else {
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                "the client did not accept the response in time",
            ));
        };
        socket.set_write_timeout(Some(remaining))?;
        match socket.write(bytes) {
            Ok(0) if !bytes.is_empty() => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
