//! A quiet client: sends nothing, but answers every ping at once.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::raw::{PING, PONG, RawClient, TEXT, frame};
use super::{PATIENCE, Server};

pub struct Quiet {
    voice: TcpStream,
    answered: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl Quiet {
    /// On the echo, so that its own word can come back.
    pub fn open(server: &Server) -> Quiet {
        let mut client = RawClient::open(server, "/echo");
        let voice = client.socket.try_clone().expect("a descriptor is left");
        let answered = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&answered);
        let listening = thread::spawn(move || {
            loop {
                match client.frame() {
                    Some((PING, payload)) => client.send(&frame(PONG, &payload)),
                    Some((TEXT, _)) => return,
                    other => panic!("the quiet one gets {other:?}"),
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Quiet { voice, answered, listening }
    }

    /// Waits until it has answered this many more pings.
    #[track_caller]
    pub fn answers(&self, pings: usize) {
        let deadline = Instant::now() + PATIENCE;
        let enough = self.answered.load(Ordering::Relaxed) + pings;
        while self.answered.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < deadline, "the quiet one is not asked any more");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Checks that it was not cut off: its message comes back.
    #[track_caller]
    pub fn says_it_is_there(mut self) {
        self.voice.write_all(&frame(TEXT, b"still here")).expect("the server takes it");
        self.listening.join().expect("its own word comes back");
    }
}
