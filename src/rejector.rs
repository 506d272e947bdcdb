//! Refuses connections for which there is no room, thread or memory: a `503`, and an end that lets it be read.
//!
//! One thread for all of them, fed by the accept threads through a bounded channel. It must never wait for a client. When more
//! are refused than it can answer, the rest are dropped without an answer: that is the last line of defence.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::deadline::Deadline;
use crate::http::Response;

/// Refused connections that may wait for the rejector.
const QUEUE: usize = 1024;

/// Refused connections that are still there, so that they can read why. The oldest goes first.
const ENDING: usize = 1024;

/// Connections that it may hold at once.
pub const REJECTED: usize = QUEUE + ENDING;

/// How long one of them may stay, and how often each is looked at.
const PATIENCE: Duration = Duration::from_secs(1);
const ROUND: Duration = Duration::from_millis(20);

/// Bytes of one that are dropped at a time.
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
            Refused::NoRoom => "all places are taken",
            Refused::TooManyFromAddress => "too many from this address",
            Refused::NoThread => "the system allows no more threads",
            Refused::NoMemory => "the system has hardly any memory left",
        })
    }
}

/// The way to the rejector's thread.
pub struct Rejector {
    refused: Sender<(Arc<TcpStream>, Refused)>,
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

    /// Never waits.
    pub fn refuse(&self, socket: Arc<TcpStream>, why: Refused) {
        // Too many at once: dropped here.
        let _ = self.refused.try_send((socket, why));
    }
}

fn reject(arriving: &Receiver<(Arc<TcpStream>, Refused)>) {
    let full = Response::full().to_bytes();
    let too_many_from_address = Response::too_many_from_address().to_bytes();
    let mut ending: VecDeque<(Arc<TcpStream>, Deadline)> = VecDeque::new();
    let mut next_round = Deadline::after(ROUND);
    loop {
        let first = if ending.is_empty() {
            arriving.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            arriving.recv_timeout(ROUND)
        };
        if matches!(first, Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        for (socket, why) in first.into_iter().chain(arriving.try_iter().take(QUEUE)) {
            let answer = match why {
                Refused::NoRoom | Refused::NoThread | Refused::NoMemory => &full,
                Refused::TooManyFromAddress => &too_many_from_address,
            };
            let told = socket
                .set_nonblocking(true)
                .and_then(|()| (&*socket).write_all(answer))
                .and_then(|()| socket.shutdown(Shutdown::Write));
            if told.is_ok() {
                ending.push_back((socket, Deadline::after(PATIENCE)));
            }
        }
        // Not for each that comes: that would be work without end.
        if next_round.remaining().is_none() {
            ending.retain(|(socket, deadline)| deadline.remaining().is_some() && is_there(socket));
            next_round = Deadline::after(ROUND);
        }
        ending.drain(..ending.len().saturating_sub(ENDING));
    }
}

/// Drops what the client sent, which would turn our end into a reset; `false` once it has ended, too.
fn is_there(mut socket: &TcpStream) -> bool {
    let mut dropped = [0; DROPPED];
    match socket.read(&mut dropped) {
        Ok(length) => length > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}
