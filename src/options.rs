//! Every flag, once: its name, default, bound, help and what it sets.
//!
//! Called by `main` before any thread exists. `--help`, the defaults and the behaviour all come from [`FLAGS`], so
//! they cannot drift apart; a test holds the README's table against it too.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::chat::KEPT_EVENTS;

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
    /// `None` where `--log` is absent: `RUST_LOG` decides, else `info`.
    pub log: Option<LevelFilter>,
    /// Somebody is to be put on the list of `--users` in place of serving.
    enrolment: Option<Enrolment>,
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

/// One flag.
pub struct Flag {
    pub name: &'static str,
    /// What stands for the value in `--help`; empty if it takes none.
    pub value: &'static str,
    /// Set before the command line is read. Empty: nothing is set.
    pub default: &'static str,
    pub help: &'static str,
    kind: Kind,
}

/// What values a flag takes, and what becomes of them.
enum Kind {
    Number {
        least: u64,
        most: u64,
        set: fn(&mut Options, u64),
    },
    /// `bound` says in words what the setter lets pass.
    Text {
        bound: &'static str,
        set: fn(&mut Options, &str) -> Result<(), &'static str>,
    },
    /// Takes no value.
    Switch {
        set: fn(&mut Options),
    },
}

impl Flag {
    /// What values are allowed, in words.
    pub fn bound(&self) -> String {
        match self.kind {
            Kind::Number { least, most, .. } => format!("{least} to {most}"),
            Kind::Text { bound, .. } => bound.to_owned(),
            Kind::Switch { .. } => "takes no value".to_owned(),
        }
    }

    /// How it is written: `--port NUMBER`.
    pub fn usage(&self) -> String {
        format!("--{} {}", self.name, self.value).trim_end().to_owned()
    }

    fn set(&self, options: &mut Options, value: &str) -> Result<(), WrongFlag> {
        let wrong = |reason: &str| WrongFlag(format!("--{}: {value:?} {reason}", self.name));
        match self.kind {
            Kind::Number { least, most, set } => match value.parse() {
                Ok(number) if (least..=most).contains(&number) => set(options, number),
                _ => return Err(wrong(&format!("is not a number from {least} to {most}"))),
            },
            Kind::Text { .. } if value.is_empty() => return Err(wrong("is empty")),
            Kind::Text { set, .. } => set(options, value).map_err(wrong)?,
            Kind::Switch { set } => set(options),
        }
        Ok(())
    }
}

