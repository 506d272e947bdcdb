//! The table of all flags: each one's name, default, bound, help and what it sets.
//!
//! `--help`, the defaults and the behaviour all come from here, so they cannot differ; a test compares the README's table
//! with it.

use std::time::Duration;

use super::host_name::{host_name, origin};
use super::options::{Address, Enrolment, Options, WrongFlag};
use crate::chat::KEPT_EVENTS;

/// Flags whose values are never shown, not even if they are wrong.
const SECRETS: [&str; 2] = ["teacher-key", "redis"];

/// One flag.
pub struct Flag {
    pub name: &'static str,
    /// What stands for the value in `--help`; empty if it takes none.
    pub value: &'static str,
    /// Set before the command line is read. Empty: nothing is set.
    pub default: &'static str,
    pub help: &'static str,
    /// The Cargo feature that it belongs to: a build without it does not offer the flag.
    pub feature: Option<&'static str>,
    pub(super) kind: Kind,
}

/// Which values a flag accepts, and what they set.
pub(super) enum Kind {
    Number {
        least: u64,
        most: u64,
        set: fn(&mut Options, u64),
    },
    /// `bound` says in words what the setter accepts.
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

    /// This build has the feature that it belongs to.
    pub fn is_offered(&self) -> bool {
        match self.feature {
            None => true,
            Some("accounts") => cfg!(feature = "accounts"),
            Some("inspector") => cfg!(feature = "inspector"),
            Some("teacher") => cfg!(any(feature = "teacher", feature = "inspector")),
            Some("redis") => cfg!(feature = "redis"),
            Some("tls") => cfg!(feature = "tls"),
            Some(_) => false,
        }
    }

    /// How it is written: `--port NUMBER`.
    pub fn usage(&self) -> String {
        format!("--{} {}", self.name, self.value).trim_end().to_owned()
    }

