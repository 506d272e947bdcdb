//! The events that clients receive: each is well formed, comes in order, to all or to the two that it is for.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::Value;
use websocket_classroom::chat::{ConnectionId, Name, NameKey};
use websocket_classroom::tap::Privacy;

use super::super::privacy::is_private_event;
use super::mailbox::Delivery;
use super::model::{Cause, Known, Model};

/// Bytes of an event beside what was written, and of a name in JSON: 64 characters of four bytes.
const UPKEEP: usize = 1024;
const NAME: usize = 259;

impl Model {
    /// All read their mail.
    pub fn check(&mut self, cause: &Cause) {
        let open = self.mailboxes.open.iter_mut();
        let mail: Vec<(ConnectionId, Vec<(Delivery, Bytes)>)> =
            open.map(|(connection, mailbox)| (*connection, std::mem::take(&mut mailbox.mail))).collect();
        // What all receive at once is looked at once.
        let mut parsed: HashMap<&Bytes, Value> = HashMap::new();
        let mut fresh: HashMap<u64, usize> = HashMap::new();
        for (connection, mail) in &mail {
            for (delivery, json) in mail {
                let parse = || serde_json::from_slice(json).expect("an event is JSON");
                let event = parsed.entry(json).or_insert_with(parse);
                let names = event["users"].as_array().map_or(4, Vec::len);
                let bound = UPKEEP + 2 * self.longest + NAME * names;
                assert!(json.len() <= bound, "{} bytes: {event}", json.len());
                check_delivery(*delivery, event, cause);
                self.receive(*connection, event, cause, &mut fresh);
            }
        }
        let others = self.clients.keys().filter(|connection| self.is_other(**connection, cause)).count();
        for (id, receivers) in fresh {
            let Known { event, members } = &self.events[&id];
            assert!(members.is_some() || receivers == others, "{receivers} of {others} receive {event}");
        }
        self.check_names();
    }

    /// A client that was here before, and stays.
    fn is_other(&self, connection: ConnectionId, cause: &Cause) -> bool {
        let is_new = matches!(cause, Cause::Joined(new, _) if *new == connection);
        !is_new && !self.mailboxes.is_closing(connection)
    }

    /// A client receives an event. `fresh` counts how many others receive what none had received before.
    fn receive(
        &mut self,
        connection: ConnectionId,
        event: &Value,
        cause: &Cause,
        fresh: &mut HashMap<u64, usize>,
    ) {
        if event["type"] == "welcome" {
            return self.welcome(connection, event, cause);
        }
        let is_other = self.is_other(connection, cause);
        let client = self.clients.get_mut(&connection).expect("a client that is here");
        assert!(client.member > 0, "{event} before the welcome");
        // What has no id has no place in the order, whatever it is.
        let Some(id) = event["id"].as_u64() else { return };
        if event["type"] == "posted" {
            // It names an event of the past.
            return assert_eq!(self.events[&id].event["type"], "message", "{event}");
        }
        assert!(id > client.received, "{event} behind {}", client.received);
        client.received = id;
        let (person, member, last) = (client.person, client.member, client.last);
        if self.people[person].connection == Some(connection) {
            self.people[person].received = id;
        }

        let mut event = event.clone();
        let own = event.as_object_mut().and_then(|event| event.remove("ref"));
        if !self.events.contains_key(&id) {
            let is_next = self.events.keys().all(|known| *known < id);
            assert!(is_next || !is_other, "{event} is late");
            let members = self.two(&event, cause);
            // What was before the welcome is a part of the past.
            if is_other || id > last {
                fresh.insert(id, 0);
            }
            self.events.insert(id, Known { event: event.clone(), members });
        }
        let known = &self.events[&id];
        assert_eq!(known.event, event, "all receive the same");
        let may_receive = known.members.as_ref().is_none_or(|members| members.contains(&member));
        assert!(may_receive, "{event} is private, but member {member} receives it");
        assert!(own.is_none() || event["type"] == "message", "{event}");
        if let Some(receivers) = fresh.get_mut(&id) {
            *receivers += usize::from(is_other);
        }
    }

