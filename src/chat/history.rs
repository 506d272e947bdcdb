//! The latest events, for new members and for those who come back: messages, and apart from them notices of who came, went and was
//! renamed, so that no coming and going pushes messages out.
//!
//! Called by the chat. Holds finished JSON, shared with the round in which it was first sent.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::session_token::MemberId;
use crate::tap::Privacy;

/// Messages that are kept, even if `--history` sends fewer to a new member; and their bytes of JSON, overhead included.
pub const KEPT_EVENTS: usize = 10_000;
pub const KEPT_BYTES: usize = 4 << 20;

/// The same for notices.
const KEPT_NOTICES: usize = 10_000;
const KEPT_NOTICE_BYTES: usize = 2 << 20;

/// Notices that a new member gets, at most; and never more than messages.
pub const REPLAYED_NOTICES: usize = 50;

/// Bytes that are sent to one client at once when it comes in, at most; and never more than half of its send queue, or the
/// past alone could fill that.
pub const REPLAY_BYTES: usize = 512 << 10;

/// Memory that a record takes besides its JSON.
const RECORD_OVERHEAD: usize = 160;

/// One event as it was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub id: u64,
    #[serde(with = "text")]
    pub json: Bytes,
    pub visibility: Visibility,
    /// The copy of the member that it is about, if it differs; empty if that member does not get it.
    #[serde(with = "own_text")]
    pub own: Option<(MemberId, Bytes)>,
}

/// Who may read an event, now and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    Everyone,
    /// Private between these two.
    Two(MemberId, MemberId),
}

impl Visibility {
    fn privacy(self) -> Privacy {
        match self {
            Visibility::Everyone => Privacy::Public,
            Visibility::Two(..) => Privacy::Private,
        }
    }

    fn includes(self, member: MemberId) -> bool {
        match self {
            Visibility::Everyone => true,
            Visibility::Two(one, other) => member == one || member == other,
        }
    }
}

impl Record {
    fn memory(&self) -> usize {
        self.json.len() + self.own.as_ref().map_or(0, |(_, json)| json.len()) + RECORD_OVERHEAD
    }

    /// The event as this member may read it.
    fn replayed(&self, member: MemberId) -> Option<Replayed<'_>> {
        let json = match &self.own {
            Some((owner, own)) if *owner == member => Some(own).filter(|own| !own.is_empty()),
            _ => self.visibility.includes(member).then_some(&self.json),
        };
        json.map(|json| Replayed { id: self.id, privacy: self.visibility.privacy(), json })
    }
}

/// The latest events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct History {
    messages: Records,
    notices: Records,
    /// Bytes that are sent to one client at once: each server's own setting.
    #[serde(skip)]
    replay_bytes: usize,
}

/// The latest events of one kind, ids rising.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Records {
    records: VecDeque<Record>,
    bytes: usize,
    /// The highest id that is no longer kept; 0 if all are.
    forgotten: u64,
}

impl Records {
    /// Keeps one more. The oldest are forgotten beyond so many records or bytes.
    fn push(&mut self, record: Record, most: usize, most_bytes: usize) {
        self.bytes += record.memory();
        self.records.push_back(record);
        while self.records.len() > most || self.bytes > most_bytes {
            let Some(oldest) = self.records.pop_front() else { return };
            self.bytes -= oldest.memory();
            self.forgotten = oldest.id;
        }
    }

    fn since(&self, after: u64) -> impl Iterator<Item = &Record> {
        let begin = self.records.partition_point(|record| record.id <= after);
        self.records.range(begin..)
    }

    /// The events that the member may read, the latest first.
    fn latest(&self, member: MemberId) -> impl Iterator<Item = Replayed<'_>> {
        self.records.iter().rev().filter_map(move |record| record.replayed(member))
    }
}

/// An event as one member gets it again.
struct Replayed<'a> {
    id: u64,
    privacy: Privacy,
    json: &'a Bytes,
}

