//! What people hear: each event is well formed, comes in order, to everybody or to the two it is for.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::Value;

use super::world::{Happened, Told, World};
use crate::chat::{Link, Name, NameKey};

/// Bytes of an event beside what was written, and of a name in JSON: 32 characters of four bytes.
const UPKEEP: usize = 1024;
const NAME: usize = 131;

impl World {
    /// Everybody reads the mail.
    pub fn check(&mut self, happened: &Happened) {
        let open = self.mailboxes.open.iter_mut();
        let mail: Vec<(Link, Vec<Bytes>)> =
            open.map(|(link, mail)| (*link, std::mem::take(mail))).collect();
        // What all hear at once is looked at once.
        let mut parsed: HashMap<&Bytes, Value> = HashMap::new();
        let mut fresh: HashMap<u64, usize> = HashMap::new();
        for (link, json) in
            mail.iter().flat_map(|(link, mail)| mail.iter().map(move |it| (link, it)))
        {
            let event = parsed
                .entry(json)
                .or_insert_with(|| serde_json::from_slice(json).expect("an event is JSON"));
            let names = event["users"].as_array().map_or(4, Vec::len);
            let bound = UPKEEP + 2 * self.longest + NAME * names;
            assert!(json.len() <= bound, "{} bytes: {event}", json.len());
            self.hear(*link, event, happened, &mut fresh);
        }
        let others = self.clients.keys().filter(|link| self.is_other(**link, happened)).count();
        for (id, heard) in fresh {
            let Told { event, members } = &self.told[&id];
            assert!(members.is_some() || heard == others, "{heard} of {others} hear {event}");
        }
        self.check_names();
    }

    /// Somebody who was here before, and stays.
    fn is_other(&self, link: Link, happened: &Happened) -> bool {
        let is_new = matches!(happened, Happened::Entered(new, _) if *new == link);
        !is_new && !self.mailboxes.closing.contains(&link)
    }

    /// One hears an event. `fresh` counts how many others hear what nobody had heard before.
    fn hear(
        &mut self,
        link: Link,
        event: &Value,
        happened: &Happened,
        fresh: &mut HashMap<u64, usize>,
    ) {
        if event["type"] == "welcome" {
            return self.welcome(link, event, happened);
        }
        let is_other = self.is_other(link, happened);
        let client = self.clients.get_mut(&link).expect("somebody who is here");
        assert!(client.member > 0, "{event} before the welcome");
        let Some(id) = event["id"].as_u64() else {
            let is_known = ["error", "typing"].iter().any(|known| event["type"] == *known);
            return assert!(is_known, "{event}");
        };
        if event["type"] == "posted" {
            return assert_eq!(self.told[&id].event["type"], "message", "{event}");
        }
        assert!(id > client.heard, "{event} behind {}", client.heard);
        client.heard = id;
        let (place, member, last) = (client.place, client.member, client.last);
        if self.places[place].link == Some(link) {
            self.places[place].heard = id;
        }

        let mut event = event.clone();
        let own = event.as_object_mut().and_then(|event| event.remove("ref"));
        if !self.told.contains_key(&id) {
            let is_next = self.told.keys().all(|told| *told < id);
            assert!(is_next || !is_other, "{event} is late");
            let members = self.two(&event, happened);
            // What was before the welcome is a part of the past.
            if is_other || id > last {
                fresh.insert(id, 0);
            }
            self.told.insert(id, Told { event: event.clone(), members });
        }
        let told = &self.told[&id];
        assert_eq!(told.event, event, "everybody hears the same");
        let may_hear = told.members.as_ref().is_none_or(|members| members.contains(&member));
        assert!(may_hear, "{event} is private, but member {member} hears it");
        assert!(own.is_none() || event["type"] == "message", "{event}");
        if let Some(heard) = fresh.get_mut(&id) {
            *heard += usize::from(is_other);
        }
    }

    /// Who may hear an event, if not everybody may: whoever said it, and whoever has the name that it goes to.
    fn two(&self, event: &Value, happened: &Happened) -> Option<HashSet<u64>> {
        let to = event["to"].as_str()?;
        let Happened::Said(speaker) = happened else {
            panic!("{event} is heard though nobody spoke")
        };
        let from = self.clients[speaker].member;
        let named = |member: &&u64| self.names[*member] == to;
        let here: HashSet<u64> = self.clients.values().map(|client| client.member).collect();
        let mut two: HashSet<u64> = here.iter().filter(named).copied().collect();
        // The name is kept for somebody who dropped: one of those who had it.
        if two.is_empty() {
            two.extend(self.names.keys().filter(named));
        }
        assert!(!two.is_empty(), "{event} is for nobody");
        two.insert(from);
        Some(two)
    }

    fn welcome(&mut self, link: Link, welcome: &Value, happened: &Happened) {
        let Happened::Entered(newcomer, after) = happened else {
            panic!("{welcome} though nobody came")
        };
        let session = welcome["session"].as_str().expect("there was a secret");
        let (member, _) = session.split_once('.').expect("a member and a secret");
        let client = self.clients.get_mut(&link).expect("somebody who is here");
        assert!(*newcomer == link && client.member == 0, "{welcome} to somebody else");
        client.member = member.parse().expect("a number");
        // Nothing it knows is told again.
        client.heard = if welcome["recovered"] == true { *after } else { 0 };
        client.last = welcome["last"].as_u64().expect("a number");
        let place = &mut self.places[client.place];
        (place.session, place.heard) = (Some(session.to_owned()), client.heard);

        let names = welcome["users"].as_array().expect("a list");
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        assert_eq!(welcome["count"], self.chat.count());
        assert_eq!(names.len(), self.chat.count(), "{welcome}");
        assert_eq!(welcome["you"].as_str(), self.chat.name_of(link));
        assert!(names.iter().any(|name| welcome["you"] == *name), "{welcome}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{welcome}");
    }

    /// No two who are here have names that look alike, and as many are counted as are here.
    fn check_names(&mut self) {
        let closing = &self.mailboxes.closing;
        let here: Vec<(Link, u64)> = self
            .clients
            .iter()
            .filter(|(link, _)| !closing.contains(link))
            .map(|(link, client)| (*link, client.member))
            .collect();
        for (link, member) in &here {
            let text = self.chat.name_of(*link).expect("somebody who is here has a name");
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
