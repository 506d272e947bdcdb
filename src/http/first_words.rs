//! The first line of a connection's story in the log, or the only one if the client never says a word.
//!
//! Called by `exchange` once the first request was read, on the connection's thread. A load balancer's probe or a browser that connects in
//! advance says nothing: of no interest to a class that follows its own connections.

use std::time::Duration;

use log::{Level, debug, info, log};

use super::Request;
use super::request::NoRequest;
use super::stream::write_all;
use crate::deadline::Deadline;
use crate::tcp::Tcp;
use crate::websocket::half_close;

/// A page loads dozens of files: of interest only for debugging.
const PAGE_FILES: &str = "/page/";
/// What a page asks for besides the chat.
const OF_THE_PAGE: &[&str] = &["/health", "/me", "/wire"];

/// How long a silent client may take to accept the answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Tells the log that this connection has begun; returns how important its end is. `None` if nothing came on it: then it is answered
/// already and has ended.
pub fn first_words(tcp: &Tcp, unread: &[u8], read: &Result<Request, NoRequest>) -> Option<Level> {
    let level = begin(tcp, unread, read)?;
    if let Some(encryption) = tcp.socket.encryption() {
        log!(level, "{}: {}", tcp.id, encryption.facts());
    }
    Some(level)
}

fn begin(tcp: &Tcp, unread: &[u8], read: &Result<Request, NoRequest>) -> Option<Level> {
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
        Ok(Request { path, .. }) if path.starts_with(PAGE_FILES) => {
            debug!("{id}: TCP connection from {peer}");
            return Some(Level::Debug);
        }
        // What a page asks for by itself is told apart from what a class does.
        Ok(Request { path, .. }) if OF_THE_PAGE.contains(&path.as_str()) => {
            info!("{id}: TCP connection from {peer}, for {path}");
            return Some(Level::Info);
        }
        _ => {
            info!("{id}: TCP connection from {peer}");
            return Some(Level::Info);
        }
    }
    None
}
