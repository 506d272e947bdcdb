//! The order of all public messages, as a witness received it that was never disconnected. An [`Ear`] for each other client checks
//! that it received the same.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use serde_json::Value;

use crate::common::Client;
use crate::stage::{END, PATIENCE, is_rowdy};
use crate::tally::{Fault, Tally};

/// How many events are collected before a comparison, since each one takes the lock of the book.
const AT_ONCE: usize = 64;

#[derive(Default)]
pub struct Book {
    pages: Mutex<Pages>,
    written: Condvar,
}

#[derive(Default)]
struct Pages {
    /// The witness hears all that comes behind this event: its own joining.
    joined: u64,
    /// Ids rise.
    entries: Vec<Entry>,
    /// The number of the last message of each sender.
    said: HashMap<String, u64>,
    messages: u64,
    /// Nothing is written any more.
    closed: bool,
}

struct Entry {
    id: u64,
    hash: u64,
    bytes: u32,
    /// Whose joining it is, hashed: that one does not hear it.
    joined: Option<u64>,
}

impl Pages {
    fn last(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.id)
    }
}

impl Book {
    /// The witness is here, the first of all.
    pub fn begin(&self, welcome: &Value) {
        let joined = welcome["last"].as_u64().unwrap_or_default() + 1;
        self.pages.lock().expect("the book").joined = joined;
    }

    /// Writes down all that the witness hears, to the end.
    pub fn write(&self, witness: &mut Client, tally: &Tally) {
        let _closing = Closing(self);
        loop {
            let event = witness.event();
            if event["to"].is_string() {
                tally.fault(Fault::Overheard, 1, || format!("by the witness: {event}"));
                continue;
            }
            if event["id"].is_u64() {
                self.enter(&event, tally);
            }
            if event["text"] == END {
                return;
            }
        }
    }

    /// Waits for the last message.
    pub fn is_complete(&self) -> bool {
        self.wait(|_| false, |pages| pages.closed)
    }

    fn enter(&self, event: &Value, tally: &Tally) {
        let id = event["id"].as_u64().unwrap_or_default();
        let mut pages = self.pages.lock().expect("the book");
        if id <= pages.last() {
            let known = pages.entries.binary_search_by_key(&id, |entry| entry.id).is_ok();
            let fault = if known { Fault::Doubled } else { Fault::Disordered };
            return tally.fault(fault, 1, || format!("for the witness: {event}"));
        }
        let joined = (event["type"] == "joined").then(|| hash(event["name"].as_str()));
        let text = event.to_string();
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        pages.entries.push(Entry { id, hash: hash(&text), bytes, joined });
        if event["type"] == "message" {
            pages.messages += 1;
            pages.number(event, tally);
        }
        drop(pages);
        self.written.notify_all();
    }

    /// Messages of this sender, once there are this many or no more come.
    pub fn said_by(&self, name: &str, expected: u64) -> u64 {
        let said = |pages: &Pages| pages.said.get(name).copied().unwrap_or_default();
        self.wait(|pages| said(pages) >= expected, said)
    }

    /// All public messages.
    pub fn messages(&self) -> u64 {
        self.pages.lock().expect("the book").messages
    }

    /// Bytes of all events behind `after`, up to `last`.
    pub fn bytes_between(&self, after: u64, last: u64) -> u64 {
        let pages = self.pages.lock().expect("the book");
        let behind = pages.entries.partition_point(|entry| entry.id <= after);
        let missed = pages.entries[behind..].iter().take_while(|entry| entry.id <= last);
        missed.map(|entry| u64::from(entry.bytes)).sum()
    }

    /// Waits for the witness, but not for ever.
    fn wait<T>(&self, enough: impl Fn(&Pages) -> bool, then: impl FnOnce(&Pages) -> T) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut pages = self.pages.lock().expect("the book");
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if enough(&pages) || pages.closed || left.is_zero() {
                return then(&pages);
            }
            pages = self.written.wait_timeout(pages, left).expect("the book").0;
        }
    }
}

