//! The server that is checked: where it is, how to say something to it, and where its answer has the text.
//!
//! Every check gets it. Its budgets of time and bytes are those of the whole run.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::client::Client;
use crate::recording::Recorder;
use crate::text::{Text, text};
use crate::verdict::Failure;

/// How long an answer may take where nothing else is said.
pub const ANSWER: Duration = Duration::from_secs(3);

/// Bytes that the checker sends in all.
pub const MAX_SENT: u64 = 160 << 20;

/// Bytes of a TCP segment over Ethernet.
#[cfg(unix)]
const SEGMENT: u32 = 1460;

pub struct Target {
    pub address: SocketAddr,
    /// As the URL has it, for the header `Host`.
    pub host: String,
    pub path: String,
    /// `--send`: what is sent, with `%text%` where the text goes.
    pub template: Option<String>,
    /// `--answer`: the field of the answer that has the text.
    pub answer: Option<String>,
    pub pid: Option<u32>,
    pub recorder: Arc<Recorder>,
    /// In each of our texts.
    pub token: String,
    /// When the whole run ends.
    pub end: Instant,
    pub texts: AtomicU64,
    /// TCP connections made.
    pub connections: AtomicU64,
    /// WebSockets among them; each has a number.
    pub websockets: AtomicU64,
    pub sent: AtomicU64,
    /// Why a right handshake got no answer.
    pub no_answer: OnceLock<Failure>,
    /// The first handshake's result: when it fails, no later check waits for another.
    pub opens: OnceLock<Result<(), Failure>>,
    /// Does a client hear itself, and do the others hear it?
    pub hears: OnceLock<Result<Hears, Failure>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hears {
    pub sender: bool,
    pub others: bool,
}

impl Target {
    /// The moment until which to wait: this time from now, but not beyond the end of the run.
    pub fn within(&self, time: Duration) -> Instant {
        self.end.min(Instant::now() + time)
    }

    /// A text that no one else says.
    pub fn fresh(&self, what: &str) -> String {
        let number = self.texts.fetch_add(1, Ordering::Relaxed);
        format!("{} {number} {what}", self.token)
    }

    /// What goes over the wire to say this.
    pub fn wrapped(&self, text: &str) -> String {
        let Some(template) = &self.template else { return text.to_owned() };
        let json = template.trim_start().starts_with(['{', '[']);
        let escaped = Value::from(text).to_string();
        template.replace("%text%", if json { &escaped[1..escaped.len() - 1] } else { text })
    }

    /// Is this message of the server the text that was said? Either the text itself, or JSON with the text in the field of
    /// `--answer`; without `--answer` in any field.
    pub fn is(&self, message: &str, said: &str) -> bool {
        match (&self.answer, serde_json::from_str::<Value>(message)) {
            (Some(path), Ok(json)) => {
                let pointer = format!("/{}", path.replace('.', "/"));
                json.pointer(&pointer).and_then(Value::as_str) == Some(said)
            }
            (Some(_), Err(_)) => false,
            (None, _) if message == said => true,
            (None, Ok(json)) => has_string(&json, said),
            (None, Err(_)) => false,
        }
    }

    /// A TCP connection; `receive_buffer` makes the kernel keep less for us, so that the server's sends fill up soon.
    pub fn connect(&self, receive_buffer: Option<usize>) -> io::Result<TcpStream> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
            // As over Ethernet. Loopback's segments of 64 KiB would let the server's kernel keep megabytes.
            #[cfg(unix)]
            socket.set_tcp_mss(SEGMENT)?;
        }
        socket.connect_timeout(&self.address.into(), ANSWER)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_write_timeout(Some(ANSWER))?;
        Ok(socket.into())
    }

    /// An open WebSocket.
    pub fn open(&self) -> Result<Client, Failure> {
        self.open_with(None)
    }

    pub fn open_with(&self, receive_buffer: Option<usize>) -> Result<Client, Failure> {
        if let Some(Err(failure)) = self.opens.get() {
            return Err(failure.clone());
        }
        if let Some(Failure::DoesNot(why) | Failure::Unknown(why)) = self.no_answer.get() {
            return Err(Failure::Unknown(why.clone()));
        }
        let opened = self.connect(receive_buffer).map_err(|error| unreachable(self, &error));
        let opened = opened.and_then(|stream| Client::open(self, stream)).map_err(|why| {
            Failure::Unknown(
                text!("no WebSocket could be opened:", "no se pudo abrir un WebSocket:").and(&why),
            )
        });
        self.opens.get_or_init(|| opened.as_ref().map(|_| ()).map_err(Clone::clone));
        opened
    }

    /// Counts bytes that are about to be sent.
    pub fn spend(&self, bytes: usize) -> io::Result<()> {
        let spent = self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        if spent < MAX_SENT {
            Ok(())
        } else {
            Err(io::Error::other("the checker has sent all that it may send"))
        }
    }
}

/// No TCP connection.
pub fn unreachable(target: &Target, error: &io::Error) -> Text {
    let address = target.address;
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return text!(
            "nothing listens at {address}: does the server run?",
            "nadie escucha en {address}: ¿está en marcha el servidor?"
        );
    }
    text!("{address} cannot be reached: {error}", "no se puede conectar con {address}: {error}")
}

fn has_string(json: &Value, said: &str) -> bool {
    match json {
        Value::String(text) => text == said,
        Value::Array(items) => items.iter().any(|item| has_string(item, said)),
        Value::Object(fields) => fields.values().any(|field| has_string(field, said)),
        _ => false,
    }
}
