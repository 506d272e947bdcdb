//! The values that the flags set.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::chat;
use crate::websocket::{BURST_SECONDS, BYTES_PER_TOKEN, HEARTBEAT_SECONDS};

/// The values of all flags: [`parse`](super::parse) has checked that each is within its bound.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// Serve this file instead of the page inside the binary; read again for each request.
    pub page: Option<PathBuf>,
    /// Only people in this file may come in; `None` without `--users`: then every client may.
    pub users: Option<PathBuf>,
    /// Messages of the past that a new member receives.
    pub history: usize,
    /// WebSocket clients at once; further handshakes get a 503.
    pub max_clients: usize,
    /// Connections of one address at once; `None` means that they are not counted.
    pub max_per_address: Option<usize>,
    /// Bytes of one message's payload, and of a request body.
    pub max_message: usize,
    /// Bytes that may wait for a slow reader before it is cut off.
    pub backlog: usize,
    /// Messages a second from one client; 0 means no limit.
    pub rate: u32,
    /// Silence after which a client gets a ping; after the same time without an answer it is closed. `None` means never.
    pub ping: Option<Duration>,
    /// From accepting TCP to the last byte of the request's head and body.
    pub handshake_timeout: Duration,
    /// Names besides `localhost`, IP addresses and the machine's own that a `Host` header may carry.
    pub host_names: Vec<String>,
    /// Origins besides the page's own that may open WebSockets.
    pub origins: Vec<String>,
    /// The key that makes a teacher, and with which all connections are watched. Without `--teacher-key` a random one; `None` if the
    /// system has no random numbers.
    pub teacher_key: Option<String>,
    /// Encrypt all connections; without a certificate, with one that this program makes.
    pub tls: bool,
    /// PEM files of the certificate and of its key.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// The Redis through which several servers share one chat; `None` without `--redis`. May hold a password.
    pub redis: Option<Address>,
    /// All keys in it begin with this.
    pub redis_prefix: String,
    /// Events that the stream in it keeps, at least.
    pub redis_events: usize,
    /// `None` without `--log`: `RUST_LOG` decides, else `info`.
    pub log: Option<LevelFilter>,
    /// Add people to the file of `--users` instead of serving.
    pub(super) enrolment: Option<Enrolment>,
}

impl Options {
    /// What the chat has to know of them.
    pub fn chat_settings(&self, door: &chat::Door) -> chat::Settings {
        let limits = chat::Limits {
            message: self.max_message,
            rate: self.rate,
            burst: self.rate.saturating_mul(BURST_SECONDS),
            one_more_per: BYTES_PER_TOKEN,
            heartbeat: HEARTBEAT_SECONDS,
            ..chat::Limits::default()
        };
        chat::Settings { history: self.history, send_queue: self.backlog, limits, door: door.clone() }
    }
}

/// The address of a Redis. Its `Debug` does not show it: there may be a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address")
    }
}

/// Which people to add to the file of `--users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolment {
    /// One person of this name.
    One(String),
    /// A class, from standard input.
    Class,
}

/// One line that names the wrong flag or value.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongFlag(pub(super) String);

impl fmt::Display for WrongFlag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (try --help)", self.0)
    }
}
