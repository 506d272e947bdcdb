//! Properties of the chat without any socket: random sequences of joins, returns, leaves, renames and messages, by seed.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::presence::CONTINUED;
use super::session_token::SessionToken;
use super::*;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::tap::Privacy;
use crate::token::Token;

/// Each connection receives into a mailbox of its own.
#[derive(Default)]
struct Mailboxes {
    open: BTreeMap<ConnectionId, Vec<Value>>,
    closed: Vec<ConnectionId>,
}

impl Mailboxes {
    fn put(&mut self, one: ConnectionId, json: &Bytes) {
        let event = serde_json::from_slice(json).expect("an event is JSON");
        self.open.get_mut(&one).expect("only members who are here get events").push(event);
    }
}

impl Audience for Mailboxes {
    fn everyone(&mut self, json: &Bytes) {
        for one in self.open.keys().copied().collect::<Vec<_>>() {
            self.put(one, json);
        }
    }

    fn everyone_but(&mut self, one: ConnectionId, json: &Bytes, own: Option<&Bytes>) {
        for other in self.open.keys().copied().filter(|other| *other != one).collect::<Vec<_>>() {
            self.put(other, json);
        }
        if let Some(own) = own {
            self.put(one, own);
        }
    }

    fn one(&mut self, one: ConnectionId, json: &Bytes) {
        self.put(one, json);
    }

    fn private(&mut self, them: &[ConnectionId], json: &Bytes) {
        for one in them {
            self.put(*one, json);
        }
    }

    fn welcome(&mut self, one: ConnectionId, json: &Bytes) {
        self.put(one, json);
    }

    fn replay(&mut self, one: ConnectionId, past: &[(Privacy, &Bytes)]) {
        for (_, json) in past {
            self.put(one, json);
        }
    }

    fn named(&mut self, _: ConnectionId, _: &str) {}

    fn close_account(&mut self, _: &NameKey, _: ServerId) {}

    fn close(&mut self, one: ConnectionId, _reason: CloseReason) {
        self.closed.push(one);
    }
}

fn command(text: &str) -> Command {
    match Command::parse(text).0 {
        Parsed::Command(command) => command,
        other => panic!("{text}: {other:?}"),
    }
}

/// Splitmix64: small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }
}

/// What a client of the chat remembers.
#[derive(Debug, Clone)]
struct Person {
    connection: ConnectionId,
    session: String,
    epoch: String,
    /// The highest event received.
    received: u64,
    /// It came back without a gap, so every event that it receives is new.
    recovered: bool,
}

const NAMES: [&str; 6] = ["Ana", "ANA", "Luis", "Eva", "Ｅｖａ", "guest-3"];

struct World {
    chat: Chat,
    mailboxes: Mailboxes,
    people: Vec<Person>,
    away: Vec<Person>,
    next_connection: u64,
    now: Timestamp,
    /// All ids that a member received, in order.
    ids: Vec<u64>,
    /// Private texts, and the two sessions that may read them.
    private: Vec<(String, HashSet<String>)>,
}

impl World {
    fn new() -> World {
        World {
            chat: Chat::new(Settings { history: 50, send_queue: usize::MAX, ..Settings::default() }),
            mailboxes: Mailboxes::default(),
            people: Vec::new(),
            away: Vec::new(),
            next_connection: 0,
            now: Timestamp { now: Time(1_000_000), at: "2026-11-23T09:00:00.000Z".to_owned() },
            ids: Vec::new(),
            private: Vec::new(),
        }
    }

    fn enter(&mut self, query: &str, before: Option<Person>) {
        self.next_connection += 1;
        let connection = ConnectionId::of_this_process(ClientId(self.next_connection));
        self.mailboxes.open.insert(connection, Vec::new());
        self.chat.join(
            connection,
            &JoinRequest::parse(query),
            Token::random(),
            &self.now,
            &mut self.mailboxes,
        );
        let welcome = self.mailboxes.open[&connection][0].clone();
        assert_eq!(welcome["type"], "welcome", "a client gets the welcome first");
        let text = |field: &str| welcome[field].as_str().expect("a text").to_owned();
        let same_epoch = before.as_ref().is_some_and(|before| before.epoch == text("epoch"));
        let received = before.filter(|_| same_epoch).map_or(0, |before| before.received);
        let recovered = welcome["recovered"] == true;
        let (session, epoch) = (text("session"), text("epoch"));
        self.people.push(Person { connection, session, epoch, received, recovered });
        for old in std::mem::take(&mut self.mailboxes.closed) {
            self.leave_as(old, &CONTINUED);
        }
    }

