//! Clients that resume their session: a test controls [`Person`] step by step; [`Returning`] does it by itself and is the reference
//! for coming back (docs/protocol.md, Coming back). Compare it with the page's own code. Its rules:
//! 1. Keep what the `welcome` says: session, epoch, name. Keep the highest `id` seen, and skip what is not above it.
//! 2. Give each message a `ref` and keep it until the server confirms it: by its own copy, or by `posted`.
//! 3. When the connection ends, however it ends, open a new one with session, epoch and `after`, and send again, in
//!    order, what is not confirmed.
//! 4. Where the welcome says `recovered: false`, something is missing: say so. In another epoch ids begin again.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, SockRef, Socket, Type};
use tungstenite::client::client_with_config;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::common::{Client, PATIENCE, Server, Uninterrupted, raw};

/// From here on a close code means: do not come back.
const FINAL_CODES: u16 = 4500;

/// The code for an end without a close frame.
const ABNORMAL: u16 = 1006;

/// Ids that are remembered, to tell what came twice from what came too late.
const RECENT: usize = 1000;

/// Bytes that the system keeps for a client that does not read: little, so that the server soon notices.
const RECEIVE_BUFFER: usize = 16 * 1024;

/// Bytes that are read at once; tungstenite's own 128 KiB are cleared before each read.
const READ_BUFFER: usize = 4 * 1024;

/// What a client needs to come back.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub name: String,
    pub session: String,
    pub epoch: String,
    /// The highest id seen.
    pub after: u64,
}

impl Ticket {
    /// From the first `welcome`, before any event.
    pub fn new(welcome: &Value) -> Ticket {
        let text = |field: &str| welcome[field].as_str().unwrap_or_default().to_owned();
        Ticket { name: text("you"), session: text("session"), epoch: text("epoch"), after: 0 }
    }

    /// Where to open the next connection.
    pub fn path(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("name", &self.name)
            .append_pair("session", &self.session)
            .append_pair("epoch", &self.epoch)
            .append_pair("after", &self.after.to_string())
            .finish();
        format!("/ws?{query}")
    }
}

/// Said last, so that whatever should not have come would have come before it.
pub const MARK: &str = "that is all";

/// A member led step by step, who keeps what is needed to come back.
pub struct Person {
    pub client: Client,
    pub ticket: Ticket,
    pub welcome: Value,
}

impl Person {
    /// Comes in for the first time, under a name that is free.
    pub fn join(server: &Server, name: &str) -> Person {
        let person = Person::open(server, &format!("/ws?name={name}"));
        let Value::Object(welcome) = &person.welcome else { panic!("an object") };
        assert_eq!((&welcome["you"], &welcome["recovered"]), (&json!(name), &json!(false)));
        person
    }

    pub fn open(server: &Server, path: &str) -> Person {
        let mut client = Client::open(server, path);
        let welcome = client.event();
        assert_eq!(welcome["type"], "welcome", "{path}: {welcome}");
        let ticket = Ticket::new(&welcome);
        Person { client, ticket, welcome }
    }

    /// Comes back on a new connection, whatever became of the old one, and is recovered.
    pub fn back(server: &Server, ticket: &Ticket) -> Person {
        let mut person = Person::open(server, &ticket.path());
        assert_eq!(person.welcome["recovered"], true, "{ticket:?}: {}", person.welcome);
        assert_eq!(person.welcome["you"], ticket.name.as_str());
        person.ticket.after = ticket.after;
        person
    }

    /// Cut off, without a close frame.
    pub fn cut(self) -> Ticket {
        self.ticket
    }

    /// Says goodbye with this code.
    pub fn close(mut self, code: u16) -> Ticket {
        let frame = tungstenite::protocol::CloseFrame { code: code.into(), reason: "".into() };
        self.client.websocket.close(Some(frame)).expect("the server takes a close frame");
        self.client.read_to_end();
        self.ticket
    }

    pub fn event(&mut self) -> Value {
        let event = self.client.event();
        if let Some(id) = event["id"].as_u64().filter(|_| event["type"] != "posted") {
            assert!(id > self.ticket.after, "ids rise: {event} after {}", self.ticket.after);
            self.ticket.after = id;
        }
        event
    }

    pub fn wait_for(&mut self, event_type: &str) -> Value {
        loop {
            let event = self.event();
            if event["type"] == event_type {
                return event;
            }
        }
    }

    pub fn say(&mut self, text: &str) {
        self.client.say(text);
    }

    pub fn send(&mut self, command: &Value) {
        self.client.say(&command.to_string());
    }

    pub fn tell(&mut self, to: &str, text: &str) {
        self.send(&json!({"type": "message", "to": to, "text": text, "ref": text}));
    }

    /// All that comes before an event like this.
    pub fn until(&mut self, found: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            match self.event() {
                event if found(&event) => return events,
                event => events.push(event),
            }
        }
    }

    pub fn until_mark(&mut self) -> Vec<Value> {
        self.until(|event| event["text"] == MARK)
    }

    #[track_caller]
    pub fn hears_nothing(&mut self) {
        let events = self.until_mark();
        assert!(events.is_empty(), "{events:?}");
    }

    /// The messages among it.
    pub fn texts_until_mark(&mut self) -> Vec<String> {
        texts(&self.until_mark())
    }
}

