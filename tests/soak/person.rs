//! A well-behaved person: chats, goes and comes back in every way there is, and hears everything once and in order.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::book::Ear;
use crate::common::PATIENCE;
use crate::letters::{Diary, Letter, SECRET};
use crate::random::Random;
use crate::returning::Returning;
use crate::stage::{END, Presence, Stage};
use crate::tally::Fault;

/// What is heard before the first message about somebody's absence can be wrong to complain of.
const REPLAY_BYTES: u64 = 512 * 1024;

/// How sure the sum of what was missed is: own messages are a little longer for their `ref`.
const SURELY: f64 = 0.9;

#[derive(Debug, Clone, Copy)]
enum Step {
    Chat,
    ChatInABurst,
    Whisper,
    Write,
    /// Says goodbye, and comes back.
    Leave,
    Reset,
    ResetWithinAFrame,
    /// The message may have arrived or not.
    ResetBehindAFrame,
    /// Comes back while the old connection still stands.
    Move,
    /// Does not read for a moment.
    Stall,
    /// So long that the server gives up: without a word, or while it goes on talking.
    FallSilent,
    TalkWithoutListening,
}

/// How often each comes.
const STEPS: [(u64, Step); 12] = [
    (200, Step::Chat),
    (8, Step::ChatInABurst),
    (40, Step::Whisper),
    (10, Step::Write),
    (10, Step::Leave),
    (8, Step::Reset),
    (8, Step::ResetWithinAFrame),
    (8, Step::ResetBehindAFrame),
    (6, Step::Move),
    (10, Step::Stall),
    (1, Step::FallSilent),
    (2, Step::TalkWithoutListening),
];

/// Seconds of not reading behind which the server must have given up: `--ping` twice, or what fills the kernel's buffers and
/// 20 s in which nothing is taken.
const LONG_STALL: (f64, f64) = (45.0, 75.0);

/// What is said, beside its number.
const PIECES: [&str; 8] = [
    "hola ",
    "¿qué tal? ",
    "👋🏽 ",
    "\"quoted\\\" ",
    "two\nlines ",
    "<b>no tag</b> ",
    "漢字 ",
    "tab\there ",
];

pub struct Person<'a> {
    stage: &'a Stage<'a>,
    random: &'a mut Random,
    number: usize,
    client: Returning,
    ear: Ear,
    /// Public messages said.
    said: u64,
    /// Private ones that wait for an answer, by `ref`: the text, and where the other was when it was sent.
    sent: HashMap<u64, (String, usize, Presence)>,
    diary: Diary,
    /// The last message of all was heard.
    heard_the_end: bool,
}

/// From joining to leaving for good: after so long, or at the end.
pub fn live(
    stage: &Stage<'_>,
    random: &mut Random,
    number: usize,
    life: u64,
    long: Option<Duration>,
) {
    let name = format!("person-{number}-{life}");
    let (client, welcome) = Returning::welcomed(stage.server.port(), &name);
    let mut ear = Ear::new(&name);
    ear.begins(&welcome);
    let diary = Diary { name, ..Diary::default() };
    let sent = HashMap::new();
    let mut person =
        Person { stage, random, number, client, ear, said: 0, sent, diary, heard_the_end: false };
    stage.tally.count("joins");
    person.is_here();
    let end = long.map_or(stage.end, |long| stage.end.min(Instant::now() + long));
    while Instant::now() < end && !stage.is_over() {
        let step = person.random.weighted(&STEPS);
        let pause = stage.time(person.random, 0.0, 8.0);
        person.listen(pause);
        person.take(step);
    }
    person.confirm_all();
    if stage.is_over() {
        person.wait_for_the_end();
    }
    person.leave_for_good();
}

