//! What Redis stores of a chat: the stream's entries, each an input with its id, and a snapshot of the chat after one of them.
//!
//! Used on the broadcaster's, the reader's and the writer's threads. Plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use redis::{FromRedisValue, ParsingError, Value};
use serde::{Deserialize, Serialize};

use crate::chat::{Chat, Input, ServerId, Time, Timestamp};

/// The last millisecond of the year 9999: RFC 3339 has no later time.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

/// The id that Redis gives an entry: the time of Redis's clock, and a number within that millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    pub milliseconds: u64,
    pub number: u64,
}

impl StreamId {
    /// The position before the first entry.
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
        StreamId::parse(&text).ok_or_else(|| "this is not the id of a stream's entry".into())
    }
}

/// An input in the stream.
#[derive(Debug)]
pub struct Entry {
    pub id: StreamId,
    /// The server that proposed it.
    pub server: ServerId,
    /// The number of that server's proposal. A proposal that was sent twice is applied once.
    pub number: u64,
    pub input: Input,
}

impl Entry {
    /// Parses an entry's fields; `None` if they are not an input.
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

    /// From Redis's clock, so it is the same on every server.
    pub fn timestamp(&self) -> Timestamp {
        let since_1970 = Duration::from_millis(self.id.milliseconds.min(LAST_MILLISECOND));
        Timestamp::new(self.time(), SystemTime::UNIX_EPOCH + since_1970)
    }
}

/// The chat after one entry of the stream. A server that starts continues from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    pub position: StreamId,
    /// For each server, the number of its last applied proposal.
    pub numbers: BTreeMap<ServerId, u64>,
    pub chat: Chat,
}

#[cfg(test)]
mod tests;
