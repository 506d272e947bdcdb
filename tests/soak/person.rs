//! A well-behaved client: it leaves and comes back in every way (`steps`), and receives everything once and in order.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::book::Ear;
use crate::common::random::Random;
use crate::common::returning::Returning;
use crate::letters::Diary;
use crate::stage::{END, PATIENCE, Presence, Stage};
use crate::steps::STEPS;
use crate::tally::Fault;

/// A client that missed more may get a gap; one that missed less must be recovered.
const REPLAY_BYTES: u64 = 512 * 1024;

/// How sure the sum of what was missed is: own messages are a little longer for their `ref`.
const SURELY: f64 = 0.9;

pub struct Person<'a> {
    pub stage: &'a Stage<'a>,
    pub random: &'a mut Random,
    pub number: usize,
    pub client: Returning,
    ear: Ear,
    /// Public messages said.
    pub said: u64,
    /// Private ones that wait for an answer, by `ref`: the text, and where the other was when it was sent.
    pub sent: HashMap<u64, (String, usize, Presence)>,
    pub diary: Diary,
    /// Behind which event, and up to which, something is missing.
    gaps: Vec<(u64, u64)>,
    /// The last message of all was received.
    heard_the_end: bool,
}

/// From joining to leaving for good: after so long, or at the end.
pub fn live(stage: &Stage<'_>, random: &mut Random, number: usize, life: u64, long: Option<Duration>) {
    let name = format!("person-{number}-{life}");
    let (client, welcome) = Returning::welcomed(stage.server.next_port(), &name, PATIENCE);
    let mut ear = Ear::new(&name);
    ear.begins(&welcome);
    let mut person = Person {
        stage,
        random,
        number,
        client,
        ear,
        said: 0,
        sent: HashMap::new(),
        diary: Diary { name, ..Diary::default() },
        gaps: Vec::new(),
        heard_the_end: false,
    };
    stage.tally.count("joins");
    person.is_here();
    let end = long.map_or(stage.end, |long| stage.end.min(Instant::now() + long));
    while Instant::now() < end && !stage.is_over() {
        let step = person.random.weighted(&STEPS);
        let pause = stage.moment(person.random, 0.0, 8.0);
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
    pub fn be_back(&mut self) {
        let welcome = self.client.next_until(Instant::now() + PATIENCE);
        let welcome = welcome.expect("without a connection the next event is a welcome");
        self.hear(welcome);
    }

    fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let Some(event) = self.client.next_until(until) else { break };
            self.hear(event);
        }
    }

    pub fn hear(&mut self, event: Value) {
        let stage = self.stage;
        match event["type"].as_str() {
            Some("welcome") => self.come_back(&event),
            Some("error") => self.refused(&event),
            Some(_) => self.hear_event(event),
            None => stage.tally.fault(Fault::Broken, 1, || format!("an event without a type: {event}")),
        }
    }

    fn come_back(&mut self, welcome: &Value) {
        let stage = self.stage;
        stage.tally.count("returns");
        if welcome["recovered"] == true {
            return;
        }
        stage.tally.count("gaps: not all that was missed could be had");
        let last = welcome["last"].as_u64().unwrap_or_default();
        let after = self.ear.spans().last().map_or(0, |(_, last)| *last);
        self.gaps.push((after, last));
        self.ear.begins(welcome);
    }

    /// Where so little was missed that all of it could be had.
    fn judge_the_gaps(&self) {
        let Stage { book, tally, .. } = self.stage;
        for (after, last) in &self.gaps {
            let missed = book.bytes_between(*after, *last);
            let needless = (missed as f64) < REPLAY_BYTES as f64 * SURELY;
            let name = self.client.name();
            tally.fault(Fault::NeedlessGap, u64::from(needless), || {
                format!("{name}, from event {after} to {last}: {missed} bytes")
            });
        }
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

    pub fn confirm_all(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.client.unconfirmed() > 0 {
            let Some(event) = self.client.next_until(deadline) else { break };
            self.hear(event);
        }
        let (name, left) = (self.client.name(), self.client.unconfirmed() as u64);
        self.stage.tally.fault(Fault::Lost, left, || format!("{left} of {name} are not confirmed"));
    }

    /// Says that it is ready, and listens to the very last message.
    fn wait_for_the_end(&mut self) {
        self.stage.waiting.fetch_add(1, Ordering::SeqCst);
        let deadline = Instant::now() + 2 * PATIENCE;
        while !self.heard_the_end {
            let Some(event) = self.client.next_until(deadline) else { break };
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
        self.judge_the_gaps();
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

    pub fn is_here(&self) {
        self.stage.set_presence(self.number, Some(self.client.name()));
    }

    pub fn is_away(&self) {
        self.stage.set_presence(self.number, None);
    }
}
