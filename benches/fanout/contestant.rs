//! The servers under test, each a process of its own: the real binary, alone or several through Redis, the floors, and
//! other servers.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::client::Dialect;
use crate::floor::Mode;
use crate::load::{Job, Outcome, Task};
use crate::peers::Peer;
use crate::redis::Redis;
use crate::watcher::{TEACHER_KEY, Watching};

/// The binary that `make run` starts, built by cargo for this benchmark.
pub const CHAT: &str = env!("CARGO_BIN_EXE_websocket-classroom");

/// No limit on the rate, for the senders are meant to flood, and no heartbeat, so that only messages
/// are on the wire. Everything else is as in a class.
const CHAT_ARGUMENTS: [&str; 10] =
    ["--port", "0", "--rate", "0", "--ping", "0", "--log", "warn", "--teacher-key", TEACHER_KEY];

/// Admitted beyond the number of clients of a run.
const SPARE_CLIENTS: usize = 500;

/// The server has the first core for itself, the load generator the second. Several servers share the first, and their
/// Redis is on the second, as it would be on another machine.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

#[derive(Clone, Copy, PartialEq)]
pub enum Contestant {
    Chat,
    /// The same over TLS.
    Encrypted,
    /// The same, but what was said is not kept for newcomers.
    Forgetful,
    /// The same, and each client has a name for private messages.
    Named,
    /// The same, watched or not.
    Watched(Watching),
    /// So many servers that are one chat through Redis.
    Shared(usize),
    /// The raw floor, and the bytes of one of its frames: as many as the chat has sent.
    Floor(Mode, usize),
    /// A server of another project.
    Peer(Peer),
}

impl Contestant {
    fn dialect(self) -> Dialect {
        match self {
            Self::Named => Dialect::Named,
            Self::Encrypted | Self::Floor(Mode::Encrypted, _) => Dialect::Encrypted,
            Self::Peer(Peer::SocketIo) => Dialect::SocketIo,
            _ => Dialect::Chat,
        }
    }
}

impl fmt::Display for Contestant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Chat => "chat",
            Self::Encrypted => "chat over TLS",
            Self::Floor(Mode::Encrypted, _) => "floor, rustls",
            Self::Forgetful => "no history",
            Self::Named => "with names",
            Self::Peer(peer) => peer.name(),
            Self::Watched(Watching::Never) => "never watched",
            Self::Watched(Watching::NoMore) => "no more watched",
            Self::Watched(Watching::Always) => "all are watched",
            Self::Shared(1) => "redis, 1 server",
            Self::Shared(2) => "redis, 2 servers",
            Self::Shared(3) => "redis, 3 servers",
            Self::Shared(_) => "redis, servers",
            Self::Floor(Mode::Batched, _) => "floor, batched",
            Self::Floor(Mode::Loop, _) => "loop",
            Self::Floor(Mode::Single, _) => "floor, single",
        })
    }
}

/// Whether processes are bound to a core each.
#[derive(Clone, Copy)]
pub struct Pinning(bool);

impl Pinning {
    /// Needs two cores and `taskset` of util-linux; without them the numbers say less.
    pub fn find() -> Self {
        let works = |core: usize| {
            let mut probe = Command::new("taskset");
            probe.args(["-c", &core.to_string(), "true"]);
            probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        Self(works(SERVER_CORE) && works(LOAD_CORE))
    }

    fn command(self, core: usize, program: &str) -> Command {
        if !self.0 {
            return Command::new(program);
        }
        // taskset becomes the program, so the child's process id is the program's.
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), program]);
        command
    }
}

impl fmt::Display for Pinning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 {
            write!(formatter, "server on core {SERVER_CORE}, load on core {LOAD_CORE}")
        } else {
            formatter.write_str(
                "not pinned to cores (that takes two of them and taskset): server and load \
                 disturb each other",
            )
        }
    }
}

