//! What every black-box test needs: a real server as a child process, and peers that talk to it over real sockets.
//!
//! Everything that waits has a deadline and says what it waited for.

#![allow(dead_code)] // Each binary uses its own part.

pub mod bystander;
pub mod class;
pub mod gate;
pub mod quiet;
pub mod random;
pub mod raw;
pub mod redis;
pub mod returning;
#[cfg(feature = "tls")]
pub mod tls;
pub mod users;
pub mod wire;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once};
use std::thread;
use std::time::{Duration, Instant};

use redis::Redis;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderName;
use tungstenite::{Message, WebSocket};

/// Longer than anything a test waits for, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The lines of a server's log, or of several.
type Log = Arc<(Mutex<Vec<String>>, Condvar)>;

/// The real binary on a free port; killed when dropped.
///
/// With `CLASSROOM_SERVERS=3` in the environment it is three of them, which share one chat through a Redis of their own, and
/// each connection goes to the next: what holds for one server must hold for many.
pub struct Server {
    child: Child,
    port: u16,
    log: Log,
    pub banner: String,
    /// How long reads and writes of its clients may take.
    pub patience: Duration,
    /// The others, which take turns with this one, and how many turns there were.
    others: Vec<Server>,
    connections: AtomicUsize,
    redis: Option<Mutex<Redis>>,
}

impl Server {
    /// Logs at `debug` unless `arguments` say otherwise. With `CLASSROOM_TLS` in the environment all servers speak TLS.
    pub fn start(arguments: &[&str]) -> Server {
        let servers = std::env::var("CLASSROOM_SERVERS").ok().and_then(|count| count.parse().ok());
        match servers {
            Some(servers) if servers > 1 => Server::start_many(servers, arguments),
            _ => Server::start_on(0, arguments),
        }
    }

    /// So many servers that are one chat, as if a load balancer stood in front of them.
    pub fn start_many(servers: usize, arguments: &[&str]) -> Server {
        let redis = Redis::start();
        let url = redis.url();
        let arguments = [arguments, &["--redis", &url]].concat();
        let mut first = Server::start_apart(servers, &arguments);
        first.redis = Some(Mutex::new(redis));
        first
    }

    /// The same, but each has a chat of its own.
    pub fn start_apart(servers: usize, arguments: &[&str]) -> Server {
        let mut first = Server::start_on(0, arguments);
        first.others = (1..servers).map(|_| Server::start_with_log(arguments, &first.log)).collect();
        first
    }

    pub fn start_on(port: u16, arguments: &[&str]) -> Server {
        let mut command = program();
        command.args(["--port", &port.to_string(), "--log", "debug"]).args(tls_if_wanted()).args(arguments);
        Server::spawn(command)
    }

    /// One that shares its chat with the other servers on the same Redis.
    pub fn start_sharing(url: &str, arguments: &[&str]) -> Server {
        Server::start_on(0, &[&["--redis", url], arguments].concat())
    }

    /// The same from a command that may set limits first.
    pub fn spawn(command: Command) -> Server {
        Server::spawn_with(command, true, &Log::default())
    }

    /// One more that writes into the same log.
    fn start_with_log(arguments: &[&str], log: &Log) -> Server {
        let mut command = program();
        command.args(["--port", "0", "--log", "debug"]).args(tls_if_wanted()).args(arguments);
        Server::spawn_with(command, true, log)
    }

    /// No one reads this server's log, as with a frozen terminal.
    pub fn start_with_frozen_log(arguments: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.args(["--port", "0"]).args(arguments);
        Server::spawn_with(command, false, &Log::default())
    }

