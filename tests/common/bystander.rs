//! Runs attacks while a bystander chats, and checks each attack: the bystander gets nothing but the chat, the log has the right
//! lines in our own words, and the server uses no more resources after it than before.

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::{Client, PATIENCE, Server};

/// Connections at the same time.
const THREADS: usize = 8;

/// Part of what attackers send: neither the bystander nor the log may ever have it.
pub const NEVER_HEARD: &str = "psst";

const NAME: &str = "Bystander";

/// A client that chats during the attacks.
pub fn bystander(server: &Server) -> Client {
    Client::join(server, NAME)
}

/// Runs each case on one of a few threads, while the bystander gets nothing but the chat; then waits until the
/// server has given back all threads and descriptors that it took for them.
pub fn each_while_somebody_chats<Case: Send>(server: &Server, cases: Vec<Case>, work: impl Fn(Case) + Sync) {
    struct SetOnDrop<'a>(&'a AtomicBool);
    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    let cases = Mutex::new(cases.into_iter());
    let mut bystander = bystander(server);
    let before = InUse::by(server);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                chat_on(&mut bystander);
            }
            let deadline = Instant::now() + PATIENCE;
            // Each message is a round trip, so this is no spinning.
            while InUse::by(server).is_more_than(before) {
                assert!(Instant::now() < deadline, "{before:?} became {:?}", InUse::by(server));
                chat_on(&mut bystander);
            }
            bystander.leave();
        });
        let _done = SetOnDrop(&done);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let next = cases.lock().expect("no panic while locked").next();
                        let Some(case) = next else { break };
                        work(case);
                    }
                });
            }
        });
    });
}

/// Sends a message and receives it. Other clients may join, chat and leave during this.
pub fn chat_on(bystander: &mut Client) {
    bystander.say("I am still here");
    loop {
        let event = bystander.event();
        assert!(!event.to_string().contains(NEVER_HEARD), "the bystander hears {event}");
        match event["type"].as_str().expect("a type") {
            "message" if event["from"] == NAME => {
                assert_eq!(event["text"], "I am still here");
                return;
            }
            "message" | "joined" | "left" | "crowd" | "renamed" | "typing" => {}
            _ => panic!("the bystander hears {event}"),
        }
    }
}

/// What a server has in use.
#[derive(Debug, Clone, Copy)]
struct InUse {
    threads: u64,
    descriptors: usize,
}

impl InUse {
    fn by(server: &Server) -> InUse {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", server.process()));
        InUse {
            threads: server.status("Threads"),
            descriptors: descriptors.expect("its descriptors can be counted").count(),
        }
    }

    fn is_more_than(self, before: InUse) -> bool {
        self.threads > before.threads || self.descriptors > before.descriptors
    }
}

/// The log lines of each connection, in order.
pub struct Stories {
    /// A client's port may serve several connections, one after another.
    by_port: HashMap<u16, Vec<Vec<String>>>,
}

impl Stories {
    /// All lines of this port.
    pub fn lines(&self, port: u16) -> impl Iterator<Item = &String> {
        self.by_port[&port].iter().flatten()
    }

    /// Takes the story of a connection from this port, which must be of as many lines as `words`, each of which contains
    /// those of its place.
    #[track_caller]
    pub fn take(&mut self, port: u16, words: &[impl AsRef<str>], what: &str) {
        let stories = self.by_port.get_mut(&port).expect("the log tells of every connection");
        let is_this = |story: &Vec<String>| {
            let mut lines = story.iter().zip(words);
            story.len() == words.len() && lines.all(|(line, words)| line.contains(words.as_ref()))
        };
        let Some(place) = stories.iter().position(is_this) else {
            let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
            panic!("{what}: the log tells {stories:#?}, not {words:#?}");
        };
        stories.remove(place);
    }
}

/// Stops the server and reads its log. Nothing in it may be a stranger's doing: a line that is not ours, a byte that a
/// terminal obeys, a text that a client sent.
pub fn stories(mut server: Server) -> Stories {
    assert!(server.stop().success());
    server.wait_for_log(" ended");
    let mut places = HashMap::new();
    let mut by_port: HashMap<u16, Vec<Vec<String>>> = HashMap::new();
    for line in server.log() {
        let is_ours = line.starts_with("INFO  [") && !line.contains("panicked");
        // Nor one that changes the direction in which the line is read.
        let is_plain = !line.contains(|shown: char| shown.is_control() || shown == '\u{202e}');
        assert!(is_ours && is_plain, "a strange line: {line:?}");
        assert!(!line.contains(NEVER_HEARD), "the log tells {line:?}");
        let (_, event) = line.split_once("] ").expect("every line has its origin");
        let Some((id, event)) = event.strip_prefix("conn ").and_then(|line| line.split_once(": ")) else {
            continue;
        };
        if let Some(peer) = event.strip_prefix("TCP connection from ") {
            // `127.0.0.1:40476, for /health`
            let peer = peer.split(',').next().expect("a first part");
            let (_, port) = peer.rsplit_once(':').expect("an address with port");
            let port: u16 = port.parse().expect("a port");
            let stories = by_port.entry(port).or_default();
            places.insert(id.to_owned(), (port, stories.len()));
            stories.push(Vec::new());
        }
        // One line more than without TLS.
        if event.starts_with("TLS 1.") {
            continue;
        }
        let (port, place) = places[id];
        by_port.get_mut(&port).expect("this port")[place].push(event.to_owned());
    }
    Stories { by_port }
}
