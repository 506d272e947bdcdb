//! A class of ten members that chats while other things happen to the server, and checks every message.
//!
//! They take turns: each member sends a number after it got the previous one from its neighbour. So all must receive the same
//! numbers, each once and in order. If one is lost, the whole class stops, and the test fails. Also, no public event may be
//! missing for any member: the ids have no gap.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Client, PATIENCE, Server};

pub const MEMBERS: usize = 10;

/// Sent by the member whose turn it is when the class ends.
pub const END: &str = "the end";

/// The pause before a member's turn, so that none sends more often than the default of `--rate` allows.
const BREATH: Duration = Duration::from_millis(6);

/// What the members share with the test.
#[derive(Default)]
struct Room {
    is_over: AtomicBool,
    /// Numbers said so far.
    said: AtomicU64,
    /// Extra bytes after each number.
    padding: AtomicUsize,
}

pub struct Class {
    room: Arc<Room>,
    members: Vec<JoinHandle<Heard>>,
}

/// What one member received.
#[derive(Default)]
struct Heard {
    /// Numbers of the class.
    numbers: u64,
    /// The id of the last event, and how many there were since the first number.
    last: Option<u64>,
    events: u64,
    /// What was no number of the class; only the first of them keeps it.
    others: Vec<Value>,
    /// The longest from saying something to hearing it.
    slowest: Duration,
}

/// What the class came to.
pub struct Told {
    /// Numbers that were sent, and received by all.
    pub messages: u64,
    /// All other public events during this time.
    pub others: Vec<Value>,
    /// The longest that a word took to its speaker.
    pub slowest: Duration,
}

/// What they are called.
pub fn name(number: usize) -> String {
    format!("pupil-{number}")
}

impl Class {
    /// All join, then the first begins.
    pub fn begin(server: &Server) -> Class {
        let clients: Vec<Client> = (0..MEMBERS).map(|number| Client::join(server, &name(number))).collect();
        Class::of(clients)
    }

    /// Those who joined already, each under its own [`name`].
    pub fn of(clients: Vec<Client>) -> Class {
        let room = Arc::<Room>::default();
        let begin = |(number, client)| {
            let room = Arc::clone(&room);
            thread::spawn(move || Member { number, client, room, heard: Heard::default() }.chat())
        };
        let members = clients.into_iter().enumerate().map(begin).collect();
        Class { room, members }
    }

    /// From now on each message has this many extra bytes.
    pub fn speak_at_length(&self, bytes: usize) {
        self.room.padding.store(bytes, Ordering::Relaxed);
    }

    /// Two more rounds are said, so whatever is going on now does not stop them.
    #[track_caller]
    pub fn goes_on(&self) {
        let deadline = Instant::now() + PATIENCE;
        let enough = self.room.said.load(Ordering::Relaxed) + 2 * MEMBERS as u64;
        while self.room.said.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < deadline, "the class has fallen silent");
            thread::sleep(BREATH);
        }
    }

    /// Checks that the class goes on while this is done.
    pub fn goes_on_until(&self, mut is_done: impl FnMut() -> bool) {
        while !is_done() {
            self.goes_on();
        }
    }

    /// Ends the class. Checks that all members received the same messages, each once and in order.
    #[track_caller]
    pub fn end(self) -> Told {
        self.room.is_over.store(true, Ordering::Relaxed);
        let members = self.members.into_iter();
        let heard: Vec<Heard> = members.map(|member| member.join().expect("a member of the class")).collect();
        let story = |heard: &Heard| (heard.numbers, heard.last, heard.events);
        assert!(heard.iter().all(|other| story(other) == story(&heard[0])), "all hear the same");
        let slowest = heard.iter().map(|heard| heard.slowest).max().unwrap_or_default();
        let first = heard.into_iter().next().expect("a class has members");
        let told = Told { messages: first.numbers, others: first.others, slowest };
        // Seen with `cargo test -- --nocapture`.
        println!("{} messages to each of {MEMBERS}, the slowest {slowest:?}", told.messages);
        told
    }
}

struct Member {
    number: usize,
    client: Client,
    room: Arc<Room>,
    heard: Heard,
}

impl Member {
    fn chat(mut self) -> Heard {
        let mut said = VecDeque::new();
        loop {
            if self.heard.numbers as usize % MEMBERS == self.number && said.is_empty() {
                thread::sleep(BREATH);
                said.push_back(Instant::now());
                let text = self.next_words();
                self.client.say(&text);
            }
            let event = self.client.event();
            self.note_id(&event);
            let Some(text) = self.word_of_the_class(&event) else { continue };
            if let Some(said) = said.pop_front() {
                self.heard.slowest = self.heard.slowest.max(said.elapsed());
            }
            if text == END {
                return self.heard;
            }
            let number = text.split(' ').next().and_then(|number| number.parse().ok());
            assert_eq!(number, Some(self.heard.numbers), "{} hears {text:.40}", name(self.number));
            self.heard.numbers += 1;
            self.room.said.fetch_max(self.heard.numbers, Ordering::Relaxed);
        }
    }

    fn next_words(&self) -> String {
        if self.room.is_over.load(Ordering::Relaxed) {
            return END.to_owned();
        }
        let padding = "x".repeat(self.room.padding.load(Ordering::Relaxed));
        format!("{} {padding}", self.heard.numbers)
    }

    /// Public events have ids without a gap.
    fn note_id(&mut self, event: &Value) {
        let Some(id) = event["id"].as_u64() else {
            panic!("{} hears {event}", name(self.number));
        };
        let is_begun = self.heard.last.is_some() || event["from"] == name(0);
        if is_begun {
            let expected = self.heard.last.map(|last| last + 1);
            assert!(expected.is_none_or(|expected| id == expected), "{expected:?}, not {event}");
            self.heard.last = Some(id);
            self.heard.events += 1;
        }
    }

    /// A member's number, and whose turn it was; other events are stored.
    fn word_of_the_class<'a>(&mut self, event: &'a Value) -> Option<&'a str> {
        let turn = name(self.heard.numbers as usize % MEMBERS);
        if event["type"] == "message" && event["from"] == turn.as_str() {
            return event["text"].as_str();
        }
        if self.number == 0 && self.heard.last.is_some() {
            self.heard.others.push(event.clone());
        }
        None
    }
}
