//! A watcher: reads the inspector's feed, event by event.

use serde_json::Value;

use super::Server;
use super::raw::{RawClient, TEXT};

/// Two keys as a page makes them.
pub const WIRE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA";
pub const OTHER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

pub const TEACHER: &str = "teacher-of-tests";

pub struct Watcher {
    pub client: RawClient,
    /// All bytes of payload that came, for searching.
    pub raw: Vec<u8>,
}

impl Watcher {
    /// Watches, and has read the first event.
    pub fn open(server: &Server, key: &str) -> Watcher {
        let client = RawClient::open(server, &format!("/wire?key={key}"));
        let mut watcher = Watcher { client, raw: Vec::new() };
        let first = watcher.event();
        assert_eq!(first["type"], "watching", "{first}");
        watcher
    }

    pub fn event(&mut self) -> Value {
        let payload = self.client.wait_for(TEXT);
        self.raw.extend(&payload);
        serde_json::from_slice(&payload).expect("an event is JSON")
    }

    /// Skips events until one of this type.
    pub fn wait_for(&mut self, event_type: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == event_type {
                return event;
            }
        }
    }

    /// All events up to the end of the first connection that ends, that one included.
    pub fn until_closed(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.event());
            if events.last().is_some_and(|event| event["type"] == "closed") {
                return events;
            }
        }
    }

    /// What was sent to this watcher holds none of this, neither as text nor in hexadecimal.
    #[track_caller]
    pub fn assert_never_saw(&self, secret: &str) {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [secret, &hex] {
            let found = self.raw.windows(form.len()).any(|bytes| bytes == form.as_bytes());
            assert!(!found, "{secret:?} is in the feed");
        }
    }
}

/// The frames of one direction, each as header and first bytes, as they were on the wire.
pub fn frames<'a>(events: &'a [Value], from: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == "frame" && event["from"] == from)
}

/// Bytes written in hexadecimal.
pub fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap_or_default();
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}
