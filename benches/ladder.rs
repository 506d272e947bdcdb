//! What a round saves: `5_never_wait` beside `6_rounds`, in turns in the same run.
//!
//! `cargo bench --bench ladder`. One client says many short messages at once, a hundred hear them; what counts is the time until the
//! last has heard the last. The run fails where `6_rounds` is not at least five times as fast, by the median of the rounds.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::{Message, WebSocket};

const CLIENTS: usize = 100;
/// All of them fit into a send queue: no client may be cut off.
const MESSAGES: usize = 12_000;
const TEXT: usize = 64;
/// A server's frame around such a text.
const FRAME: usize = TEXT + 2;
const ROUNDS: usize = 5;
const BOUND: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if !std::env::args().any(|word| word == "--bench") {
        println!("ladder is a benchmark: run it with `cargo bench --bench ladder`");
        return ExitCode::SUCCESS;
    }
    let examples = build();
    println!("{CLIENTS} clients hear {MESSAGES} messages of {TEXT} bytes; deliveries a second");
    println!("{:>14} {:>14} {:>7}", "5_never_wait", "6_rounds", "ratio");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [five, six] = ["5_never_wait", "6_rounds"].map(|name| measure(&examples.join(name)));
        println!("{five:>14.0} {six:>14.0} {:>7.1}", six / five);
        ratios.push(six / five);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    println!("median {median:.1}, at least {BOUND}");
    if median >= BOUND { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Cargo builds no examples for a benchmark.
fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--examples"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let profile =
        Path::new(env!("CARGO_BIN_EXE_websocket-classroom")).parent().expect("a binary is in a folder");
    cargo.arg("--target-dir").arg(profile.parent().expect("a profile is in a folder"));
    assert!(cargo.status().expect("cargo runs").success(), "the examples are built");
    profile.join("examples")
}

/// Killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Deliveries a second.
fn measure(program: &Path) -> f64 {
    let child = Command::new(program).arg("0").stdout(Stdio::piped()).spawn();
    let mut server = Server(child.expect("the example starts"));
    let mut line = String::new();
    let output = server.0.stdout.take().expect("standard output is piped");
    BufReader::new(output).read_line(&mut line).expect("it prints its address");
    let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();

    let mut clients: Vec<WebSocket<TcpStream>> = (0..CLIENTS).map(|_| open(&address)).collect();
    // Each has heard its own word, so each is in the list.
    for client in 0..CLIENTS {
        clients[client].send(Message::text("here")).expect("it takes a word");
        for listener in &mut clients {
            listener.read().expect("everybody hears");
        }
    }
    let mut speaker = clients[0].get_ref().try_clone().expect("a descriptor");
    let mask_and_text = [&[0x81, 0x80 | TEXT as u8, 0, 0, 0, 0][..], &[b'x'; TEXT]].concat();
    let all = mask_and_text.repeat(MESSAGES);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || speaker.write_all(&all).expect("the server reads"));
        for client in clients {
            scope.spawn(move || {
                let mut stream = client.get_ref();
                let mut buffer = vec![0; 64 * 1024];
                let mut left = MESSAGES * FRAME;
                while left > 0 {
                    let length = stream.read(&mut buffer).expect("the server goes on");
                    assert!(length > 0, "a client was cut off");
                    left -= length;
                }
            });
        }
    });
    (CLIENTS * MESSAGES) as f64 / began.elapsed().as_secs_f64()
}

fn open(address: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    tungstenite::client(format!("ws://{address}/"), stream).expect("a handshake").0
}
