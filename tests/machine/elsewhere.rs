//! A client in its own process, so that a test can kill it or give it its own network.
//!
//! The process is the tests' own binary once more, running one test in it that calls [`live_if_asked`].

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::PATIENCE;
use crate::common::class::END;
use crate::common::returning::Returning;

/// Where the server is; set in the environment of such a process.
const SERVER: &str = "CLASSROOM_CLIENT_OF";

/// Set, too, if it is to join and then never to read.
const NEVER_READS: &str = "CLASSROOM_CLIENT_NEVER_READS";

pub const NAME: &str = "elsewhere";

/// Does nothing in an ordinary run of the tests.
pub fn live_if_asked() {
    let Ok(server) = env::var(SERVER) else { return };
    let server: SocketAddr = server.parse().expect("an address");
    // It must end with the process that started it.
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let deadline = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(server).is_err() {
        assert!(Instant::now() < deadline, "there is no way to the server");
        thread::sleep(Duration::from_millis(20));
    }
    let mut client = Returning::join_at(server, NAME);
    tell(&json!({"type": "joined", "name": NAME}));
    while env::var(NEVER_READS).is_ok() {
        thread::park();
    }
    loop {
        let event = client.next_event();
        tell(&event);
        if event["text"] == END {
            return tell(&json!({"type": "end", "returns": client.returns, "gaps": client.gaps}));
        }
    }
}

/// On a line of its own, whatever else the test's binary prints.
fn tell(event: &Value) {
    println!("\n{event}");
}

/// As seen from the test; killed when dropped.
pub struct Elsewhere {
    child: Child,
    /// What it tells, read by a thread: it must never wait for us.
    told: Receiver<Value>,
}

impl Elsewhere {
    /// `life` is the test that the process runs, with its path; `in_front` a command that runs another, or nothing.
    pub fn start(life: &str, in_front: &[&str], server: SocketAddr, reads: bool) -> Elsewhere {
        let binary = env::current_exe().expect("this test's binary");
        let binary = binary.to_str().expect("a path that is text");
        let words = [in_front, &[binary, life, "--exact", "--nocapture"]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env(SERVER, server.to_string());
        if !reads {
            command.env(NEVER_READS, "yes");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the client's process starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            for line in lines.filter(|line| line.starts_with('{')) {
                let _ = tell.send(serde_json::from_str(&line).expect("an event is JSON"));
            }
        });
        Elsewhere { child, told }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The next thing that it tells.
    #[track_caller]
    pub fn event(&mut self) -> Value {
        self.told.recv_timeout(PATIENCE).expect("the client lives and has something to tell")
    }

    pub fn wait_until_joined(&mut self) {
        assert_eq!(self.event(), json!({"type": "joined", "name": NAME}));
    }

    /// All that it tells from now on.
    pub fn until_the_end(&mut self) -> Vec<Value> {
        let mut events = vec![self.event()];
        while events.last().is_some_and(|event| event["type"] != "end") {
            events.push(self.event());
        }
        events
    }

    /// As by `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is dead");
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