impl Person<'_> {
    fn take(&mut self, step: Step) {
        let stage = self.stage;
        match step {
            Step::Chat => self.chat(),
            Step::ChatInABurst => (0..5).for_each(|_| self.chat()),
            Step::Whisper => self.whisper(),
            Step::Write => self.client.send(json!({"type": "typing"}).to_string()),
            Step::Leave => {
                stage.tally.count("left and came back");
                self.is_away();
                for event in self.client.leave() {
                    self.hear(event);
                }
                self.stay_away(0.0, 10.0);
            }
            Step::Reset => {
                stage.tally.count("reset");
                self.is_away();
                self.client.reset();
                self.stay_away(0.0, 5.0);
            }
            Step::ResetWithinAFrame | Step::ResetBehindAFrame => {
                let bytes = match step {
                    Step::ResetWithinAFrame => self.random.below(100) as usize,
                    _ => usize::MAX,
                };
                stage.tally.count(match step {
                    Step::ResetWithinAFrame => "reset within a frame",
                    _ => "reset behind a frame",
                });
                self.is_away();
                let text = self.next_text();
                self.client.say_and_reset(None, &text, bytes);
                self.stay_away(0.0, 5.0);
            }
            Step::Move => self.go_on_elsewhere(),
            Step::Stall => {
                stage.tally.count("stalled for a moment");
                stage.sleep(stage.time(self.random, 1.0, 8.0));
            }
            Step::FallSilent => self.stall_for_long(false),
            Step::TalkWithoutListening => self.stall_for_long(true),
        }
    }

    fn chat(&mut self) {
        let text = self.next_text();
        self.client.say(None, &text);
    }

    fn next_text(&mut self) -> String {
        self.said += 1;
        let (least, most) = self.random.weighted(&[
            (70, (0, 60)),
            (25, (60, 300)),
            (4, (1000, 4000)),
            (1, (4000, 16_000)),
        ]);
        let length = (least + self.random.below(most - least)) as usize;
        let mut text = format!("{} ", self.said);
        while text.len() < length {
            text += *self.random.pick(&PIECES[..]);
        }
        text + "."
    }

    fn whisper(&mut self) {
        let other = self.random.below(self.stage.board.len() as u64) as usize;
        let presence = self.stage.presence(other);
        let Some(to) = presence.name.clone().filter(|_| other != self.number) else {
            return self.chat();
        };
        let from = self.client.name().to_owned();
        let text = format!("{SECRET}{from}>{to} {};", self.diary.sent.len());
        self.client.say(Some(&to), &text);
        self.sent.insert(self.client.last_ref(), (text.clone(), other, presence));
        self.diary.sent.insert(text, Letter { from, to, id: None, refused: false });
    }

    /// The old connection hears nothing but that it is over.
    fn go_on_elsewhere(&mut self) {
        self.stage.tally.count("came back while still here");
        let Some(mut old) = self.client.websocket.take() else { return };
        self.be_back();
        old.get_ref().0.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let name = self.client.name();
        loop {
            match old.read() {
                Ok(Message::Close(Some(frame))) => {
                    let code = frame.code.into();
                    self.stage.tally.ended(code);
                    assert_eq!(code, 4501, "{name}: {frame}");
                    return;
                }
                Ok(_) => {}
                Err(error) => panic!("{name}: the old connection is not told why: {error}"),
            }
        }
    }

    fn stall_for_long(&mut self, talks: bool) {
        let time = self.random.seconds(LONG_STALL.0, LONG_STALL.1);
        let until = Instant::now() + time;
        // What the server gives up after does not get faster by our hurry.
        if until > self.stage.end {
            return self.chat();
        }
        self.stage.tally.count(if talks { "talked without listening" } else { "fell silent" });
        self.is_away();
        while Instant::now() < until && !self.stage.is_over() {
            self.stage.sleep(Duration::from_secs(4));
            if talks {
                self.chat();
            }
        }
        self.confirm_all();
        self.is_here();
    }

    fn stay_away(&mut self, least: f64, most: f64) {
        let time = self.stage.time(self.random, least, most);
        self.stage.sleep(time);
        self.be_back();
        self.is_here();
    }

    fn be_back(&mut self) {
        let welcome = self.client.next_until(Instant::now() + PATIENCE);
        let welcome = welcome.expect("without a connection the next event is a welcome");
        self.hear(welcome);
    }

    fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until
            && let Some(event) = self.client.next_until(until)
        {
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Value) {
        let stage = self.stage;
        match event["type"].as_str() {
            Some("welcome") => self.come_back(&event),
            Some("error") => self.refused(&event),
            Some(_) => self.hear_event(event),
            None => {
                stage.tally.fault(Fault::Broken, 1, || format!("an event without a type: {event}"))
            }
        }
    }

    fn come_back(&mut self, welcome: &Value) {
        let stage = self.stage;
        stage.tally.count("returns");
        if welcome["recovered"] == true {
            return;
        }
        stage.tally.count("gaps");
        let name = self.client.name().to_owned();
        let last = welcome["last"].as_u64().unwrap_or_default();
        let after = self.ear.spans().last().map_or(0, |(_, last)| *last);
        self.ear.begins(welcome);
        let missed = stage.book.bytes_between(after, last);
        let needless = (missed as f64) < REPLAY_BYTES as f64 * SURELY;
        stage.tally.fault(Fault::NeedlessGap, u64::from(needless), || {
            format!("{name}, from event {after} to {last}: {missed} bytes")
        });
    }

    /// Only what is private can be refused, and only if the other was not surely here all the time.
    fn refused(&mut self, error: &Value) {
        let reference = error["ref"].as_str().and_then(|reference| reference.parse().ok());
        let sent = reference.and_then(|reference: u64| self.sent.remove(&reference));
        let stage = self.stage;
        let name = self.client.name();
        match sent {
            Some((text, other, presence)) if error["code"] == "no_such_user" => {
                let was_here = stage.presence(other) == presence;
                stage.tally.fault(Fault::Lost, u64::from(was_here), || {
                    format!("{text}: refused, though the other is here")
                });
                if let Some(letter) = self.diary.sent.get_mut(&text) {
                    letter.refused = true;
                }
            }
            _ => stage.tally.fault(Fault::Broken, 1, || format!("{name} is refused: {error}")),
        }
    }

    fn hear_event(&mut self, mut event: Value) {
        // What comes behind the very last message has no witness.
        let Some(id) = event["id"].as_u64().filter(|_| !self.heard_the_end) else { return };
        let reference = event.as_object_mut().and_then(|event| event.remove("ref"));
        let Stage { book, tally, .. } = self.stage;
        self.heard_the_end |= event["text"] == END;
        let Some(to) = event["to"].as_str() else {
            return self.ear.hears(id, Some(&event), book, tally);
        };
        self.ear.hears(id, None, book, tally);
        let [from, text] = ["from", "text"].map(|field| event[field].as_str().unwrap_or_default());
        let name = self.client.name();
        if from == name {
            let reference = reference.as_ref().and_then(Value::as_str);
            let reference = reference.and_then(|reference| reference.parse::<u64>().ok());
            let sent = reference.and_then(|reference| self.sent.remove(&reference));
            let again = sent.is_none_or(|(sent, ..)| sent != text);
            tally.fault(Fault::Doubled, u64::from(again), || format!("{name}'s copy: {event}"));
            if let Some(letter) = self.diary.sent.get_mut(text) {
                letter.id = Some(id);
            }
        } else if to == name {
            self.diary.got.push((id, from.to_owned(), text.to_owned()));
        } else {
            tally.fault(Fault::Overheard, 1, || format!("by {name}: {event}"));
        }
        tally.deliveries.fetch_add(1, Ordering::Relaxed);
    }

    fn confirm_all(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.client.unconfirmed() > 0
            && let Some(event) = self.client.next_until(deadline)
        {
            self.hear(event);
        }
        let (name, left) = (self.client.name(), self.client.unconfirmed() as u64);
        self.stage.tally.fault(Fault::Lost, left, || format!("{left} of {name} are not confirmed"));
    }

    /// Says that it is ready, and listens to the very last message.
    fn wait_for_the_end(&mut self) {
        self.stage.waiting.fetch_add(1, Ordering::SeqCst);
        let deadline = Instant::now() + 6 * PATIENCE;
        while !self.heard_the_end
            && let Some(event) = self.client.next_until(deadline)
        {
            self.hear(event);
        }
        self.stage.waiting.fetch_sub(1, Ordering::SeqCst);
        let missing = u64::from(!self.heard_the_end);
        let name = self.client.name();
        self.stage.tally.fault(Fault::Lost, missing, || format!("the end, for {name}"));
    }

    fn leave_for_good(mut self) {
        self.is_away();
        for event in self.client.leave() {
            self.hear(event);
        }
        let Stage { book, tally, .. } = self.stage;
        self.ear.settle(book, tally);
        let Person { client, said, ear, mut diary, .. } = self;
        let name = client.name();
        tally.count("leaves");
        tally.add("public messages of persons", said);
        tally.add("sent again", client.resent);
        tally.add("of them posted already", client.posted);
        tally.fault(Fault::Doubled, client.repeated, || format!("events for {name}"));
        tally.fault(Fault::Disordered, client.late, || format!("events for {name}"));
        client.ends.iter().for_each(|code| tally.ended(*code));
        let posted = book.said_by(name, said);
        tally.fault(Fault::Lost, said.saturating_sub(posted), || {
            format!("{name} said {said}, all confirmed, but {posted} were posted")
        });
        diary.spans = ear.spans();
        self.stage.letters.keep(diary);
    }

    fn is_here(&self) {
        self.stage.set_presence(self.number, Some(self.client.name()));
    }

    fn is_away(&self) {
        self.stage.set_presence(self.number, None);
    }
}