/// The messages among the events.
pub fn texts(events: &[Value]) -> Vec<String> {
    let messages = events.iter().filter(|event| event["type"] == "message");
    messages.map(|event| event["text"].as_str().expect("a text").to_owned()).collect()
}

/// Comes back by itself, as often as that takes.
pub struct Returning {
    server: SocketAddr,
    /// How long it waits for what must come.
    patience: Duration,
    ticket: Ticket,
    /// `None` between two connections: then the next event that is waited for comes on a new one.
    pub websocket: Option<WebSocket<Uninterrupted>>,
    /// What was said and is not confirmed, in the order in which it was said. The number is the `ref`.
    unconfirmed: BTreeMap<u64, String>,
    last_ref: u64,
    /// How often a welcome said `recovered: false`.
    pub gaps: u64,
    /// Events that came though they were seen already, and those that came too late: a later one was before them.
    pub repeated: u64,
    pub late: u64,
    /// The latest ids seen.
    recent: VecDeque<u64>,
    /// After a gap come the last events, and some of them may be known already.
    overlaps: bool,
    /// Messages that were sent again, and those of them that the server had posted already.
    pub resent: u64,
    pub posted: u64,
    /// How often it came back.
    pub returns: u64,
    /// How each connection ended: the code of the close frame that came, or 1006.
    pub ends: Vec<u16>,
}

/// What came on the present connection.
enum Heard {
    Event(Value),
    /// It is over.
    End,
    /// It is there, but silent.
    Nothing,
}

impl Returning {
    /// Joins for the first time.
    pub fn join(port: u16, name: &str) -> Returning {
        Returning::welcomed(port, name, PATIENCE).0
    }

    /// The same at a server on another machine.
    pub fn join_at(server: SocketAddr, name: &str) -> Returning {
        Returning::welcomed_at(server, name, PATIENCE).0
    }

    /// The same with another time-out. Also returns the welcome.
    pub fn welcomed(port: u16, name: &str, patience: Duration) -> (Returning, Value) {
        Returning::welcomed_at((Ipv4Addr::LOCALHOST, port).into(), name, patience)
    }

    fn welcomed_at(server: SocketAddr, name: &str, patience: Duration) -> (Returning, Value) {
        let path = format!("/ws?name={name}");
        let websocket = open(server, patience, &path).expect("the handshake succeeds");
        let mut client = Returning {
            server,
            patience,
            ticket: Ticket::new(&Value::Null),
            websocket: Some(websocket),
            unconfirmed: BTreeMap::new(),
            last_ref: 0,
            gaps: 0,
            repeated: 0,
            late: 0,
            recent: VecDeque::new(),
            overlaps: false,
            resent: 0,
            posted: 0,
            returns: 0,
            ends: Vec::new(),
        };
        let welcome = client.hear().expect("a welcome comes");
        assert_eq!((&welcome["type"], &welcome["you"]), (&json!("welcome"), &json!(name)));
        client.ticket = Ticket::new(&welcome);
        (client, welcome)
    }

    pub fn name(&self) -> &str {
        &self.ticket.name
    }

    /// Is remembered until it is confirmed. Where there is no connection now, it is sent on the next one.
    pub fn say(&mut self, to: Option<&str>, text: &str) {
        let message = self.remember(to, text);
        self.send(message);
    }

    /// The same, but resets TCP after this many bytes of the frame, perhaps after all.
    pub fn say_and_reset(&mut self, to: Option<&str>, text: &str, bytes: usize) {
        let message = self.remember(to, text);
        let frame = raw::frame(raw::TEXT, message.as_bytes());
        if let Some(websocket) = &mut self.websocket {
            let _ = websocket.get_mut().write_all(&frame[..bytes.min(frame.len())]);
        }
        self.reset();
    }

    /// Stores a message until it is confirmed. Returns its JSON.
    fn remember(&mut self, to: Option<&str>, text: &str) -> String {
        self.last_ref += 1;
        let mut message = json!({"type": "message", "text": text, "ref": self.last_ref.to_string()});
        if let Some(to) = to {
            message["to"] = json!(to);
        }
        let message = message.to_string();
        self.unconfirmed.insert(self.last_ref, message.clone());
        message
    }

    /// The `ref` of what was said last.
    pub fn last_ref(&self) -> u64 {
        self.last_ref
    }

    /// Ends TCP with a reset: what is on its way is destroyed.
    pub fn reset(&mut self) {
        if let Some(websocket) = self.websocket.take() {
            let _ = SockRef::from(&websocket.get_ref().0).set_linger(Some(Duration::ZERO));
        }
    }

    /// Says goodbye, and what came before the answer.
    pub fn leave(&mut self) -> Vec<Value> {
        let websocket = self.websocket.as_mut();
        let gone = websocket.is_some_and(|websocket| websocket.close(None).is_err());
        let mut events = Vec::new();
        loop {
            let event = if gone { None } else { self.hear() };
            let Some(event) = event else { break };
            if self.is_news(&event) {
                events.push(event);
            }
        }
        self.websocket = None;
        events
    }

