//! What Redis stores of a chat: the stream's entries, each an input with its place, and a snapshot, the chat at one place.
//!
//! Made by the reader and the broadcaster, written by the writer. Plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use redis::{FromRedisValue, ParsingError, Value};
use serde::{Deserialize, Serialize};

use crate::chat::{Chat, Input, ServerId, Time, Timestamp};

/// The last millisecond of the year 9999, which is the last that RFC 3339 can write.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

/// The id of an entry, given by Redis: its own clock, and a number within the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    pub milliseconds: u64,
    pub number: u64,
}

impl StreamId {
    /// The place before the first entry.
    pub const BEGINNING: StreamId = StreamId { milliseconds: 0, number: 0 };

    fn parse(text: &str) -> Option<StreamId> {
        let (milliseconds, number) = text.split_once('-')?;
        Some(StreamId { milliseconds: milliseconds.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.milliseconds, self.number)
    }
}

impl FromRedisValue for StreamId {
    fn from_redis_value(value: Value) -> Result<StreamId, ParsingError> {
        let text = String::from_redis_value(value)?;
        StreamId::parse(&text).ok_or_else(|| "this is no id of a stream's entry".into())
    }
}

/// An input as it stands in the stream.
#[derive(Debug)]
pub struct Entry {
    pub id: StreamId,
    /// Which server proposed it.
    pub server: ServerId,
    /// Which of that server's proposals it is. Each of them counts once, however often it was sent.
    pub number: u64,
    pub input: Input,
}

impl Entry {
    /// Reads the fields of an entry; `None` if they are not those of an input.
    pub fn parse(id: StreamId, fields: &[(String, String)]) -> Option<Entry> {
        let field =
            |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        Some(Entry {
            id,
            server: ServerId(field("s")?.parse().ok()?),
            number: field("n")?.parse().ok()?,
            input: serde_json::from_str(field("i")?).ok()?,
        })
    }

    pub fn time(&self) -> Time {
        Time(self.id.milliseconds)
    }

    /// The same on every server.
    pub fn timestamp(&self) -> Timestamp {
        let since_1970 = Duration::from_millis(self.id.milliseconds.min(LAST_MILLISECOND));
        Timestamp::new(self.time(), SystemTime::UNIX_EPOCH + since_1970)
    }
}

/// The chat as it is after an entry of the stream: a server that starts goes on from there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub position: StreamId,
    /// The last number of each server's proposals that counted.
    pub numbers: BTreeMap<ServerId, u64>,
    pub chat: Chat,
}

#[cfg(test)]
mod tests;