/// All flags in the order in which `--help` shows them.
pub const FLAGS: &[Flag] = &[
    Flag {
        name: "host",
        value: "HOST",
        default: "localhost",
        help: "where to listen: localhost (both loopback addresses) or 0.0.0.0 to let the class in",
        kind: Kind::Text {
            bound: "a name or IP address of this machine",
            set: |options, host| {
                options.host = host.to_owned();
                Ok(())
            },
        },
    },
    Flag {
        name: "port",
        value: "NUMBER",
        default: "3000",
        help: "TCP port; 0 takes a free one",
        kind: Kind::Number {
            least: 0,
            most: 65_535,
            set: |options, port| options.port = port as u16,
        },
    },
    Flag {
        name: "page",
        value: "FILE",
        default: "",
        help: "serve this page instead of the built-in one, read anew for each request",
        kind: Kind::Text {
            bound: "a readable file",
            set: |options, file| {
                options.page = Some(file.into());
                Ok(())
            },
        },
    },
    Flag {
        name: "users",
        value: "FILE",
        default: "",
        help: "only people in this file may come in; it is read anew when it changes",
        kind: Kind::Text {
            bound: "a readable file",
            set: |options, file| {
                options.users = Some(file.into());
                Ok(())
            },
        },
    },
    Flag {
        name: "add-user",
        value: "NAME",
        default: "",
        help: "put one person on the list of --users, or give them a new password, which is asked for; then end",
        kind: Kind::Text {
            bound: "a name without a colon",
            set: |options, name| {
                options.enrolment = Some(Enrolment::One(name.to_owned()));
                Ok(())
            },
        },
    },
    Flag {
        name: "add-users",
        value: "",
        default: "",
        help: "put a class on the list of --users: lines like name,password from standard input; then end",
        kind: Kind::Switch { set: |options| options.enrolment = Some(Enrolment::Class) },
    },
    Flag {
        name: "history",
        value: "NUMBER",
        default: "100",
        help: "events of the past that a newcomer hears",
        kind: Kind::Number {
            least: 0,
            most: KEPT_EVENTS as u64,
            set: |options, events| options.history = events as usize,
        },
    },
    Flag {
        name: "max-clients",
        value: "NUMBER",
        default: "10000",
        help: "WebSocket connections at once; one more is answered 503",
        kind: Kind::Number {
            least: 1,
            most: 1_000_000,
            set: |options, clients| options.max_clients = clients as usize,
        },
    },
    Flag {
        name: "max-message",
        value: "BYTES",
        default: "65536",
        help: "the longest message; a longer one ends its connection with 1009",
        kind: Kind::Number {
            least: 1,
            most: 16 << 20,
            set: |options, bytes| options.max_message = bytes as usize,
        },
    },
    Flag {
        name: "backlog",
        value: "BYTES",
        default: "1048576",
        help: "what may wait for a slow reader before it is cut off with 4008",
        kind: Kind::Number {
            least: 1024,
            most: 1 << 30,
            set: |options, bytes| options.backlog = bytes as usize,
        },
    },
    Flag {
        name: "rate",
        value: "NUMBER",
        default: "20",
        help: "messages a second from one client, bursts of five times that; 0 is no limit",
        kind: Kind::Number {
            least: 0,
            most: 1_000_000,
            set: |options, rate| options.rate = rate as u32,
        },
    },
    Flag {
        name: "ping",
        value: "SECONDS",
        default: "20",
        help: "silence after which a client is pinged; as long again without an answer ends it; 0 is never",
        kind: Kind::Number {
            least: 0,
            most: 3600,
            set: |options, seconds| {
                options.ping = (seconds > 0).then(|| Duration::from_secs(seconds))
            },
        },
    },
    Flag {
        name: "handshake-timeout",
        value: "SECONDS",
        default: "5",
        help: "how long a request may take to arrive; an idle HTTP connection is kept as long",
        kind: Kind::Number {
            least: 1,
            most: 300,
            set: |options, seconds| options.handshake_timeout = Duration::from_secs(seconds),
        },
    },
    Flag {
        name: "host-name",
        value: "NAME",
        default: "",
        help: "one more name under which browsers may reach this server",
        kind: Kind::Text {
            bound: "a host name without port, repeatable",
            set: |options, name| {
                options.host_names.push(name.to_owned());
                Ok(())
            },
        },
    },
    Flag {
        name: "origin",
        value: "ORIGIN",
        default: "",
        help: "one more origin whose pages may open WebSockets here",
        kind: Kind::Text {
            bound: "like https://school.example, repeatable",
            set: |options, origin| {
                if !origin.contains("://") || origin.ends_with('/') {
                    return Err("is not an origin like https://school.example");
                }
                options.origins.push(origin.to_owned());
                Ok(())
            },
        },
    },
    Flag {
        name: "teacher-key",
        value: "KEY",
        default: "",
        help: "what lets the teacher watch everybody's connection; where absent a random one is printed",
        kind: Kind::Text {
            bound: "8 to 64 letters, digits, - and _",
            set: |options, key| {
                let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
                if !(8..=64).contains(&key.len()) || !key.bytes().all(is_right) {
                    return Err("is not 8 to 64 letters, digits, - and _");
                }
                options.teacher_key = Some(key.to_owned());
                Ok(())
            },
        },
    },
    Flag {
        name: "log",
        value: "LEVEL",
        default: "",
        help: "how much to tell on standard error; where absent RUST_LOG decides, else info",
        kind: Kind::Text {
            bound: "error, warn, info, debug, trace or off",
            set: |options, level| {
                let level = level.parse();
                options.log =
                    Some(level.map_err(|_| "is none of error, warn, info, debug, trace and off")?);
                Ok(())
            },
        },
    },
];

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
    for flag in FLAGS {
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
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Request, WrongFlag> {
        parse(words.iter().map(OsString::from))
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let Ok(Request::Serve(options)) = parse_words(&[]) else { panic!("must serve") };
        assert_eq!((options.host.as_str(), options.port), ("localhost", 3000));
        assert_eq!(options.ping, Some(Duration::from_secs(20)));
        assert_eq!(options.log, None);
    }

    #[test]
    fn a_wrong_flag_or_value_is_named() {
        for (words, named) in [
            (&["--prot", "1"][..], "--prot"),
            (&["--port", "65536"], "\"65536\" is not a number from 0 to 65535"),
            (&["--port"], "--port needs a value"),
            (&["--log", "loud"], "\"loud\""),
            (&["--origin", "school.example"], "--origin"),
            (&["--host", ""], "--host: \"\" is empty"),
            (&["stray"], "stray"),
            (&["--add-user", "Ana"], "--users FILE"),
            (&["--add-users=x", "--users", "f"], "add-users"),
        ] {
            let message = parse_words(words).expect_err("must be refused").to_string();
            assert!(message.contains(named), "{words:?}: {message}");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn help_names_every_flag() {
        let help = help();
        for flag in FLAGS {
            assert!(help.contains(&flag.usage()));
        }
    }
}
