//! A real redis-server on a free port, with its data in a folder of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// Ended when dropped.
pub struct Redis {
    child: Child,
    port: u16,
    folder: PathBuf,
    flags: Vec<String>,
}

impl Redis {
    pub fn start() -> Redis {
        Redis::start_with(&[])
    }

    /// With more of its own flags.
    pub fn start_with(flags: &[&str]) -> Redis {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("classroom-redis-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        // Another process may take the port first: then Redis reports it, and the test fails.
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        drop(listener);
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let child = Redis::spawn(port, &folder, &flags);
        Redis { child, port, folder, flags }
    }

    /// One that speaks TLS only, and the file with its certificate.
    pub fn start_with_tls() -> (Redis, String) {
        let mut redis = Redis::start();
        redis.stop();
        let file = |name: &str| redis.folder.join(name).to_str().expect("a text").to_owned();
        let (key, certificate) = (file("key.pem"), file("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", &key, "-out", &certificate])
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl is installed").success());
        let port = redis.port.to_string();
        let flags = ["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"];
        let files = ["--tls-key-file", &key, "--tls-cert-file", &certificate];
        let more = ["--tls-ca-cert-file", &certificate];
        redis.flags = [&flags[..], &files, &more].concat().into_iter().map(str::to_owned).collect();
        redis.start_again();
        (redis, certificate)
    }

    fn spawn(port: u16, folder: &Path, flags: &[String]) -> Child {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .arg("--dir")
            .arg(folder)
            .args(flags)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "Redis does not answer");
            thread::sleep(Duration::from_millis(5));
        }
        child
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has on the disk now.
    pub fn copy(&self) -> PathBuf {
        let copy = self.folder.with_extension("copy");
        let copied = Command::new("cp").arg("-r").arg(&self.folder).arg(&copy).status();
        assert!(copied.expect("cp is installed").success());
        copy
    }

    /// Lets it have what it had once.
    pub fn put_back(&mut self, copy: PathBuf) {
        fs::remove_dir_all(&self.folder).expect("it is there");
        fs::rename(copy, &self.folder).expect("it can be moved");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it, as a crash does.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal: after `STOP` it hangs, until `CONT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Starts it again with what it had on the disk.
    pub fn start_again(&mut self) {
        self.child = Redis::spawn(self.port, &self.folder, &self.flags);
    }

    /// Loses all that it has on the disk.
    pub fn lose_everything(&mut self) {
        fs::remove_dir_all(&self.folder).expect("it is there");
        fs::create_dir_all(&self.folder).expect("a folder can be made");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