impl History {
    /// `send_queue` in bytes: what may wait for one client.
    pub fn new(send_queue: usize) -> Self {
        let replay_bytes = REPLAY_BYTES.min(send_queue / 2);
        History { messages: Records::default(), notices: Records::default(), replay_bytes }
    }

    /// The same where this many bytes may wait for one client.
    pub fn with_send_queue(self, send_queue: usize) -> Self {
        History { replay_bytes: REPLAY_BYTES.min(send_queue / 2), ..self }
    }

    pub fn push(&mut self, message: Record) {
        self.messages.push(message, KEPT_EVENTS, KEPT_BYTES);
    }

    pub fn push_notice(&mut self, notice: Record) {
        self.notices.push(notice, KEPT_NOTICES, KEPT_NOTICE_BYTES);
    }

    /// Takes a message out, with its text. Returns whether it was here.
    pub fn remove(&mut self, message: u64) -> bool {
        let records = &mut self.messages.records;
        let Ok(place) = records.binary_search_by_key(&message, |record| record.id) else { return false };
        let removed = records.remove(place);
        self.messages.bytes -= removed.as_ref().map_or(0, Record::memory);
        removed.is_some()
    }

    /// Takes all messages out. That they are gone is no gap for a member who comes back.
    pub fn clear_messages(&mut self) {
        self.messages.records = VecDeque::new();
        self.messages.bytes = 0;
    }

    /// Everything after event `after` that the member may read, in order; `None` if a part of it is no longer kept, be it a message or
    /// a notice.
    pub fn since(&self, after: u64, member: MemberId) -> Option<Vec<(Privacy, &Bytes)>> {
        if after < self.messages.forgotten.max(self.notices.forgotten) {
            return None;
        }
        let missed = self.messages.since(after).chain(self.notices.since(after));
        let missed = in_order(missed.filter_map(|record| record.replayed(member)).collect());
        let bytes: usize = missed.iter().map(|(_, json)| json.len()).sum();
        (bytes <= self.replay_bytes).then_some(missed)
    }

    /// The last `count` messages that the member may read, with the notices among and after them, in order; fewer if they are long.
    pub fn last(&self, count: usize, member: MemberId) -> Vec<(Privacy, &Bytes)> {
        let (mut last, mut left) = (Vec::new(), self.replay_bytes);
        // Where earlier messages are left out, so are the notices among them.
        let mut first = 0;
        for message in self.messages.latest(member) {
            if last.len() == count || message.json.len() > left {
                first = last.last().map_or(u64::MAX, |first: &Replayed<'_>| first.id);
                break;
            }
            left -= message.json.len();
            last.push(message);
        }
        for notice in self.notices.latest(member).take(count.min(REPLAYED_NOTICES)) {
            if notice.id < first || notice.json.len() > left {
                break;
            }
            left -= notice.json.len();
            last.push(notice);
        }
        in_order(last)
    }
}

fn in_order(mut events: Vec<Replayed<'_>>) -> Vec<(Privacy, &Bytes)> {
    events.sort_unstable_by_key(|event| event.id);
    events.into_iter().map(|event| (event.privacy, event.json)).collect()
}

/// Bytes of UTF-8 as a JSON string; as bytes they would be a list of numbers.
mod text {
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(bytes).map_err(S::Error::custom)?)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        String::deserialize(deserializer).map(Bytes::from).map_err(D::Error::custom)
    }
}

/// The same for the copy of one member.
mod own_text {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::MemberId;

    #[derive(Serialize, Deserialize)]
    struct Own(MemberId, #[serde(with = "super::text")] Bytes);

    pub fn serialize<S: Serializer>(
        own: &Option<(MemberId, Bytes)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        own.clone().map(|(member, json)| Own(member, json)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(MemberId, Bytes)>, D::Error> {
        let own = Option::<Own>::deserialize(deserializer)?;
        Ok(own.map(|Own(member, json)| (member, json)))
    }
}

#[cfg(test)]
mod tests;