    /// The last known epoch of the ids.
    pub fn epoch(&self) -> &str {
        &self.ticket.epoch
    }

    /// How many messages are not confirmed.
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    /// The next new event; resumes the session as often as necessary.
    pub fn next_event(&mut self) -> Value {
        loop {
            match self.hear() {
                Some(event) if self.is_news(&event) => return event,
                Some(_) => {}
                None => drop(self.come_back()),
            }
        }
    }

    /// The next new event, or the welcome after a resume; `None` after the time-out.
    pub fn next_until(&mut self, deadline: Instant) -> Option<Value> {
        loop {
            match self.hear_until(deadline) {
                Heard::Event(event) if self.is_news(&event) => return Some(event),
                Heard::Event(_) => {}
                Heard::Nothing => return None,
                Heard::End => return Some(self.come_back()),
            }
        }
    }

    /// Notes what the event says about this client's own state.
    fn is_news(&mut self, event: &Value) -> bool {
        if let Some(reference) = event["ref"].as_str() {
            // Also an error is an answer: the message was not posted and never will be.
            let reference = reference.parse().expect("the ref is one of ours");
            self.unconfirmed.remove(&reference);
        }
        if event["type"] == "posted" {
            self.posted += 1;
            return false;
        }
        let Some(id) = event["id"].as_u64() else {
            return true;
        };
        if id <= self.ticket.after {
            match self.recent.contains(&id) {
                _ if self.overlaps => {}
                true => self.repeated += 1,
                false => self.late += 1,
            }
            return false;
        }
        self.ticket.after = id;
        self.overlaps = false;
        self.recent.push_back(id);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        true
    }

    /// The welcome.
    fn come_back(&mut self) -> Value {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(welcome) = self.try_to_come_back() {
                return welcome;
            }
            assert!(Instant::now() < deadline, "{} cannot come back", self.name());
        }
    }

    /// `None` if the new connection ended before its welcome came.
    fn try_to_come_back(&mut self) -> Option<Value> {
        self.websocket = open(self.server, self.patience, &self.ticket.path());
        let welcome = self.hear()?;
        assert_eq!(welcome["type"], "welcome", "the first event: {welcome}");
        assert_eq!(welcome["you"], self.ticket.name.as_str(), "the name stays: {welcome}");
        let seen = self.ticket.after;
        let same_epoch = welcome["epoch"] == self.ticket.epoch.as_str();
        self.ticket = Ticket::new(&welcome);
        self.ticket.after = if same_epoch { seen } else { 0 };
        self.overlaps = welcome["recovered"] != true;
        self.gaps += u64::from(self.overlaps);
        self.returns += 1;
        for message in self.unconfirmed.clone().into_values() {
            self.send(message);
            self.resent += 1;
        }
        Some(welcome)
    }

    /// What a broken connection does not take is sent again on the next one.
    pub fn send(&mut self, message: String) {
        let sent = self.websocket.as_mut().map(|websocket| websocket.send(message.into()));
        if sent.is_some_and(|sent| sent.is_err()) {
            self.websocket = None;
        }
    }

    /// The next event; `None` where the connection ended.
    fn hear(&mut self) -> Option<Value> {
        match self.hear_until(Instant::now() + self.patience) {
            Heard::Event(event) => Some(event),
            Heard::End => None,
            Heard::Nothing => panic!("{} waits in vain", self.name()),
        }
    }

    fn hear_until(&mut self, deadline: Instant) -> Heard {
        loop {
            let Some(websocket) = &mut self.websocket else { return Heard::End };
            let left = deadline.saturating_duration_since(Instant::now());
            // No time at all would mean to wait for ever.
            let left = left.max(Duration::from_millis(1));
            websocket.get_ref().0.set_read_timeout(Some(left)).expect("a time-out can be set");
            let code = match websocket.read() {
                Ok(Message::Text(text)) => {
                    let event = serde_json::from_str(&text).expect("an event is JSON");
                    return Heard::Event(event);
                }
                Ok(Message::Close(frame)) => frame.map_or(1005, |frame| frame.code.into()),
                Err(error) if nothing_came(&error) => return Heard::Nothing,
                Err(_) => ABNORMAL,
                Ok(_) => continue,
            };
            assert!(code < FINAL_CODES, "{} must not come back: {code}", self.name());
            self.ends.push(code);
            self.websocket = None;
        }
    }
}

/// The connection is there, but silent.
fn nothing_came(error: &Error) -> bool {
    let slow = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    matches!(error, Error::Io(error) if slow(error))
}

/// `None` where the connection ends before the handshake does.
fn open(server: SocketAddr, patience: Duration, path: &str) -> Option<WebSocket<Uninterrupted>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER).ok()?;
    socket.connect(&server.into()).ok()?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(patience)).ok()?;
    socket.set_write_timeout(Some(patience)).ok()?;
    let url = format!("ws://{server}{path}");
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (websocket, _) = client_with_config(url, Uninterrupted(socket), Some(config)).ok()?;
    Some(websocket)
}