    fn spawn_with(mut command: Command, read_log: bool, log: &Log) -> Server {
        // All tests of a binary share the descriptors of its process.
        static DESCRIPTORS: Once = Once::new();
        DESCRIPTORS.call_once(|| drop(rlimit::increase_nofile_limit(u64::MAX)));
        // A certificate that is made is not the user's.
        if command.get_envs().all(|(name, _)| name != "XDG_DATA_HOME") {
            command.env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server's binary starts");
        let log = Arc::clone(log);
        if read_log {
            let errors = BufReader::new(child.stderr.take().expect("standard error is piped"));
            let collected = Arc::clone(&log);
            thread::spawn(move || {
                for line in errors.lines().map_while(Result::ok) {
                    collected.0.lock().expect("the log").push(line);
                    collected.1.notify_all();
                }
            });
        }
        let mut output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut banner = String::new();
        let mut port = 0;
        while !banner.contains("stop  ") {
            if output.read_line(&mut banner).expect("the banner is text") == 0 {
                let status = child.wait().expect("the server ends");
                panic!("the server ended with {status}: {:?}", log.0.lock().expect("the log"));
            }
            if let Some((_, rest)) = banner.split_once("://localhost:") {
                port = rest.split('/').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            }
        }
        let mut encrypted = ENCRYPTED.lock().expect("a list");
        encrypted.retain(|other| *other != port);
        encrypted.extend(banner.contains("https://").then_some(port));
        drop(encrypted);
        // The rest is read away, so that the server never waits for us.
        thread::spawn(move || output.read_to_end(&mut Vec::new()));
        let (others, connections) = (Vec::new(), AtomicUsize::new(0));
        let patience = PATIENCE;
        Server { child, port, log, banner, patience, others, connections, redis: None }
    }

    /// Where the first of them is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the one of this number is.
    pub fn port_of(&self, number: usize) -> u16 {
        number.checked_sub(1).map_or(self.port, |other| self.others[other].port)
    }

    /// Where the next connection goes. To be called once for each: the next call is for another connection, which goes to
    /// another server.
    pub fn next_port(&self) -> u16 {
        self.port_of(self.next())
    }

    /// Where all of them are, from the next on, for what takes turns by itself.
    pub fn ports_from_next(&self) -> Vec<u16> {
        let servers = self.others.len() + 1;
        let next = self.next();
        (next..next + servers).map(|number| self.port_of(number % servers)).collect()
    }

    fn next(&self) -> usize {
        self.connections.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1)
    }

    /// Their Redis.
    pub fn redis(&self) -> MutexGuard<'_, Redis> {
        self.redis.as_ref().expect("they share a chat").lock().expect("nobody failed with it")
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        format!("{scheme}://localhost:{}/", self.port)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A TCP connection on which reads end after our patience.
    pub fn connect(&self) -> TcpStream {
        self.connect_to(self.next_port())
    }

    fn connect_to(&self, port: u16) -> TcpStream {
        self.with_patience(connect(port))
    }

    /// It speaks TLS.
    pub fn is_encrypted(&self) -> bool {
        self.banner.contains("https://")
    }

    /// The same from another of this machine's many loopback addresses.
    pub fn connect_from(&self, source: Ipv4Addr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is left");
        socket.bind(&SocketAddr::from((source, 0)).into()).expect("a loopback address");
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.next_port()));
        socket.connect(&server.into()).expect("the server accepts");
        self.with_patience(socket.into())
    }

    fn with_patience(&self, socket: TcpStream) -> TcpStream {
        with_patience(socket, self.patience)
    }

    /// Sends a signal such as `TERM`. The shell's own `kill`, since not every system has it as a program.
    pub fn signal(&self, name: &str) {
        // Under wine SIGINT becomes a Ctrl-C; no other signal becomes anything.
        let name = if std::env::var_os("CLASSROOM_PROGRAM").is_some() { "INT" } else { name };
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell can be run");
        assert!(status.success(), "{kill}");
    }

    /// SIGTERM, and how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the server can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The first log line that contains `needle`, once it is there.
    pub fn wait_for_log(&self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock().expect("the log");
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(needle)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no log line contains {needle:?}: {lines:#?}");
            lines = self.log.1.wait_timeout(lines, left).expect("the log").0;
        }
    }

    /// Waits until this many lines contain `needle`.
    pub fn wait_for_log_times(&self, needle: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock().expect("the log");
        while lines.iter().filter(|line| line.contains(needle)).count() < times {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not {times} times {needle:?}: {lines:#?}");
            lines = self.log.1.wait_timeout(lines, left).expect("the log").0;
        }
    }

    /// The prefix of the log lines of the connection that comes from this port: `conn 7:`.
    pub fn log_prefix(&self, port: u16) -> String {
        let line = self.wait_for_log(&format!(":{port}"));
        let begin = line.find("conn ").expect("the line names the connection");
        line[begin..].split_inclusive(':').next().expect("a prefix").to_owned()
    }

    /// All log lines so far.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().expect("the log").clone()
    }

    /// A field of `/proc/PID/status` in its own unit: `Threads`, or `VmRSS` in KiB.
    pub fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the server's status can be read");
        let line = status.lines().find(|line| line.starts_with(&format!("{field}:"))).expect("the field");
        line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).expect("a number")
    }

    /// How many file descriptors are open.
    pub fn descriptors(&self) -> u64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("proc").count() as u64
    }
}

