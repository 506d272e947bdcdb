//! The server's outputs may be closed, full or frozen: no member is harmed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::alone;
use crate::common::raw::{ask_on, handshake, request};
use crate::common::users::Users;
use crate::common::{PATIENCE, with_patience};

/// A server whose streams a test has chosen; killed when dropped.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    /// `through` is a shell's command that runs `"$@"`.
    fn start(through: &str, streams: [Stdio; 2], log: &str) -> Running {
        let port = free_port();
        let mut shell = Command::new("sh");
        shell.args(["-c", through, "sh", env!("CARGO_BIN_EXE_websocket-classroom")]);
        shell.args(["--port", &port.to_string(), "--log", log]).stdin(Stdio::null());
        let [stdout, stderr] = streams;
        let child = shell.stdout(stdout).stderr(stderr).spawn().expect("a shell can be run");
        Running { child, port }
    }

    /// A connection, as soon as the server is there.
    fn connect(&self) -> TcpStream {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(socket) => return with_patience(socket, PATIENCE),
                Err(error) => assert!(Instant::now() < deadline, "nobody listens: {error}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// It answers requests and opens WebSockets.
    fn serves(&self) {
        for _ in 0..10 {
            let mut socket = self.connect();
            assert_eq!(ask_on(&mut socket, request("GET", "/health", "")).status, 200);
            assert_eq!(ask_on(&mut socket, handshake("/ws")).status, 101);
        }
    }

    /// SIGTERM ends it in order.
    fn stops(&mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return assert_eq!(status.code(), Some(0));
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("an address").port()
}

const JUST_RUN: &str = "exec \"$@\"";

/// A pipe whose reader has ended, as with `| head -1`.
fn broken_pipe() -> Stdio {
    // The program is a reader that ends at once.
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().expect("a program");
    let writer = reader.stdin.take().expect("it is piped");
    assert!(reader.wait().expect("it ends").success());
    writer.into()
}

/// A disk without room.
fn full_disk() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("Linux has one").into()
}

#[test]
fn without_a_reader_for_the_help_nothing_panics() {
    let _alone = alone();
    for (flag, stdout) in ["--help", "--version"].into_iter().zip([broken_pipe(), full_disk()]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.arg(flag).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        let output = command.spawn().and_then(Child::wait_with_output).expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty() && output.status.code() == Some(1), "{output:?}");
    }
}