    /// Who may receive an event, if not all may: its sender, and the member of the name that it goes to.
    fn two(&self, event: &Value, cause: &Cause) -> Option<HashSet<u64>> {
        let to = event["to"].as_str()?;
        let Cause::Said(sender, _) = cause else { panic!("{event} though no one spoke") };
        let from = self.clients[sender].member;
        let named = |member: &&u64| self.names[*member] == to;
        let here: HashSet<u64> = self.clients.values().map(|client| client.member).collect();
        let mut two: HashSet<u64> = here.iter().filter(named).copied().collect();
        // The name is kept for a member that was cut off: one of those who had it.
        if two.is_empty() {
            two.extend(self.names.keys().filter(named));
        }
        assert!(!two.is_empty(), "{event} is for no one");
        two.insert(from);
        Some(two)
    }

    fn welcome(&mut self, connection: ConnectionId, welcome: &Value, cause: &Cause) {
        let Cause::Joined(newcomer, after) = cause else { panic!("{welcome} though no one joined") };
        let session = welcome["session"].as_str().expect("there was a secret");
        let (member, _) = session.split_once('.').expect("a member and a secret");
        let client = self.clients.get_mut(&connection).expect("a client that is here");
        assert!(*newcomer == connection && client.member == 0, "{welcome} to another client");
        client.member = member.parse().expect("a number");
        // Nothing that it knows is told again.
        client.received = if welcome["recovered"] == true { *after } else { 0 };
        client.last = welcome["last"].as_u64().expect("a number");
        let person = &mut self.people[client.person];
        (person.session, person.received) = (Some(session.to_owned()), client.received);

        let names = welcome["users"].as_array().expect("a list");
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        assert_eq!(welcome["count"], self.chat.count());
        assert_eq!(names.len(), self.chat.count(), "{welcome}");
        assert_eq!(welcome["you"].as_str(), self.chat.name_of(connection));
        assert!(names.iter().any(|name| welcome["you"] == *name), "{welcome}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{welcome}");
    }

    /// No two who are here have names that look alike, and as many are counted as are here.
    fn check_names(&mut self) {
        let mut here: Vec<(ConnectionId, u64)> = Vec::new();
        for (connection, client) in &self.clients {
            let name = self.chat.name_of(*connection);
            assert_eq!(self.mailboxes.open[connection].name.as_deref().filter(|_| name.is_some()), name);
            match name {
                Some(_) => here.push((*connection, client.member)),
                None => assert!(self.mailboxes.is_closing(*connection), "{connection:?} has no member"),
            }
        }
        for (connection, member) in &here {
            let text = self.chat.name_of(*connection).expect("it has a name");
            if self.names.get(member).is_none_or(|known| known != text) {
                let name = Name::parse(text).expect("a name can be said again");
                assert_eq!(name.as_str(), text, "a name is its own canonical form");
                self.names.insert(*member, text.to_owned());
                self.keys.insert(*member, name.key());
            }
        }
        let mut owners: HashMap<&NameKey, u64> = HashMap::new();
        for (_, member) in here {
            let owner = *owners.entry(&self.keys[&member]).or_insert(member);
            assert_eq!(owner, member, "two are called {}", self.names[&member]);
        }
        let here: HashSet<u64> = owners.values().copied().collect();
        assert_eq!(self.chat.count(), here.len());
    }
}

/// A private message, and nothing else, is delivered in private, now and later; and a message comes of a text that was marked
/// like it.
fn check_delivery(delivery: Delivery, event: &Value, cause: &Cause) {
    let is_private = is_private_event(event);
    assert_eq!(delivery.is_private(), is_private, "{event} by {delivery:?}");
    assert_eq!(delivery == Delivery::Welcome, event["type"] == "welcome", "{event} by {delivery:?}");
    let is_new = !matches!(delivery, Delivery::Replay(_));
    if is_new && event["type"] == "message" {
        let Cause::Said(_, privacy) = cause else { panic!("{event} though no one spoke") };
        assert_eq!(*privacy == Privacy::Private, is_private, "{event} was marked as {privacy:?}");
    }
}
