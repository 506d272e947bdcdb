//! Reads one HTTP request: head and body, bounded in bytes and in time, however they are cut into packets.
//!
//! Runs on the connection's thread. What is wrong with a request comes back as the [`Response`] that says so.

use std::io::ErrorKind;

use super::head::{Request, parse};
use super::response::Response;
use super::stream::write_all;
use crate::deadline::Deadline;
use crate::transport::Transport;

/// Longest head in bytes: request line, headers and the blank line. The buffer grows with what comes.
pub const MAX_HEAD: usize = 16 * 1024;

/// Bytes read at once.
const READ: usize = 2048;

/// Why there is no request.
#[derive(Debug)]
pub enum NoRequest {
    /// The connection ended, or stayed idle, between two requests: nothing to answer. Why, in words.
    Over(String),
    /// What came is not a valid request, or is not complete.
    Refused(Response),
}

/// Reads the next request. `unread` holds what came after the one before, and then what came after this one.
///
/// # Errors
/// See [`NoRequest`]. After a refusal the beginning of the next request is unknown, so the connection must end; what came is
/// still in `unread`.
pub fn read(
    socket: &Transport,
    unread: &mut Vec<u8>,
    deadline: Deadline,
    first: bool,
    max_body: usize,
) -> Result<Request, NoRequest> {
    let (head_length, mut request, framing) = loop {
        match parse(unread).map_err(NoRequest::Refused)? {
            Some(parsed) => break parsed,
            None if unread.len() >= MAX_HEAD => {
                let text = format!(
                    "The request's head is longer than {MAX_HEAD} bytes. Cookies of other programs on this host may be why: \
                     delete them, or for localhost open http://127.0.0.1 with the port."
                );
                return Err(NoRequest::Refused(Response::refusal(431, text)));
            }
            None => {}
        }
        match read_more(socket, unread, MAX_HEAD, deadline) {
            Ok(0) if is_blank(unread) => {
                return Err(NoRequest::Over("the client ended TCP".to_owned()));
            }
            Ok(0) => {
                let text = "The connection ended in the middle of the request's head.";
                return Err(NoRequest::Refused(Response::refusal(400, text)));
            }
            Ok(_) => {}
            Err(ReadFailure::TimedOut) if is_blank(unread) && !first => {
                return Err(NoRequest::Over("idle for too long".to_owned()));
            }
            Err(ReadFailure::TimedOut) => {
                let text = "The request's head did not arrive in time. It ends with an empty line.";
                return Err(NoRequest::Refused(Response::refusal(408, text)));
            }
            Err(ReadFailure::Failed(error)) => return Err(NoRequest::Over(error)),
        }
    };
    let is_head = request.is_head();
    let refused = |answer: Response| NoRequest::Refused(answer.with_method(is_head));
    let length = framing.body_length(max_body).map_err(refused)?;
    let end = head_length + length;
    if framing.expects_continue && unread.len() < end {
        // If this cannot be written, the next read fails, too.
        let _ = write_all(socket, b"HTTP/1.1 100 Continue\r\n\r\n", deadline);
    }
    while unread.len() < end {
        let text = match read_more(socket, unread, end, deadline) {
            Ok(0) => "The connection ended in the middle of the request's body.",
            Ok(_) => continue,
            Err(ReadFailure::TimedOut) => {
                return Err(refused(Response::refusal(408, "The request's body did not arrive in time.")));
            }
            Err(ReadFailure::Failed(error)) => return Err(NoRequest::Over(error)),
        };
        return Err(refused(Response::refusal(400, text)));
    }
    request.body = unread[head_length..end].to_vec();
    unread.drain(..end);
    Ok(request)
}

/// No request has begun: empty lines may stand before a request (RFC 9112, 2.2).
fn is_blank(unread: &[u8]) -> bool {
    unread.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// The head in what came in place of a request, as far as there is one: a body is private.
pub fn head_in(unread: &[u8]) -> &[u8] {
    let blank_line = |ending: &[u8]| {
        unread.windows(ending.len()).position(|bytes| bytes == ending).map(|at| at + ending.len())
    };
    let end = [&b"\r\n\r\n"[..], b"\n\n", b"\r\r"].into_iter().filter_map(blank_line).min();
    &unread[..end.unwrap_or(unread.len()).min(MAX_HEAD)]
}

enum ReadFailure {
    TimedOut,
    Failed(String),
}

/// Reads once, so that `bytes` holds at most `bound`.
fn read_more(
    socket: &Transport,
    bytes: &mut Vec<u8>,
    bound: usize,
    deadline: Deadline,
) -> Result<usize, ReadFailure> {
    let failed = |error: std::io::Error| ReadFailure::Failed(error.to_string());
    let before = bytes.len();
    loop {
        let remaining = deadline.remaining().ok_or(ReadFailure::TimedOut)?;
        socket.set_read_timeout(Some(remaining)).map_err(failed)?;
        bytes.resize((before + READ).min(bound), 0);
        let result = socket.read(&mut bytes[before..]);
        bytes.truncate(before + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(length) => return Ok(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
