//! The first line of a connection's story in the log, or the only one if the client never says a word.
//!
//! Called by `exchange` once the first request was read, on the connection's thread. A load balancer's probe or a browser that connects in
//! advance says nothing: of no interest to a class that follows its own connections.

use std::time::Duration;

use log::{debug, info};

use super::Request;
use super::request::NoRequest;
use super::response::write_all;
use crate::deadline::Deadline;
use crate::tcp::Tcp;
use crate::websocket::half_close;

/// How long a silent client may take to accept the answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Tells the log that this connection has begun. `true` if nothing came on it: then it is answered already and has ended.
pub fn is_silent(tcp: &Tcp, unread: &[u8], read: &Result<Request, NoRequest>) -> bool {
    let Tcp { id, peer, .. } = tcp;
    match read {
        Err(NoRequest::Over(how)) if unread.is_empty() => {
            debug!("{id}: TCP connection from {peer} ended without a word: {how}");
        }
        Err(NoRequest::Refused(response)) if unread.is_empty() => {
            debug!("{id}: TCP connection from {peer} without a word, answered {}", response.status);
            // If it cannot be written, the client is gone.
            let _ = write_all(&tcp.socket, &response.to_bytes(), Deadline::after(ANSWER));
            half_close::end_http(&tcp.socket);
        }
        _ => {
            info!("{id}: TCP connection from {peer}");
            return false;
        }
    }
    true
}
