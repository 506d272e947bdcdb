//! A small TCP proxy between one client and the server, which breaks the connection where a plan says so.
//!
//! It counts the bytes it passes on in both directions; at the byte that the plan names, perhaps in the middle of a
//! frame or of a handshake, the connection is cut. What the server sent is kept byte for byte, also what was never
//! passed on. Its threads live as long as the test's process.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::common::Uninterrupted;
use socket2::SockRef;

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Both sides get a FIN, without any close frame.
    Close,
    /// Both sides get a RST; what was on its way is destroyed.
    Reset,
    /// Nothing is passed on any more, and after this time both sides get a RST.
    Stall(Duration),
    /// The same, but only the client notices; the server's side hangs until the server itself ends it.
    Hang(Duration),
}

/// When the whole proxy has passed on this many bytes, in both directions and over all connections, the present one is
/// cut.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub after: u64,
    pub cut: Cut,
}

pub struct Proxy {
    port: u16,
    book: Arc<Mutex<Book>>,
}

/// What the proxy's threads share.
#[derive(Default)]
struct Book {
    passed_on: u64,
    /// The earliest first.
    plan: VecDeque<Planned>,
    /// What the server sent, a connection each.
    from_server: Vec<Vec<u8>>,
}

/// One connection's two sockets. Dropped by the last of its two pumps, which closes both.
struct Link {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    /// Nothing is passed on any more.
    stopped: AtomicBool,
    book: Arc<Mutex<Book>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Proxy {
    /// Starts one in front of the servers on these ports: each connection goes to the next.
    pub fn start(servers: Vec<u16>, mut plan: Vec<Planned>) -> Proxy {
        plan.sort_by_key(|planned| planned.after);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let book = Arc::new(Mutex::new(Book { plan: plan.into(), ..Book::default() }));
        let accepting = Arc::clone(&book);
        thread::spawn(move || {
            let mut servers = servers.into_iter().cycle();
            for client in listener.incoming() {
                let server = servers.next().expect("a server");
                let client = client.expect("a connection can be accepted");
                let server = crate::common::connect(server);
                let number = {
                    let mut book = lock(&accepting);
                    book.from_server.push(Vec::new());
                    book.from_server.len() - 1
                };
                let stopped = AtomicBool::new(false);
                let book = Arc::clone(&accepting);
                let link = Arc::new(Link { number, client, server, stopped, book });
                let other = Arc::clone(&link);
                thread::spawn(move || link.pump(Direction::ToServer));
                thread::spawn(move || other.pump(Direction::ToClient));
            }
        });
        Proxy { port, book }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts that have not come yet.
    pub fn cuts_left(&self) -> usize {
        lock(&self.book).plan.len()
    }

    /// What the server has sent so far, byte for byte, a connection each.
    pub fn received(&self) -> Vec<Vec<u8>> {
        lock(&self.book).from_server.clone()
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().expect("no thread of the proxy failed")
}

impl Link {
    /// Passes bytes on in one direction, to the end of TCP.
    fn pump(&self, direction: Direction) {
        let (from, to) = match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        };
        let mut from = Uninterrupted(from.try_clone().expect("a descriptor is left"));
        let mut to: &TcpStream = to;
        let mut buffer = [0; 2048];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let (share, cut) = self.take(direction, &buffer[..length]);
            if to.write_all(&buffer[..share]).is_err() {
                break;
            }
            if let Some(cut) = cut {
                self.cut(cut);
            }
        }
        // An end that is not our doing is passed on, too.
        if !self.stopped.load(Ordering::Relaxed) {
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// Books what came: how much of it is passed on, and what happens then.
    fn take(&self, direction: Direction, bytes: &[u8]) -> (usize, Option<Cut>) {
        let mut book = lock(&self.book);
        if direction == Direction::ToClient {
            book.from_server[self.number].extend(bytes);
        }
        if self.stopped.load(Ordering::Relaxed) {
            return (0, None);
        }
        let left = book.plan.front().map(|planned| planned.after.saturating_sub(book.passed_on));
        match left {
            Some(left) if left <= bytes.len() as u64 => {
                book.passed_on += left;
                self.stopped.store(true, Ordering::Relaxed);
                (left as usize, book.plan.pop_front().map(|planned| planned.cut))
            }
            _ => {
                book.passed_on += bytes.len() as u64;
                (bytes.len(), None)
            }
        }
    }

    /// Peers may be gone already: no step of it can fail the test.
    fn cut(&self, cut: Cut) {
        match cut {
            Cut::Close => {
                let _ = self.client.shutdown(Shutdown::Write);
                let _ = self.server.shutdown(Shutdown::Write);
            }
            Cut::Reset => self.reset(),
            Cut::Stall(time) => {
                thread::sleep(time);
                self.reset();
            }
            Cut::Hang(time) => {
                thread::sleep(time);
                let _ = self.client.shutdown(Shutdown::Both);
            }
        }
    }

    /// Lets both pumps end without a FIN; closing the sockets then resets them.
    fn reset(&self) {
        for socket in [&self.client, &self.server] {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}