/// The binary, or the command in `CLASSROOM_PROGRAM`: `wine PATH` runs that for Windows.
pub fn program() -> Command {
    let Ok(words) = std::env::var("CLASSROOM_PROGRAM") else {
        return Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
    };
    let mut words = words.split(' ');
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

/// The ports of all servers that speak TLS.
static ENCRYPTED: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// A TCP connection to a server of ours; to one that speaks TLS the plain end of a bridge.
pub fn connect(port: u16) -> TcpStream {
    #[cfg(feature = "tls")]
    if ENCRYPTED.lock().expect("a list").contains(&port) {
        return tls::bridge(port);
    }
    TcpStream::connect(("127.0.0.1", port)).expect("the server accepts")
}

fn tls_if_wanted() -> Option<&'static str> {
    std::env::var_os("CLASSROOM_TLS").map(|_| "--tls")
}

/// What does not come, or is not taken, for so long is an error.
pub fn with_patience(socket: TcpStream, patience: Duration) -> TcpStream {
    socket.set_read_timeout(Some(patience)).expect("a time-out can be set");
    socket.set_write_timeout(Some(patience)).expect("a time-out can be set");
    socket
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.others.clear();
        drop(self.redis.take());
    }
}

/// A socket whose reads go on when a signal interrupts them, as happens when a child process ends.
pub struct Uninterrupted(pub TcpStream);

impl Read for Uninterrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Write for Uninterrupted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A tungstenite client.
pub struct Client {
    pub websocket: WebSocket<Uninterrupted>,
    /// How the server knows it: `conn 7:`, found in the log by this side's port.
    pub port: u16,
}

impl Client {
    /// Joins the chat and waits for its `welcome`.
    pub fn join(server: &Server, name: &str) -> Client {
        let mut client = Client::open(server, &format!("/ws?name={name}"));
        let welcome = client.wait_for("welcome");
        assert_eq!(welcome["you"], name);
        client
    }

    /// Opens a WebSocket at a path.
    pub fn open(server: &Server, path: &str) -> Client {
        Client::open_on(server, server.next_port(), path, None)
    }

    /// The same with one more header line: a cookie, or a name and password.
    pub fn open_as(server: &Server, path: &str, header: &str) -> Client {
        Client::open_on(server, server.next_port(), path, header.split_once(": "))
    }

    /// Opens one at the server of this number, of those that share a chat.
    pub fn open_at(server: &Server, number: usize, path: &str) -> Client {
        Client::open_on(server, server.port_of(number), path, None)
    }

    /// To the server on this port of those that share a chat.
    fn open_on(server: &Server, to: u16, path: &str, header: Option<(&str, &str)>) -> Client {
        let socket = server.connect_to(to);
        let port = socket.local_addr().expect("a connected socket has an address").port();
        let url = format!("ws://localhost:{to}{path}");
        let mut request = url.into_client_request().expect("a URL");
        if let Some((name, value)) = header {
            let name: HeaderName = name.parse().expect("a header's name");
            request.headers_mut().insert(name, value.parse().expect("a header's value"));
        }
        let (websocket, _) =
            tungstenite::client(request, Uninterrupted(socket)).expect("the handshake succeeds");
        Client { websocket, port }
    }

    pub fn say(&mut self, text: &str) {
        self.websocket.send(Message::text(text)).expect("the server takes a message");
    }

    /// The next event.
    pub fn event(&mut self) -> Value {
        loop {
            match self.websocket.read().expect("the server sends an event") {
                Message::Text(text) => {
                    return serde_json::from_str(&text).expect("an event is JSON");
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not an event: {other:?}"),
            }
        }
    }

    /// Skips events until one of this type.
    pub fn wait_for(&mut self, event_type: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == event_type {
                return event;
            }
        }
    }

    /// The next message's sender and text.
    pub fn message(&mut self) -> (String, String) {
        let event = self.wait_for("message");
        let text = |field: &str| event[field].as_str().expect("a message has text fields").to_owned();
        (text("from"), text("text"))
    }

    /// Reads to the close frame: its code and reason; skips all other frames.
    pub fn wait_for_close(&mut self) -> (u16, String) {
        loop {
            match self.websocket.read().expect("a close frame comes") {
                Message::Close(Some(frame)) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Message::Close(None) => return (1005, String::new()),
                _ => {}
            }
        }
    }

    /// Says goodbye with a close frame, so that the name is free.
    pub fn leave(&mut self) {
        self.websocket.close(None).expect("a close frame can be sent");
        self.read_to_end();
    }

    /// Everything until TCP ends; a reset fails the test.
    pub fn read_to_end(&mut self) {
        loop {
            match self.websocket.read() {
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                    return;
                }
                Err(error) => panic!("the connection did not end in order: {error}"),
            }
        }
    }

    /// The prefix of this connection's log lines, `conn 7:`.
    pub fn log_prefix(&self, server: &Server) -> String {
        server.log_prefix(self.port)
    }
}

/// A text file of the project, by its path from the project's folder.
pub fn project_file(name: &str) -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(file).expect("the file is there")
}