    pub(super) fn set(&self, options: &mut Options, value: &str) -> Result<(), WrongFlag> {
        let shown = if SECRETS.contains(&self.name) { "***".into() } else { format!("{value:?}") };
        let wrong = |reason: &str| WrongFlag(format!("--{}: {shown} {reason}", self.name));
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
        feature: None,
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
        feature: None,
        kind: Kind::Number { least: 0, most: 65_535, set: |options, port| options.port = port as u16 },
    },
    Flag {
        name: "page",
        value: "PATH",
        default: "",
        help: "serve this page instead of the built-in one, a file or a folder, read again for each request",
        feature: None,
        kind: Kind::Text {
            bound: "a readable file or folder",
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
        help: "only people in this file may come in; it is read again when it changes",
        feature: Some("accounts"),
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
        help: "add one person to the file of --users, or change their password, which is asked for; then end",
        feature: Some("accounts"),
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
        help: "add a class to the file of --users: lines like name,password from standard input; then end",
        feature: Some("accounts"),
        kind: Kind::Switch { set: |options| options.enrolment = Some(Enrolment::Class) },
    },
    Flag {
        name: "history",
        value: "NUMBER",
        default: "100",
        help: "messages of the past that a new member receives",
        feature: None,
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
        feature: None,
        kind: Kind::Number {
            least: 1,
            most: 1_000_000,
            set: |options, clients| options.max_clients = clients as usize,
        },
    },
    Flag {
        name: "max-per-address",
        value: "NUMBER",
        default: "0",
        help: "connections from one address at once, pages and all; one more is answered 503; 0 is no limit",
        feature: None,
        kind: Kind::Number {
            least: 0,
            most: 1_000_000,
            set: |options, connections| {
                options.max_per_address = (connections > 0).then_some(connections as usize);
            },
        },
    },
    Flag {
        name: "max-message",
        value: "BYTES",
        default: "65536",
        help: "the longest message; a longer one ends its connection with 1009",
        feature: None,
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
        feature: None,
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
        feature: None,
        kind: Kind::Number { least: 0, most: 1_000_000, set: |options, rate| options.rate = rate as u32 },
    },
    Flag {
        name: "ping",
        value: "SECONDS",
        default: "20",
        help: "silence after which a client gets a ping; after the same time without an answer it is closed; 0 is never",
        feature: None,
        kind: Kind::Number {
            least: 0,
            most: 3600,
            set: |options, seconds| options.ping = (seconds > 0).then(|| Duration::from_secs(seconds)),
        },
    },
    Flag {
        name: "handshake-timeout",
        value: "SECONDS",
        default: "5",
        help: "how long a request may take to arrive; an idle HTTP connection is kept as long",
        feature: None,
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
        feature: None,
        kind: Kind::Text {
            bound: "a host name like school.example, repeatable",
            set: |options, name| {
                options.host_names.push(host_name(name)?);
                Ok(())
            },
        },
    },
    Flag {
        name: "origin",
        value: "ORIGIN",
        default: "",
        help: "one more origin whose pages may open WebSockets here; null is pages from disk, and frames without rights of any site",
        feature: None,
        kind: Kind::Text {
            bound: "like https://school.example, or null; repeatable",
            set: |options, text| {
                options.origins.push(origin(text)?);
                Ok(())
            },
        },
    },
    Flag {
        name: "teacher-key",
        value: "KEY",
        default: "",
        help: "the key that makes a teacher and lets watch all connections; without it only a link in the terminal does, once",
        feature: Some("teacher"),
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
        name: "tls",
        value: "",
        default: "",
        help: "https:// and wss:// on the port, with a certificate that is made for this machine once",
        feature: Some("tls"),
        kind: Kind::Switch { set: |options| options.tls = true },
    },
    Flag {
        name: "tls-cert",
        value: "FILE",
        default: "",
        help: "https:// and wss:// on the port, with this certificate and its chain; read again when it changes",
        feature: Some("tls"),
        kind: Kind::Text {
            bound: "a PEM file",
            set: |options, file| {
                options.tls_certificate = Some(file.into());
                Ok(())
            },
        },
    },
    Flag {
        name: "tls-key",
        value: "FILE",
        default: "",
        help: "the private key of --tls-cert",
        feature: Some("tls"),
        kind: Kind::Text {
            bound: "a PEM file",
            set: |options, file| {
                options.tls_key = Some(file.into());
                Ok(())
            },
        },
    },
    Flag {
        name: "redis",
        value: "URL",
        default: "",
        help: "share one chat with all servers that have the same Redis and prefix",
        feature: Some("redis"),
        kind: Kind::Text {
            bound: "like redis://127.0.0.1:6379",
            set: |options, url| {
                if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
                    return Err("is not like redis://host:6379 or rediss://user:password@host");
                }
                options.redis = Some(Address(url.to_owned()));
                Ok(())
            },
        },
    },
    Flag {
        name: "redis-prefix",
        value: "NAME",
        default: "classroom",
        help: "what all keys in Redis begin with: chats of different prefixes are different chats",
        feature: Some("redis"),
        kind: Kind::Text {
            bound: "a text",
            set: |options, prefix| {
                options.redis_prefix = prefix.to_owned();
                Ok(())
            },
        },
    },
    Flag {
        name: "redis-events",
        value: "NUMBER",
        default: "100000",
        help: "events that the stream in Redis keeps, at least: a server that missed more reads a snapshot",
        feature: Some("redis"),
        kind: Kind::Number {
            least: 1000,
            most: 100_000_000,
            set: |options, events| options.redis_events = events as usize,
        },
    },
    Flag {
        name: "log",
        value: "LEVEL",
        default: "",
        help: "how much to log on standard error; without it RUST_LOG decides, else info",
        feature: None,
        kind: Kind::Text {
            bound: "error, warn, info, debug, trace or off",
            set: |options, level| {
                let level = level.parse();
                options.log = Some(level.map_err(|_| "is none of error, warn, info, debug, trace and off")?);
                Ok(())
            },
        },
    },
];
