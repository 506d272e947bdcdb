//! A real HAProxy on a free port in front of some servers, set up as advised (docs/many-servers.md, Load balancers).

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::PATIENCE;

/// As advised, but with one thread, and a health check more often, since a test does not wait long.
const CONFIG: &str = "
global
    maxconn 1000
    nbthread 1
    stats socket STATS

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    retries 3
    option redispatch

frontend door
    bind 127.0.0.1:PORT
    default_backend chat

backend chat
    balance leastconn
    option httpchk GET /health
    http-check send hdr Host localhost
    default-server check inter 500ms on-marked-down shutdown-sessions
";

/// Columns of `show stat`.
const SERVER: usize = 1;
const SESSIONS: usize = 4;

/// Ended when dropped.
pub struct Haproxy {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Haproxy {
    /// In front of the servers on these ports of this machine.
    pub fn start(servers: &[u16]) -> Haproxy {
        let name = format!("classroom-haproxy-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        // Another process may take the port first: then HAProxy reports it, and the test fails.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        drop(listener);

        let stats = folder.join("stats").to_string_lossy().into_owned();
        let mut config = CONFIG.replace("PORT", &port.to_string()).replace("STATS", &stats);
        for (number, server) in servers.iter().enumerate() {
            config += &format!("    server chat{number} 127.0.0.1:{server}\n");
        }
        let file = folder.join("haproxy.cfg");
        fs::write(&file, config).expect("a file can be written");
        let mut command = Command::new("haproxy");
        let child = command.args(["-db", "-q", "-f"]).arg(file).spawn();
        let haproxy = Haproxy { child: child.expect("haproxy is installed"), port, folder };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "HAProxy does not answer");
            thread::sleep(Duration::from_millis(5));
        }
        haproxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections each server has now.
    pub fn sessions(&self) -> Vec<usize> {
        let mut stats = UnixStream::connect(self.folder.join("stats")).expect("it tells");
        stats.write_all(b"show stat\n").expect("it listens");
        let mut table = String::new();
        stats.read_to_string(&mut table).expect("it is text");
        let rows = table.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let servers = rows.filter(|row| row.get(SERVER).is_some_and(|name| is_server(name)));
        servers.map(|row| row[SESSIONS].parse().expect("a number of sessions")).collect()
    }
}

/// As opposed to the sums of all.
fn is_server(name: &str) -> bool {
    name.starts_with("chat")
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