impl Pages {
    /// Each sender numbers what it says. Of a rowdy one some messages may be refused, of a person none is.
    fn number(&mut self, message: &Value, tally: &Tally) {
        let text = message["text"].as_str().unwrap_or_default();
        let number = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let (Some(from), Some(number)) = (message["from"].as_str(), number) else { return };
        let last = self.said.get(from).copied().unwrap_or_default();
        let brief = || format!("message {number} of {from} behind {last}, as event {}", message["id"]);
        if number <= last {
            return tally.fault(Fault::Doubled, 1, brief);
        }
        if !is_rowdy(from) {
            tally.fault(Fault::Lost, number - last - 1, brief);
        }
        self.said.insert(from.to_owned(), number);
    }
}

/// No client waits for a witness that has ended.
struct Closing<'a>(&'a Book);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Ok(mut pages) = self.0.pages.lock() {
            pages.closed = true;
        }
        self.0.written.notify_all();
    }
}

/// What one client received and has not compared with the book yet.
pub struct Ear {
    name: String,
    own: u64,
    /// From each welcome that was no recovery to the next gap.
    spans: Vec<Span>,
}

struct Span {
    /// It must receive everything from this id on.
    from: u64,
    /// The last event of before the welcome, while none has come.
    past_until: Option<u64>,
    last: u64,
    heard: VecDeque<(u64, u64)>,
    /// The next entry of the book.
    place: Option<usize>,
}

impl Ear {
    pub fn new(name: &str) -> Ear {
        Ear { name: name.to_owned(), own: hash(Some(name)), spans: Vec::new() }
    }

    /// The next events do not continue the earlier ones: they begin with the history.
    pub fn begins(&mut self, welcome: &Value) {
        let last = welcome["last"].as_u64().unwrap_or_default();
        let (from, past_until) = (last + 1, Some(last));
        self.spans.push(Span { from, past_until, last, heard: VecDeque::new(), place: None });
    }

    /// The event is the next, whether public or private.
    pub fn hears(&mut self, id: u64, public: Option<&Value>, book: &Book, tally: &Tally) {
        let Some(span) = self.spans.last_mut() else { return };
        if span.past_until.take().is_some_and(|until| id <= until) {
            span.from = id;
        }
        span.last = id;
        if let Some(event) = public {
            span.heard.push_back((id, hash(event.to_string())));
        }
        if span.heard.len() >= AT_ONCE {
            self.compare(&book.pages.lock().expect("the book"), tally);
        }
    }

    /// The range of ids in which it received everything.
    pub fn spans(&self) -> Vec<(u64, u64)> {
        self.spans.iter().map(|span| (span.from, span.last)).collect()
    }

    /// Compares all received events, once the witness has received them, too.
    pub fn settle(&mut self, book: &Book, tally: &Tally) {
        let last = self.spans.iter().filter_map(|span| span.heard.back()).map(|(id, _)| *id).max();
        let last = last.unwrap_or_default();
        book.wait(|pages| pages.last() >= last, |pages| self.compare(pages, tally));
        let left = self.spans.iter().map(|span| span.heard.len()).sum::<usize>() as u64;
        tally.fault(Fault::Altered, left, || format!("{}: the witness never heard {last}", self.name));
    }

    fn compare(&mut self, pages: &Pages, tally: &Tally) {
        let (name, own) = (&self.name, self.own);
        for span in &mut self.spans {
            let mut compared = 0;
            while let Some((id, hash)) = span.heard.front().copied() {
                if id > pages.last() {
                    break;
                }
                span.heard.pop_front();
                if id <= pages.joined {
                    continue;
                }
                compared += 1;
                let place = span
                    .place
                    .get_or_insert_with(|| pages.entries.partition_point(|entry| entry.id < span.from));
                while let Some(entry) = pages.entries.get(*place).filter(|entry| entry.id < id) {
                    let lost = u64::from(entry.joined != Some(own));
                    tally.fault(Fault::Lost, lost, || format!("event {} for {name}", entry.id));
                    *place += 1;
                }
                match pages.entries.get(*place) {
                    Some(entry) if entry.id == id => {
                        let altered = u64::from(entry.hash != hash);
                        tally.fault(Fault::Altered, altered, || format!("event {id} for {name}"));
                        *place += 1;
                    }
                    _ => tally.fault(Fault::Altered, 1, || format!("only {name} heard event {id}")),
                }
            }
            tally.deliveries.fetch_add(compared, Ordering::Relaxed);
        }
    }
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
