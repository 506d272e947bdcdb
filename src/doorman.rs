//! Refuses connections for which there is no room, thread or memory: a `503`, and an end that lets it be read.
//!
//! One thread for all of them, fed by the accept threads through a bounded channel. It must never wait for a client. When
//! more are refused than it can see off, the rest are dropped without an answer: that is the last line of defence.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::connection::Answer;
use crate::deadline::Deadline;

/// Refused connections that may wait for the doorman.
const QUEUE: usize = 1024;

/// Refused connections that are still there, so that they can read why. The oldest goes first.
const LEAVING: usize = 1024;

/// Connections that the doorman may hold at once.
pub const GUESTS: usize = QUEUE + LEAVING;

/// How long one of them may stay, and how often it is looked after.
const PATIENCE: Duration = Duration::from_secs(1);
const ROUND: Duration = Duration::from_millis(20);

/// Bytes of one that are forgotten at a look.
const FORGOTTEN: usize = 4096;

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

/// The way to the doorman's thread.
pub struct Doorman {
    refused: Sender<(Arc<TcpStream>, Refused)>,
}

impl Doorman {
    /// Starts the thread, which ends when the doorman is dropped.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start() -> io::Result<Doorman> {
        let (refused, arriving) = bounded(QUEUE);
        thread::Builder::new().name("doorman".to_owned()).spawn(move || see_off(&arriving))?;
        Ok(Doorman { refused })
    }

    /// Never waits.
    pub fn refuse(&self, socket: Arc<TcpStream>, why: Refused) {
        // Too many at once: dropped here.
        let _ = self.refused.try_send((socket, why));
    }
}

fn see_off(arriving: &Receiver<(Arc<TcpStream>, Refused)>) {
    let full = Answer::full().to_bytes();
    let too_many_from_address = Answer::too_many_from_address().to_bytes();
    let mut leaving: VecDeque<(Arc<TcpStream>, Deadline)> = VecDeque::new();
    let mut next_look = Deadline::after(ROUND);
    loop {
        let first = if leaving.is_empty() {
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
                leaving.push_back((socket, Deadline::after(PATIENCE)));
            }
        }
        // Looking after all of them for each newcomer would be work without end.
        if next_look.remaining().is_none() {
            leaving.retain(|(socket, deadline)| deadline.remaining().is_some() && is_there(socket));
            next_look = Deadline::after(ROUND);
        }
        leaving.drain(..leaving.len().saturating_sub(LEAVING));
    }
}

/// Forgets what the client sent, which would turn our end into a reset; `false` once it has ended, too.
fn is_there(mut socket: &TcpStream) -> bool {
    let mut forgotten = [0; FORGOTTEN];
    match socket.read(&mut forgotten) {
        Ok(length) => length > 0,
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}
