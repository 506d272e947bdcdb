//! The TLS handshake, before a byte of HTTP: on the connection's thread, within one deadline. A client that speaks plain HTTP gets an answer
//! that names `https`.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use log::{debug, info};
use rustls::{ServerConfig, ServerConnection};

use super::session::TlsSession;
use crate::deadline::Deadline;
use crate::http::{self, NoRequest, Request, Response};
use crate::tcp::Tcp;
use crate::websocket::half_close;

/// The first byte of every TLS handshake (RFC 8446, 5.1). No request begins with it.
const HANDSHAKE_RECORD: u8 = 22;

/// Bytes read at once.
const READ: usize = 4096;

/// A fatal alert (RFC 8446, 6.2), for bytes that rustls does not answer.
const DECODE_ERROR: &[u8] = &[21, 3, 3, 0, 2, 2, 50];

/// Of a request in plain HTTP: so much of a body is read, that the answer can be.
const MOST_BODY: usize = 64 * 1024;

/// Returns `false` if the connection is over.
pub fn secure(tcp: &Tcp, config: &Arc<ServerConfig>, timeout: Duration) -> bool {
    let (id, peer) = (tcp.id, tcp.peer);
    let deadline = Deadline::after(timeout);
    match first_byte(tcp, deadline) {
        Ok(HANDSHAKE_RECORD) => {}
        Ok(_) => {
            answer_plain(tcp, deadline);
            return false;
        }
        Err(error) => {
            debug!("{id}: TCP connection from {peer} ended without a word: {error}");
            return false;
        }
    }
    match shake_hands(tcp, config, deadline) {
        Ok(session) => {
            tcp.socket.encrypt_with(Arc::new(session));
            true
        }
        Err(error) => {
            info!("{id}: TCP connection from {peer}, ended in the TLS handshake: {error}");
            half_close::end_http(&tcp.socket);
            false
        }
    }
}

fn first_byte(tcp: &Tcp, deadline: Deadline) -> io::Result<u8> {
    let mut byte = [0];
    let length = before(deadline, tcp, |tcp| tcp.socket.socket().peek(&mut byte))?;
    if length == 0 { Err(io::Error::other("the client ended TCP")) } else { Ok(byte[0]) }
}

/// Reads once, at the deadline at the latest.
fn before(
    deadline: Deadline,
    tcp: &Tcp,
    mut read: impl FnMut(&Tcp) -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        let late = || io::Error::new(ErrorKind::TimedOut, "it did not come in time");
        let remaining = deadline.remaining().ok_or_else(late)?;
        tcp.socket.set_read_timeout(Some(remaining))?;
        match read(tcp) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
                ) => {}
            result => return result,
        }
    }
}

fn shake_hands(tcp: &Tcp, config: &Arc<ServerConfig>, deadline: Deadline) -> io::Result<TlsSession> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut bytes = [0; READ];
    loop {
        let mut ours = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut ours)?;
        }
        // Without encryption yet: `write_all` passes these bytes as they are.
        http::write_all(&tcp.socket, &ours, deadline)?;
        if !connection.is_handshaking() {
            return Ok(TlsSession::new(tcp.id, connection));
        }
        let length = before(deadline, tcp, |tcp| tcp.socket.socket().read(&mut bytes))?;
        if length == 0 {
            return Err(io::Error::other("the client ended TCP"));
        }
        let mut theirs = &bytes[..length];
        while !theirs.is_empty() {
            connection.read_tls(&mut theirs)?;
            if let Err(error) = connection.process_new_packets() {
                let mut alert = Vec::new();
                while connection.wants_write() {
                    connection.write_tls(&mut alert)?;
                }
                let alert = if alert.is_empty() { DECODE_ERROR } else { &alert };
                http::write_all(&tcp.socket, alert, deadline)?;
                return Err(io::Error::other(error));
            }
        }
    }
}

/// Plain HTTP on a port that speaks TLS: a browser is sent to `https`, everything else is told.
fn answer_plain(tcp: &Tcp, deadline: Deadline) {
    let (id, peer) = (tcp.id, tcp.peer);
    let mut unread = Vec::new();
    let response = match http::read(&tcp.socket, &mut unread, deadline, true, MOST_BODY) {
        Ok(request) => sent_to_https(&request),
        Err(NoRequest::Refused(response)) => response,
        Err(NoRequest::Over(how)) => {
            return info!("{id}: TCP connection from {peer}, without TLS, ended: {how}");
        }
    };
    info!(
        "{id}: TCP connection from {peer}, without TLS, answered {}: {}",
        response.status,
        response.first_line()
    );
    // If it cannot be written, the client is gone.
    let _ = http::write_all(&tcp.socket, &response.that_closes().to_bytes(), deadline);
    half_close::end_http(&tcp.socket);
}

fn sent_to_https(request: &Request) -> Response {
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let host = request.headers.single("host").ok().flatten().filter(is_plain).unwrap_or("localhost");
    let path = Some(request.path.as_str()).filter(is_plain).unwrap_or("/");
    let url = format!("https://{host}{path}");
    let text = format!("This port speaks TLS: {url} (and wss:// in place of ws://).");
    let wants_page = ["GET", "HEAD"].contains(&request.method.as_str()) && !request.wants_websocket();
    if wants_page {
        // Not for ever (308): without TLS the same port is plain again.
        Response::refusal(307, text).with_header("Location", url).with_method(request.is_head())
    } else {
        Response::refusal(400, text)
    }
}