/// Starts the contestant, lets the load generator do its task, stops the contestant.
pub fn measure(pinning: Pinning, contestant: Contestant, clients: usize, task: Task) -> io::Result<Outcome> {
    let (count, redis) = match contestant {
        Contestant::Shared(servers) => {
            (servers, Some(Redis::start(|program| pinning.command(LOAD_CORE, program))?))
        }
        _ => (1, None),
    };
    let start = |_| Server::start(pinning, contestant, clients, redis.as_ref());
    let servers: Vec<Server> = (0..count).map(start).collect::<io::Result<_>>()?;
    let address = |server: &Server| SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let job = Job {
        addresses: servers.iter().map(address).collect(),
        servers: servers.iter().map(|server| server.process.id()).collect(),
        redis: redis.as_ref().map(Redis::process),
        dialect: contestant.dialect(),
        clients,
        task,
    };
    let job = serde_json::to_string(&job)?;
    let output = pinning
        .command(LOAD_CORE, &this_program()?)
        .args(["--load", &job])
        .stderr(Stdio::inherit())
        .output()?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| io::Error::other(format!("the load generator ended without a result: {error}")))
}

pub struct Server {
    process: Child,
    pub port: u16,
    /// Kept open: a server that prints another line must not find a closed pipe.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(
        pinning: Pinning,
        contestant: Contestant,
        clients: usize,
        redis: Option<&Redis>,
    ) -> io::Result<Self> {
        let command = match contestant {
            Contestant::Chat
            | Contestant::Encrypted
            | Contestant::Forgetful
            | Contestant::Named
            | Contestant::Watched(_)
            | Contestant::Shared(_) => {
                let mut command = pinning.command(SERVER_CORE, CHAT);
                command.args(CHAT_ARGUMENTS);
                if contestant == Contestant::Forgetful {
                    command.args(["--history", "0"]);
                }
                if contestant == Contestant::Encrypted {
                    // A certificate that is made is not the user's.
                    command.arg("--tls").env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"));
                }
                command.args(["--max-clients", &(clients + SPARE_CLIENTS).to_string()]);
                command.args(redis.map(|redis| ["--redis".to_owned(), redis.url()]).into_iter().flatten());
                command
            }
            Contestant::Floor(mode, frame_bytes) => {
                let mut command = pinning.command(SERVER_CORE, &this_program()?);
                let mode = serde_json::to_string(&mode)?;
                command.args(["--floor", &mode, &frame_bytes.to_string()]);
                command
            }
            Contestant::Peer(peer) => {
                let mut command = pinning.command(SERVER_CORE, "node");
                command.arg(peer.script());
                command
            }
        };
        Self::of(command)
    }

    /// The chat as the class starts it, once it listens.
    pub fn start_chat(pinning: Pinning) -> io::Result<Self> {
        let mut command = pinning.command(SERVER_CORE, CHAT);
        command.args(CHAT_ARGUMENTS);
        Self::of(command)
    }

    fn of(mut command: Command) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().expect("its standard output is a pipe");
        let mut output = BufReader::new(output);
        match read_port(&mut output) {
            Ok(port) => Ok(Self { process, port, _output: output }),
            Err(error) => {
                stop(&mut process);
                Err(error)
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

fn stop(process: &mut Child) {
    // Both fail only if the process has ended already, and then there is nothing to do.
    let _ = process.kill();
    let _ = process.wait();
}

/// Waits for the line with the server's address.
fn read_port(output: &mut impl BufRead) -> io::Result<u16> {
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        let port = line.split_once("://localhost:").and_then(|(_, rest)| {
            let digits = rest.find(|character: char| !character.is_ascii_digit());
            rest[..digits.unwrap_or(rest.len())].parse().ok()
        });
        if let Some(port) = port {
            return Ok(port);
        }
        line.clear();
    }
    Err(io::Error::other("the server ended before it printed its address"))
}

fn this_program() -> io::Result<String> {
    let path = env::current_exe()?;
    path.into_os_string().into_string().map_err(|_| io::Error::other("our own path is not UTF-8"))
}
