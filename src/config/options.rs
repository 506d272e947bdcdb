//! What the flags come to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

/// What the flags come to: out of [`parse`], every value is within its bound.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// Serve this file instead of the page inside the binary; read again for each request.
    pub page: Option<PathBuf>,
    /// Only people in this file may come in; `None` where `--users` is absent: then everybody may.
    pub users: Option<PathBuf>,
    /// Events of the past that a newcomer hears.
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
    /// Silence after which a client is sent a ping, and after which an unanswered one ends it; `None` means never.
    pub ping: Option<Duration>,
    /// From accepting TCP to the last byte of the request's head and body.
    pub handshake_timeout: Duration,
    /// Names besides `localhost`, IP addresses and the machine's own that a `Host` header may carry.
    pub host_names: Vec<String>,
    /// Origins besides the page's own that may open WebSockets.
    pub origins: Vec<String>,
    /// What lets the teacher watch everybody; `None` where `--teacher-key` is absent.
    pub teacher_key: Option<String>,
    /// Where the Redis is through which several servers share one chat; `None` where `--redis` is absent. May hold a password.
    pub redis: Option<Address>,
    /// What all keys in it begin with.
    pub redis_prefix: String,
    /// Events that the stream in it keeps.
    pub redis_events: usize,
    /// `None` where `--log` is absent: `RUST_LOG` decides, else `info`.
    pub log: Option<LevelFilter>,
    /// Add people to the list of `--users` in place of serving.
    pub(super) enrolment: Option<Enrolment>,
}

/// The address of a Redis. Its `Debug` does not show it: there may be a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address")
    }
}

/// What to add to the list of users.
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
