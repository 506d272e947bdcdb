//! A server in this process, and several clients at once that do to it whatever the input says: what it sends is well formed to
//! the end, and a client that just listens still receives what the next newcomer says.
//!
//! The first byte sets some flags; then each action is a byte for what it is and which client does it, and what that
//! needs (see `Action`).

mod client;
mod received;
mod server;
mod watched;

use std::net::SocketAddr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use websocket_classroom::config::{self, Options, Request};

use super::input::Input;
use client::{Client, Endpoint, Reading};
use server::{Server, TEACHER_KEY};

/// Actions of one input, and connections that they make.
const ACTIONS: usize = 64;
const CONNECTIONS: usize = 8;

/// Bytes of the long messages of one input. What all receive must fit into the system's buffers, since else a listener may be
/// cut off; an echo may be too much for its sender.
const LONG_BYTES: usize = 200_000;
const LONG_ECHO_BYTES: usize = 600_000;

/// A short while in which the server does a part of what it is to do.
const SHORTLY: Duration = Duration::from_micros(200);

/// What a client does.
#[derive(Debug)]
enum Action<'a> {
    /// Shakes hands in order.
    Open(Endpoint, Reading, &'a [u8]),
    /// Goes on in the chat with the session of another one.
    Resume(usize),
    /// Sends just this.
    Send(&'a [u8]),
    /// Sends a frame that begins with this byte, masked.
    Frame(u8, &'a [u8]),
    /// The same with this many bytes.
    Long(u8, usize),
    Wait,
    /// Ends its direction of TCP.
    End,
    /// Drops the connection at once.
    Reset,
}

fn action<'a>(input: &mut Input<'a>) -> Option<(usize, Action<'a>)> {
    let byte = input.byte()?;
    let by = usize::from(byte & 3);
    let action = match (byte >> 2) % 13 {
        0 => Action::Open(Endpoint::Chat, Reading::AtOnce, input.piece()),
        1 => Action::Open(Endpoint::Echo, Reading::AtOnce, input.piece()),
        2 => Action::Open(Endpoint::Wire, Reading::AtOnce, input.piece()),
        3 => Action::Open(Endpoint::Chat, Reading::Late, input.piece()),
        4 => Action::Resume(usize::from(input.byte()? & 3)),
        5 => Action::Send(input.piece()),
        6 => Action::Frame(input.byte()?, input.piece()),
        7 => Action::Frame(0x81, input.piece()),
        8 => Action::Long(input.byte()?, 300 * usize::from(input.byte()?)),
        9 => Action::Wait,
        10 => Action::End,
        11 => Action::Open(Endpoint::Echo, Reading::Late, input.piece()),
        _ => Action::Reset,
    };
    Some((by, action))
}

pub fn connection(input: &[u8]) {
    let mut input = Input(input);
    let Some(flags) = input.byte() else { return };
    log::set_max_level(log::LevelFilter::Off);
    watch_for_panics();
    PANICS.store(0, Ordering::Relaxed);
    let server = Server::start(options(flags));
    let address = server.address();

    let mut listener = Client::open(address, Endpoint::Chat, Reading::AtOnce, b"listener");
    listener.wait_for("welcome");
    let mut done = Vec::new();
    act(&mut input, address, &mut done);
    for client in &mut done {
        client.end();
    }
    done.into_iter().for_each(Client::check);

    let mut newcomer = Client::open(address, Endpoint::Chat, Reading::AtOnce, b"newcomer");
    let welcome = newcomer.wait_for("welcome");
    newcomer.frame(0x81, b"still here?");
    loop {
        let message = listener.wait_for("message");
        if message["from"] == welcome["you"] && message["text"] == "still here?" {
            break;
        }
    }
    for mut client in [newcomer, listener] {
        client.frame(0x88, b"\x03\xe8");
        client.end();
        client.check();
    }
    server.stop();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "a thread of the server has panicked");
}

/// Does what the input says; `done` gets the clients, those that are still connected last.
fn act(input: &mut Input<'_>, address: SocketAddr, done: &mut Vec<Client>) {
    let mut clients: [Option<Client>; 4] = [const { None }; 4];
    let (mut connections, mut long_bytes, mut long_echo_bytes) = (0, 0, 0);
    for _ in 0..ACTIONS {
        let Some((by, action)) = action(input) else { break };
        let is_new = matches!(action, Action::Open(..) | Action::Resume(_))
            || (matches!(action, Action::Send(_)) && clients[by].is_none());
        if is_new && connections == CONNECTIONS {
            continue;
        }
        connections += usize::from(is_new);
        match action {
            Action::Open(endpoint, reading, name) => {
                done.extend(clients[by].replace(Client::open(address, endpoint, reading, name)));
            }
            Action::Resume(whose) => {
                let back = clients[whose].as_mut().and_then(Client::session);
                let query = back.unwrap_or_default();
                let client = Client::come_back(address, &query);
                done.extend(clients[by].replace(client));
            }
            Action::Send(bytes) => {
                clients[by].get_or_insert_with(|| Client::connect(address)).send(bytes);
            }
            Action::Wait => thread::sleep(SHORTLY),
            action => {
                let Some(client) = &mut clients[by] else { continue };
                match action {
                    Action::Frame(first, payload) => client.frame(first, payload),
                    Action::Long(first, length) => {
                        let (bytes, bound) = match client.endpoint() {
                            Endpoint::Echo => (&mut long_echo_bytes, LONG_ECHO_BYTES),
                            _ => (&mut long_bytes, LONG_BYTES),
                        };
                        if *bytes + length <= bound {
                            *bytes += length;
                            client.frame(first, &vec![b'x'; length]);
                        }
                    }
                    Action::End => client.end(),
                    Action::Reset => client.reset(),
                    _ => {}
                }
            }
        }
    }
    done.extend(clients.into_iter().flatten());
}

/// Bounds near and far.
fn options(flags: u8) -> Options {
    let Ok(Request::Serve(mut options)) = config::parse([]) else { panic!("the defaults are allowed") };
    // A short one, wherever this is compiled.
    options.page = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into());
    options.ping = None;
    options.teacher_key = Some(TEACHER_KEY.to_owned());
    options.handshake_timeout = Duration::from_secs(60);
    let is_set = |bit: u8| flags & bit != 0;
    options.rate = if is_set(1) { 2 } else { 0 };
    options.max_message = if is_set(2) { 1000 } else { 65_536 };
    options.backlog = if is_set(4) { 1024 } else { 1 << 20 };
    options.history = if is_set(8) { 0 } else { 100 };
    *options
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A thread of a connection may panic unnoticed: here it is noticed.
fn watch_for_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = thread::current();
            let name = thread.name().unwrap_or_default();
            let ours = ["conn ", "broadcaster", "inspector"];
            if ours.iter().any(|ours| name.starts_with(ours)) {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            before(panic);
        }));
    });
}