    /// The same for a member who signed in.
    fn enter_as(&mut self, name: &str, query: &str) {
        self.next_connection += 1;
        let connection = ConnectionId::of_this_process(ClientId(self.next_connection));
        self.mailboxes.open.insert(connection, Vec::new());
        let account = Some(Name::parse(name).expect("a name"));
        let request = JoinRequest { account, ..JoinRequest::parse(query) };
        self.chat.join(connection, &request, Token::random(), &self.now, &mut self.mailboxes);
        let welcome = self.mailboxes.open[&connection][0].clone();
        assert_eq!(welcome["you"], name);
        let text = |field: &str| welcome[field].as_str().expect("a text").to_owned();
        let (session, epoch) = (text("session"), text("epoch"));
        self.people.push(Person { connection, session, epoch, received: 0, recovered: false });
        for old in std::mem::take(&mut self.mailboxes.closed) {
            self.leave_as(old, &CONTINUED);
        }
    }

    fn leave_as(&mut self, connection: ConnectionId, how: &CloseReason) {
        self.mailboxes.open.remove(&connection);
        self.chat.leave(connection, how, &self.now, &mut self.mailboxes);
    }

    /// All members read their mail; it must contain nothing that they may not read.
    fn read(&mut self) {
        for person in &mut self.people {
            let mail = self.mailboxes.open.get_mut(&person.connection).expect("here");
            for event in mail.drain(..) {
                if let Some(text) = event["text"].as_str().filter(|text| text.starts_with("secret")) {
                    let (_, allowed) =
                        self.private.iter().find(|(private, _)| private == text).expect("one of ours");
                    assert!(allowed.contains(&person.session), "{event} leaked");
                }
                if let Some(id) = event["id"].as_u64().filter(|_| event["type"] != "posted") {
                    if id <= person.received && !person.recovered {
                        continue;
                    }
                    assert!(id > person.received, "{event} after {}", person.received);
                    person.received = id;
                    self.ids.push(id);
                }
            }
        }
    }

    /// All members who are here have different names.
    fn check_names(&self) {
        let names: Vec<_> = self.chat.presence.here().map(|member| member.name.key()).collect();
        let different: HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(self.chat.count(), self.people.len());
    }

    fn step(&mut self, dice: &mut Dice, number: usize) {
        match dice.roll(10) {
            0 | 1 if self.people.len() < 8 => {
                let name = NAMES[dice.roll(NAMES.len())];
                self.enter(&format!("name={name}"), None);
            }
            2 if !self.people.is_empty() => {
                let person = self.people.swap_remove(dice.roll(self.people.len()));
                let code = [1001, 1006][dice.roll(2)];
                self.leave_as(person.connection, &CloseReason::new(code, ""));
                self.away.push(person);
            }
            3 if !self.away.is_empty() => {
                let person = self.away.swap_remove(dice.roll(self.away.len()));
                let Person { session, epoch, received, .. } = &person;
                self.enter(&format!("session={session}&epoch={epoch}&after={received}"), Some(person));
            }
            // On a second connection while the first is still open.
            4 if !self.people.is_empty() => {
                self.read();
                let person = self.people.swap_remove(dice.roll(self.people.len()));
                let Person { session, epoch, received, .. } = &person;
                self.enter(&format!("session={session}&epoch={epoch}&after={received}"), Some(person));
            }
            5 => self.now.now = self.now.now + Duration::from_secs(dice.roll(200) as u64),
            6 if !self.people.is_empty() => {
                let connection = self.people[dice.roll(self.people.len())].connection;
                let name = NAMES[dice.roll(NAMES.len())].to_owned();
                self.chat.command(connection, &Command::Rename { name }, &self.now, &mut self.mailboxes);
            }
            7 if self.people.len() > 1 => {
                let (from, to) = (dice.roll(self.people.len()), dice.roll(self.people.len()));
                let recipient = self.chat.presence.by_connection(self.people[to].connection);
                let name = self.chat.presence.get(recipient.expect("here")).expect("known").name.clone();
                let text = format!("secret {number};");
                let two = [from, to].map(|index| self.people[index].session.clone());
                self.private.push((text.clone(), two.into()));
                let sent = format!(r#"{{"type":"message","text":"{text}","to":"{name}","ref":"r{number}"}}"#);
                let command = command(&sent);
                let connection = self.people[from].connection;
                self.chat.command(connection, &command, &self.now, &mut self.mailboxes);
            }
            _ if !self.people.is_empty() => {
                let connection = self.people[dice.roll(self.people.len())].connection;
                let command = command(&format!("message {number}"));
                self.chat.command(connection, &command, &self.now, &mut self.mailboxes);
            }
            _ => {}
        }
        self.chat.tick(&self.now, &mut self.mailboxes);
        self.read();
        self.check_names();
    }
}

#[test]
fn names_are_unique_ids_rise_and_private_messages_stay_private_whatever_happens() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        for number in 0..300 {
            world.step(&mut dice, number);
        }
        let ids: HashSet<u64> = world.ids.iter().copied().collect();
        assert!(ids.iter().all(|id| *id <= world.chat.last_id), "seed {seed}");
    }
}

