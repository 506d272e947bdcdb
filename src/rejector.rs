//! Refuses connections for which there is no room, thread or memory: a `503`, then a half-close, so that the
//! client can read it.
//!
//! One thread for all of them, fed by the accept threads through a bounded channel. It must never wait for a client. When more
//! are refused than it can answer, the rest are dropped without an answer: that is the last line of defence.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::client_id::ClientId;
use crate::deadline::Deadline;
use crate::http::Response;
use crate::joints::ConnectionJoints;
use crate::tcp::Tcp;
use crate::transport::Transport;

/// Refused connections that may wait for the rejector.
const QUEUE: usize = 1024;

/// Refused connections that stay open until the client has read why. Of more, the oldest are dropped.
const ENDING: usize = 1024;

/// Connections that it may hold at once.
pub const REJECTED: usize = QUEUE + ENDING;

/// How long one of them may stay open, and how often each is checked.
const LINGER: Duration = Duration::from_secs(1);
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Bytes read and dropped at once.
const DROPPED: usize = 4096;

/// Why a connection gets no thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    NoRoom,
    /// `--max-per-address`
    TooManyFromAddress,
    NoThread,
    NoMemory,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Refused::NoRoom => "too many HTTP connections",
            Refused::TooManyFromAddress => "too many from this address",
            Refused::NoThread => "the system allows no more threads",
            Refused::NoMemory => "the system has too little memory left",
        })
    }
}

impl Refused {
    fn response(self) -> Response {
        match self {
            Refused::NoRoom | Refused::NoThread | Refused::NoMemory => Response::full(),
            Refused::TooManyFromAddress => Response::too_many_from_address(),
        }
    }
}

/// The way to the rejector's thread.
pub struct Rejector {
    refused: Sender<(Arc<Transport>, Vec<u8>)>,
}

impl Rejector {
    /// Starts the thread, which ends when the rejector is dropped.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start() -> io::Result<Rejector> {
        let (refused, arriving) = bounded(QUEUE);
        thread::Builder::new().name("rejector".to_owned()).spawn(move || reject(&arriving))?;
        Ok(Rejector { refused })
    }

    /// Queues the connection for its answer, and tells the capture. Never waits.
    pub fn refuse(&self, id: ClientId, socket: Arc<Transport>, why: Refused, joints: &ConnectionJoints) {
        let peer = socket.tcp().peer_addr();
        let response = why.response();
        let encrypted = joints.security.as_ref().map(|security| security.refusal().to_vec());
        let answer = encrypted.unwrap_or_else(|| response.to_bytes());
        if self.refused.try_send((Arc::clone(&socket), answer)).is_err() {
            // The queue is full: the connection is dropped without an answer.
            return;
        }
        if let (Some(capture), Ok(peer)) = (&joints.capture, peer) {
            let (accepted, accepted_at) = (Instant::now(), SystemTime::now());
            let tcp = Tcp { id, socket, peer, accepted, accepted_at };
            capture.answered(tcp.opening(accepted, Vec::new(), response.to_bytes()), response.status);
        }
    }
}

fn reject(arriving: &Receiver<(Arc<Transport>, Vec<u8>)>) {
    let mut ending: VecDeque<(Arc<Transport>, Deadline)> = VecDeque::new();
    let mut next_check = Deadline::after(CHECK_INTERVAL);
    loop {
        let first = if ending.is_empty() {
            arriving.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            arriving.recv_timeout(CHECK_INTERVAL)
        };
        if matches!(first, Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        for (socket, answer) in first.into_iter().chain(arriving.try_iter().take(QUEUE)) {
            let mut tcp = socket.tcp();
            let sent = tcp
                .set_nonblocking(true)
                .and_then(|()| tcp.write_all(&answer))
                .and_then(|()| tcp.shutdown(Shutdown::Write));
            if sent.is_ok() {
                ending.push_back((socket, Deadline::after(LINGER)));
            }
        }
        // Not for each new one: to check all of them each time would cost too much.
        if next_check.remaining().is_none() {
            ending.retain(|(socket, deadline)| deadline.remaining().is_some() && is_open(socket.tcp()));
            next_check = Deadline::after(CHECK_INTERVAL);
        }
        ending.drain(..ending.len().saturating_sub(ENDING));
    }
}

/// Reads and drops what the client sent: unread bytes would turn our FIN into a TCP reset. `false` once the client has ended TCP.
fn is_open(mut socket: &TcpStream) -> bool {
    let mut dropped = [0; DROPPED];
    match socket.read(&mut dropped) {
        Ok(length) => length > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}
