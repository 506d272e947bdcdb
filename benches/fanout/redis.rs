//! A redis-server of our own, through which several servers are one chat; it stores nothing on the disk.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = "redis-server";

/// By then it must answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Redis {
    process: Child,
    port: u16,
}

/// Whether it is installed.
pub fn is_here() -> bool {
    let mut probe = Command::new(PROGRAM);
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

impl Redis {
    /// `command` makes the command from the program's name.
    pub fn start(command: impl FnOnce(&str) -> Command) -> io::Result<Self> {
        // Another process may take the port first: then Redis ends, and the run fails with a message.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = command(PROGRAM)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()?;
        let redis = Self { process, port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > deadline {
                return Err(io::Error::other("redis-server does not answer"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(redis)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Both fail only if it has ended already, and then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