#[test]
fn a_member_who_comes_back_receives_all_that_it_missed() {
    let mut world = World::new();
    world.enter("name=Ana", None);
    world.enter("name=Luis", None);
    world.read();
    let luis = world.people.pop().expect("Luis is here");
    world.leave_as(luis.connection, &CloseReason::new(1006, ""));
    let ana = world.people[0].connection;
    for text in ["one", "two", r#"{"type":"message","text":"psst","to":"Luis"}"#] {
        let command = command(text);
        world.chat.command(ana, &command, &world.now, &mut world.mailboxes);
    }
    let Person { session, epoch, received, .. } = luis.clone();
    world.enter(&format!("session={session}&epoch={epoch}&after={received}"), Some(luis));
    let connection = world.people[1].connection;
    let mail = &world.mailboxes.open[&connection];
    assert_eq!((&mail[0]["recovered"], &mail[0]["you"]), (&true.into(), &"Luis".into()));
    assert!(mail.iter().all(|event| event["type"] != "joined"), "no notice of its own join: {mail:?}");
    let texts: Vec<_> = mail.iter().filter_map(|event| event["text"].as_str()).collect();
    assert_eq!(texts, ["one", "two", "psst"]);
    let back = world.mailboxes.open[&ana].last().expect("Ana gets a notice");
    assert_eq!((&back["type"], &back["back"]), (&"joined".into(), &true.into()));
}

#[test]
fn after_a_cut_the_name_is_kept_for_a_member_who_had_sent_something() {
    for (spoke, name) in [(true, "guest-1"), (false, "Ana")] {
        let mut world = World::new();
        world.enter("name=Ana", None);
        let ana = world.people.pop().expect("Ana is here").connection;
        if spoke {
            world.chat.command(ana, &Command::Typing, &world.now, &mut world.mailboxes);
        }
        world.leave_as(ana, &CloseReason::new(1006, ""));
        world.enter("name=Ana", None);
        let welcome = &world.mailboxes.open[&world.people[0].connection][0];
        assert_eq!(welcome["you"], name, "spoke: {spoke}");
    }
}

#[test]
fn a_message_with_the_same_ref_is_posted_once() {
    let mut world = World::new();
    world.enter("name=Ana", None);
    let ana = world.people[0].connection;
    let command = command(r#"{"type":"message","text":"hola","ref":"a1"}"#);
    for _ in 0..2 {
        world.chat.command(ana, &command, &world.now, &mut world.mailboxes);
    }
    let mail = &world.mailboxes.open[&ana];
    let kinds: Vec<_> = mail.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["welcome", "message", "posted"]);
    assert_eq!(mail[1]["id"], mail[2]["id"]);
    assert_eq!(world.chat.messages(), 1);
}

#[test]
fn absent_members_are_forgotten_after_a_time_and_above_a_number() {
    let mut world = World {
        chat: Chat::new(Settings { history: 0, send_queue: usize::MAX, ..Settings::default() }),
        ..World::new()
    };
    for _ in 0..presence::ABSENT_MEMBERS + 10 {
        world.enter("", None);
        let person = world.people.pop().expect("here");
        world.leave_as(person.connection, &CloseReason::new(1006, ""));
        world.away.push(person);
    }
    let oldest = world.away[0].clone();
    let session = SessionToken::parse(&oldest.session).expect("our own token");
    assert!(world.chat.presence.by_session(&session).is_none(), "one too many");
    let youngest = world.away.last().expect("a member").clone();
    let session = SessionToken::parse(&youngest.session).expect("our own token");
    assert!(world.chat.presence.by_session(&session).is_some());
    world.now.now = world.now.now + presence::SESSION_KEPT;
    world.chat.tick(&world.now, &mut world.mailboxes);
    assert!(world.chat.presence.by_session(&session).is_none(), "too old");
}

#[test]
fn a_name_is_kept_for_ten_seconds_after_going_away_and_for_thirty_after_a_cut() {
    let key = Name::parse("Ana").expect("a name").key();
    for (code, milliseconds) in [(1000, 0), (1001, 10_000), (1006, 30_000), (4008, 30_000), (4500, 0)] {
        let mut world = World::new();
        world.enter("name=Ana", None);
        let ana = world.people.pop().expect("here");
        world.leave_as(ana.connection, &CloseReason::new(code, ""));
        let last = Duration::from_millis(milliseconds).saturating_sub(Duration::from_millis(1));
        world.now.now = world.now.now + last;
        world.chat.tick(&world.now, &mut world.mailboxes);
        assert_eq!(world.chat.presence.by_name(&key).is_some(), milliseconds > 0, "{code}");
        world.now.now = world.now.now + Duration::from_millis(1);
        world.chat.tick(&world.now, &mut world.mailboxes);
        assert!(world.chat.presence.by_name(&key).is_none(), "{code}");
    }
}

