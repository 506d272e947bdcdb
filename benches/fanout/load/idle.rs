//! No client sends: what idle clients cost, and how long it takes to connect and to disconnect them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::{Idle, Job, sum};
use crate::client::Dialect;
use crate::process;

const EVENTS_AT_ONCE: usize = 1024;

/// By then all must be gone.
const LEAVE_DEADLINE: Duration = Duration::from_secs(60);

/// How often we check whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub fn run(job: &Job, leave: bool) -> io::Result<Idle> {
    let memory_before_kib = sum(&job.servers, process::proportional_memory_kib)?;
    let threads_before = sum(&job.servers, process::thread_count)?;
    let mut fleet = Fleet::new(EVENTS_AT_ONCE)?;
    let begun = Instant::now();
    fleet.connect(&job.addresses, job.dialect, job.clients)?;
    let connect_seconds = begun.elapsed().as_secs_f64();
    fleet.run_until_quiet()?;
    let memory_kib = sum(&job.servers, process::proportional_memory_kib)?;
    let threads = sum(&job.servers, process::thread_count)?;
    let leave_seconds = if leave { leave_all(fleet, job, threads_before)? } else { 0.0 };
    Ok(Idle { connect_seconds, leave_seconds, memory_before_kib, memory_kib, threads })
}

fn leave_all(fleet: Fleet, job: &Job, threads_before: u64) -> io::Result<f64> {
    let begun = Instant::now();
    for mut client in fleet.clients {
        client.say_goodbye()?;
    }
    loop {
        let clients = clients_by_health(job.addresses[0], job.dialect)?;
        let threads = sum(&job.servers, process::thread_count)?;
        // The question itself takes a thread.
        if clients == 0 && threads <= threads_before + 1 {
            return Ok(begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > LEAVE_DEADLINE {
            let reason = format!("{clients} clients and {threads} threads do not go");
            return Err(io::Error::other(reason));
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn clients_by_health(address: SocketAddr, dialect: Dialect) -> io::Result<u64> {
    let socket = TcpStream::connect(address)?;
    let answer = match dialect {
        #[cfg(feature = "tls")]
        Dialect::Encrypted => ask(rustls::StreamOwned::new(crate::tls::client(), socket), address)?,
        _ => ask(socket, address)?,
    };
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let health: serde_json::Value = serde_json::from_str(body)?;
    health["clients"].as_u64().ok_or_else(|| io::Error::other("/health does not count clients"))
}

fn ask(mut socket: impl Read + Write, address: SocketAddr) -> io::Result<String> {
    write!(socket, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    socket.flush()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