#[test]
fn without_a_reader_or_room_for_the_banner_the_server_serves() {
    let _alone = alone();
    for stdout in [broken_pipe(), full_disk()] {
        let mut server = Running::start(JUST_RUN, [stdout, Stdio::piped()], "info");
        server.serves();
        server.stops();
        let mut log = String::new();
        let errors = server.child.stderr.as_mut().expect("it is piped");
        errors.read_to_string(&mut log).expect("text");
        assert!(log.contains("listening on") && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn after_a_reader_of_only_the_first_line_the_server_serves() {
    let _alone = alone();
    let mut server = Running::start(JUST_RUN, [Stdio::piped(), Stdio::null()], "info");
    let stdout = server.child.stdout.take().expect("it is piped");
    let first = BufReader::new(stdout).lines().next().expect("a line").expect("text");
    assert!(first.starts_with("websocket-classroom "), "{first}");
    server.serves();
    server.stops();
}

#[test]
fn without_a_reader_or_room_for_the_log_the_server_serves() {
    let _alone = alone();
    for log in ["info", "trace"] {
        for stderr in [broken_pipe(), full_disk()] {
            let mut server = Running::start(JUST_RUN, [Stdio::null(), stderr], log);
            server.serves();
            server.stops();
        }
    }
}

#[test]
fn without_any_stream_the_server_serves_and_clients_get_nothing_of_the_log() {
    let _alone = alone();
    // The lowest free descriptors are the streams': a socket in their place would be written to.
    let closed = r#"exec "$@" <&- >&- 2>&-"#;
    let mut server = Running::start(closed, [Stdio::null(), Stdio::null()], "trace");
    let mut first = server.connect();
    assert_eq!(ask_on(&mut first, request("GET", "/health", "")).status, 200);
    server.serves();
    let answer = ask_on(&mut first, request("GET", "/health", "Connection: close\r\n"));
    assert_eq!(answer.status, 200);
    assert_eq!(first.read(&mut [0]).expect("TCP ends in order"), 0, "and nothing comes behind it");
    server.stops();
}

#[test]
fn a_frozen_terminal_does_not_keep_clients_out() {
    let _alone = alone();
    // As after Ctrl-S: whatever is written now waits.
    let (mut terminal, _never_read) = UnixStream::pair().expect("two sockets");
    terminal.set_nonblocking(true).expect("it can be filled");
    while terminal.write(&[b'.'; 4096]).is_ok() {}
    terminal.set_nonblocking(false).expect("it can be waited for");
    let stdout = OwnedFd::from(terminal).into();
    let mut server = Running::start(JUST_RUN, [stdout, Stdio::null()], "info");
    server.serves();
    server.stops();
}

/// A small disk that only the server sees, and this test through it. It is gone when the server is.
struct SmallDisk {
    server: Running,
    /// Where it is mounted, and how this test sees it.
    place: PathBuf,
    folder: PathBuf,
}

impl SmallDisk {
    const MOUNT: &str = r#"mount -t tmpfs -o size=64k none "$0" && exec "$@" 2>"$0/log""#;

    /// The server's log is on it.
    fn with_log() -> SmallDisk {
        let place = std::env::temp_dir().join(format!("classroom-disk-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a folder can be made");
        let through = format!("exec unshare -m sh -c '{}' {} \"$@\"", Self::MOUNT, place.display());
        let server = Running::start(&through, [Stdio::null(), Stdio::inherit()], "info");
        drop(server.connect());
        let root = PathBuf::from(format!("/proc/{}/root", server.child.id()));
        let folder = root.join(place.strip_prefix("/").expect("it is absolute"));
        SmallDisk { server, place, folder }
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Nothing more can be written.
    fn fill(&self) {
        let mut filler = File::create(self.folder.join("filler")).expect("it can be made");
        while filler.write_all(&[b'.'; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.folder.join("filler")).expect("it can be removed");
    }

    fn visit_until_logged(&self, path: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(path) {
            assert!(Instant::now() < deadline, "the log is silent for ever: {}", self.log());
            self.visit(path);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A client joins; this is logged if possible.
    fn visit(&self, path: &str) {
        assert_eq!(ask_on(&mut self.server.connect(), request("GET", path, "")).status, 404);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.place);
    }
}

#[test]
#[ignore = "needs root, to mount a small disk: run by make test"]
fn when_a_full_disk_has_room_again_the_log_goes_on() {
    let _alone = alone();
    let mut disk = SmallDisk::with_log();
    disk.visit_until_logged("/before");
    disk.fill();
    // What is left of the log's last page takes some lines.
    for number in 0..200 {
        disk.visit(&format!("/full-{number}"));
    }
    assert!(!disk.log().contains("/full-199"), "{}", disk.log());
    disk.make_room();
    disk.visit_until_logged("/after");
    assert!(disk.log().contains("log lines were dropped"), "{}", disk.log());
    disk.server.stops();
}

#[test]
#[cfg(feature = "accounts")]
#[ignore = "needs root, to mount a small disk: run by make test"]
fn on_a_full_disk_the_list_of_users_stays_unchanged() {
    let _alone = alone();
    let users = Users::new(&["Ana"]);
    let script = r#"
        set -e
        mount -t tmpfs -o size=16k none "$0"
        echo "$1" | head -c -1 > "$0/class.txt"
        while echo ................................................................; do :; done > "$0/filler" 2>/dev/null || true
        status=0
        echo "a secret of Luis" | "$2" --users "$0/class.txt" --add-user Luis || status=$?
        cat "$0/class.txt"
        ls -A "$0" >&2
        exit $status
    "#;
    let place = std::env::temp_dir().join(format!("classroom-full-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a folder can be made");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script]).arg(&place).arg(users.text());
    command.arg(env!("CARGO_BIN_EXE_websocket-classroom"));
    let output = command.output().expect("unshare can be run");
    let _ = fs::remove_dir(&place);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("No space left on device"), "{errors}");
    let left: Vec<&str> = errors.lines().skip(1).collect();
    assert_eq!(left, ["class.txt", "filler"], "nothing half-written stays");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), users.text().trim_end());
}

#[test]
#[cfg(feature = "accounts")]
fn a_full_disk_is_reported_when_a_user_is_added() {
    let _alone = alone();
    let users = Users::new(&["Ana"]);
    let refused = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has one");
    let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
    command.args(["--users", &users.path(), "--add-user", "Luis"]);
    command.stdin(Stdio::piped()).stdout(refused).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("it is piped");
    match input.write_all(b"a secret of Luis\n") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
        _ => drop(input),
    }
    // What was done is done, though it cannot be said.
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(users.text().contains("Luis:"));
}
