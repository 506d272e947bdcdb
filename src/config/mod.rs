//! The command line: what can be set, and what it comes to.
//!
//! Called by `main` before any thread exists. Every flag stands once, in the table of `flags`.

mod flags;

pub use flags::{FLAGS, Flag};

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use flags::Kind;

/// What the flags come to: out of [`parse`], every value is within its bound.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub host: String,
    pub port: u16,
    /// Serve this file instead of the page inside the binary; read anew for each request.
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
    enrolment: Option<Enrolment>,
}

/// The address of a Redis. Its `Debug` does not show it: there may be a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address")
    }
}

/// Who is to be put on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enrolment {
    /// One person of this name.
    One(String),
    /// A class, from standard input.
    Class,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    Serve(Box<Options>),
    Enrol(Enrolment, PathBuf),
    Help,
    Version,
}

/// One line that names the wrong flag or value.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongFlag(String);

impl fmt::Display for WrongFlag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (try --help)", self.0)
    }
}

/// Reads the command line without the program's name.
///
/// # Errors
/// The first wrong flag or value, in one line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, WrongFlag> {
    let mut options = Box::<Options>::default();
    for flag in FLAGS.iter().filter(|flag| !flag.default.is_empty()) {
        flag.set(&mut options, flag.default)?;
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    loop {
        let name = match parser.next() {
            Ok(None) => break,
            Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => {
                return Ok(Request::Help);
            }
            Ok(Some(lexopt::Arg::Long("version") | lexopt::Arg::Short('V'))) => {
                return Ok(Request::Version);
            }
            Ok(Some(lexopt::Arg::Long(name))) => name.to_owned(),
            Ok(Some(other)) => return Err(WrongFlag(other.unexpected().to_string())),
            Err(error) => return Err(WrongFlag(error.to_string())),
        };
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            return Err(WrongFlag(format!("there is no flag --{name}")));
        };
        if let Some(feature) = flag.feature.filter(|_| !flag.is_offered()) {
            let text = format!("--{name} needs a build with the feature {feature}");
            return Err(WrongFlag(text));
        }
        if let Kind::Switch { .. } = flag.kind {
            flag.set(&mut options, "")?;
            continue;
        }
        let value = parser
            .value()
            .map_err(|_| WrongFlag(format!("--{name} needs a value: {}", flag.bound())))?;
        let value =
            value.to_str().ok_or_else(|| WrongFlag(format!("--{name}: the value is not UTF-8")))?;
        flag.set(&mut options, value)?;
    }
    match (options.enrolment.take(), options.users.take()) {
        (None, users) => Ok(Request::Serve(Box::new(Options { users, ..*options }))),
        (Some(enrolment), Some(users)) => Ok(Request::Enrol(enrolment, users)),
        (Some(_), None) => {
            Err(WrongFlag("to add somebody needs the file to add them to: --users FILE".to_owned()))
        }
    }
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = concat!(
        "websocket-classroom ",
        env!("CARGO_PKG_VERSION"),
        ": a chat server that a class can see\n\n",
        "usage: websocket-classroom [--flag value]...\n\n"
    )
    .to_owned();
    for flag in FLAGS.iter().filter(|flag| flag.is_offered()) {
        let default = if flag.default.is_empty() { "none" } else { flag.default };
        text += &format!(
            "  {}\n      {}\n      default {default}; {}\n",
            flag.usage(),
            flag.help,
            flag.bound()
        );
    }
    text + "  --help\n  --version\n"
}

#[cfg(test)]
mod tests;