/// Tabs of people who signed in, come and go at random.
#[test]
fn several_connections_of_an_account_are_one_member() {
    const PEOPLE: [&str; 3] = ["Ana", "Luis", "Eva"];
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        // The first member receives all notices that follow.
        world.enter_as("Teacher", "");
        let teacher = world.people[0].connection;
        let mut tabs: Vec<(&str, Person)> = Vec::new();
        let mut here: HashSet<&str> = HashSet::new();
        for _ in 0..200 {
            // One a second, since more notices would be merged.
            world.now.now = world.now.now + Duration::from_secs(1);
            let before = here.clone();
            match dice.roll(3) {
                0 => {
                    let name = PEOPLE[dice.roll(3)];
                    world.enter_as(name, "name=Other");
                    let tab = world.people.pop().expect("it came in");
                    tabs.push((name, tab));
                }
                // A tab's connection is continued, perhaps before the server noticed that it was cut.
                1 if !tabs.is_empty() => {
                    let (name, tab) = tabs.swap_remove(dice.roll(tabs.len()));
                    let noticed = dice.roll(2) == 0;
                    if noticed {
                        world.leave_as(tab.connection, &CloseReason::new(1006, ""));
                    }
                    let Person { session, epoch, .. } = &tab;
                    let query = format!("session={session}&epoch={epoch}&after=0");
                    let others: Vec<_> = tabs.iter().map(|(_, tab)| tab.connection).collect();
                    world.enter_as(name, &query);
                    let open = &world.mailboxes.open;
                    assert!(others.iter().all(|other| open.contains_key(other)), "seed {seed}");
                    assert!(!open.contains_key(&tab.connection), "the continued one is closed");
                    tabs.push((name, world.people.pop().expect("it came back")));
                    // If this was the only tab, the member was away for a moment: those two notices are removed.
                    world.mailboxes.open.get_mut(&teacher).expect("here").retain(|event| {
                        event["name"] != name || (event["back"] != true && event["code"] != 1006)
                    });
                }
                _ if !tabs.is_empty() => {
                    let (_, tab) = tabs.swap_remove(dice.roll(tabs.len()));
                    let code = [1001, 1006, 4500][dice.roll(3)];
                    world.leave_as(tab.connection, &CloseReason::new(code, ""));
                }
                _ => continue,
            }
            here = tabs.iter().map(|(name, _)| *name).collect();
            assert_eq!(world.chat.count(), here.len() + 1, "seed {seed}");
            let notices = std::mem::take(world.mailboxes.open.get_mut(&teacher).expect("here"));
            let named = |kind: &str| -> HashSet<&str> {
                let events = notices.iter().filter(|event| event["type"] == kind);
                let is_named = |event: &Value| PEOPLE.into_iter().find(|name| event["name"] == *name);
                events.filter_map(is_named).collect()
            };
            assert_eq!(named("joined"), here.difference(&before).copied().collect(), "seed {seed}");
            assert_eq!(named("left"), before.difference(&here).copied().collect(), "seed {seed}");
        }
    }
}

#[test]
fn a_new_member_with_the_name_of_a_removed_account_gets_none_of_its_private_messages() {
    let mut world = World::new();
    world.enter_as("Ana", "");
    world.enter_as("Luis", "");
    let ana = world.people[0].connection;
    let psst = command(r#"{"type":"message","text":"psst","to":"Luis"}"#);
    world.chat.command(ana, &psst, &world.now, &mut world.mailboxes);
    let luis = world.people.pop().expect("Luis is here");
    world.leave_as(luis.connection, &CloseReason::new(4500, ""));
    // Luis reads it again, even after a long absence.
    world.now.now = world.now.now + 2 * presence::SESSION_KEPT;
    world.chat.tick(&world.now, &mut world.mailboxes);
    let read = |world: &mut World| {
        world.enter_as("Luis", "");
        let luis = world.people.pop().expect("Luis is here");
        let texts: Vec<Value> =
            world.mailboxes.open[&luis.connection].iter().map(|event| event["text"].clone()).collect();
        world.leave_as(luis.connection, &CloseReason::new(4500, ""));
        texts.contains(&"psst".into())
    };
    assert!(read(&mut world));
    let key = Name::parse("Luis").expect("a name").key();
    world.chat.presence.forget_account(&key);
    assert!(!read(&mut world), "another member with the same name");
}
