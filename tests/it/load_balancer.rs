//! Two servers behind a real HAProxy: when one is killed, its members continue at the other, and no message is lost.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::returning::Returning;
use crate::common::{PATIENCE, Server};
use crate::haproxy::Haproxy;
use serde_json::Value;

const CLIENTS: usize = 8;

/// Of each client.
const MESSAGES: usize = 200;

/// How far a client may be ahead of any other, in messages: so that the kill happens in the middle for all of them.
const AHEAD: usize = 8;

/// No client exceeds the rate, and a new client gets the messages from then on.
const FLAGS: [&str; 6] = ["--rate", "0", "--history", "0", "--log", "info"];

/// Who is at the server that is killed, and stays away.
const LOST: &str = "lost";

/// The last message of all.
const END: &str = "the end";

/// Who said what, by its place in the order of everything.
type Said = (u64, String, String);

#[test]
#[ignore = "needs redis-server and haproxy: run by make test"]
fn when_a_server_is_killed_its_members_continue_at_the_other() {
    let server = Server::start_many(2, &FLAGS);
    let ports = [0, 1].map(|number| server.port_of(number));
    let lost = Returning::join(ports[0], LOST);
    let haproxy = Haproxy::start(&ports);
    let join = |number| Talker::new(Returning::join(haproxy.port(), &name(number)));
    let talkers: Vec<Talker> = (0..CLIENTS).map(join).collect();
    assert_eq!(haproxy.sessions(), [CLIENTS / 2; 2], "both servers have people");

    let mut talkers: Vec<Talker> = thread::scope(|scope| {
        let talk = |(number, talker): (usize, Talker)| {
            let server = (number == 0).then_some(&server);
            scope.spawn(move || talker.talk(|| server.iter().for_each(|it| it.signal("KILL"))))
        };
        let talking: Vec<_> = talkers.into_iter().enumerate().map(talk).collect();
        talking.into_iter().map(|talker| talker.join().expect("it came to its end")).collect()
    });
    assert_eq!(haproxy.sessions(), [0, CLIENTS], "all are at the one that is left");

    // Of the dead server's people only this one is announced as gone: the others are back.
    drop(lost);
    for talker in &mut talkers {
        while talker.listen()["type"] != "left" {}
    }
    talkers[0].client.say(None, END);
    for talker in &mut talkers {
        while talker.listen()["text"] != END {}
        talker.story.pop();
    }

    let story = &talkers[0].story;
    for (number, talker) in talkers.iter().enumerate() {
        let Talker { client, story: heard, slowest, .. } = talker;
        let name = name(number);
        assert!(heard == story, "{name} heard something else: {heard:?} and {story:?}");
        let own = story.iter().filter(|(_, from, _)| *from == name).map(|(.., text)| text.clone());
        let meant = (0..MESSAGES).map(|number| number.to_string());
        assert!(own.eq(meant), "{name}'s messages: each once and in their order: {story:?}");
        assert_eq!(client.unconfirmed(), 0, "all that {name} said is confirmed");
        assert_eq!((client.gaps, client.repeated), (0, 0), "{name} was recovered, without repeats");
        assert!(*slowest < PATIENCE, "{name} waited {slowest:?}");
    }
    let sum =
        |count: fn(&Returning) -> u64| -> u64 { talkers.iter().map(|talker| count(&talker.client)).sum() };
    let (resent, posted) = (sum(|client| client.resent), sum(|client| client.posted));
    let slowest = talkers.iter().map(|talker| talker.slowest).max().unwrap_or_default();
    println!(
        "{resent} messages were sent again, {posted} of them had been posted already; \
         the longest wait for a message was {slowest:?}"
    );
}

fn name(number: usize) -> String {
    format!("client-{number}")
}

/// A client, and what it received.
struct Talker {
    client: Returning,
    story: Vec<Said>,
    /// The longest that it waited for a message, coming back included.
    slowest: Duration,
}

impl Talker {
    fn new(client: Returning) -> Talker {
        Talker { client, story: Vec::new(), slowest: Duration::ZERO }
    }

    /// Sends all its messages and reads until it has received everything. The kill happens in the middle.
    fn talk(mut self, in_the_middle: impl FnOnce()) -> Talker {
        let mut in_the_middle = Some(in_the_middle);
        let mut number = 0;
        while self.story.len() < CLIENTS * MESSAGES || self.client.unconfirmed() > 0 {
            // As if all clients had sent the same number of messages, which they nearly have.
            while number < MESSAGES && number < self.story.len() / CLIENTS + AHEAD {
                self.client.say(None, &number.to_string());
                number += 1;
            }
            if self.story.len() > CLIENTS * MESSAGES / 2 {
                in_the_middle.take().into_iter().for_each(|in_the_middle| in_the_middle());
            }
            self.listen();
        }
        self
    }

    /// The next event, which must not be the leaving of another client.
    fn listen(&mut self) -> Value {
        let begun = Instant::now();
        let event = self.client.next_event();
        let name = self.client.name();
        let others = event["type"] == "left" && event["name"] != LOST;
        assert!(event["type"] != "error" && !others, "{name} heard {event}");
        if event["type"] == "message" {
            self.slowest = self.slowest.max(begun.elapsed());
            let text = |field: &str| event[field].as_str().expect("a text").to_owned();
            let id = event["id"].as_u64().expect("a message has an id");
            self.story.push((id, text("from"), text("text")));
        }
        event
    }
}
