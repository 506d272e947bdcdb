//! The cluster's keys in Redis, and all commands that it sends.
//!
//! | key, after the prefix | type | content |
//! |---|---|---|
//! | `2:epoch` | string | the id of the chat's current run |
//! | `2:EPOCH:inputs` | stream | the inputs of this run, in order |
//! | `2:EPOCH:snapshot` | hash | the chat after one of the latest entries, and the time of that entry |
//! | `2:EPOCH:servers` | sorted set | the last heartbeat of each server, in milliseconds of Redis's clock |
//!
//! Used by the reader and the writer, each with its own connection. Every call waits for Redis, so the broadcaster must never call it.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Connection, RedisResult, Value, cmd, pipe};

use super::entry::{Entry, Snapshot, StreamId};
use super::proposals::Proposal;
use crate::chat::{ServerId, new_epoch};
use crate::features::redis::Redis;

/// The version of the stored format, a part of each key. Raise it when an input or a snapshot is written in another way: then old
/// and new servers have separate chats, and neither reads data that it cannot parse.
const FORMAT: u32 = 4;

/// Stores a snapshot, unless a later one is stored.
const SET_SNAPSHOT: &str = "
local stored = redis.call('hget', KEYS[1], 'at')
if not stored or tonumber(stored) <= tonumber(ARGV[1]) then
    redis.call('hset', KEYS[1], 'at', ARGV[1], 'chat', ARGV[2])
end
return 0";

/// Begins a new run and deletes the old one, unless another server has done so.
const BEGIN_RUN: &str = "
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('set', KEYS[1], ARGV[2])
    redis.call('del', KEYS[2], KEYS[3], KEYS[4])
end
return 0";

/// Writes the stream again, without the entries before one. `XTRIM` would only mark them: their bytes would stay in the node that
/// they share with later ones. That entries were deleted stays known (Redis 7).
const TRIM: &str = "
local entries = redis.call('xrange', KEYS[1], ARGV[1], '+')
if #entries == 0 or entries[1][1] ~= ARGV[1] then return 0 end
local added
local info = redis.call('xinfo', 'stream', KEYS[1])
for place = 1, #info - 1, 2 do
    if info[place] == 'entries-added' then added = info[place + 1] end
end
redis.call('del', KEYS[1])
for _, entry in ipairs(entries) do redis.call('xadd', KEYS[1], entry[1], unpack(entry[2])) end
if added then
    redis.call('xsetid', KEYS[1], entries[#entries][1], 'ENTRIESADDED', added, 'MAXDELETEDID', '0-1')
end
return 0";

/// An entry's id and its fields.
type RawEntry = (StreamId, Vec<(String, String)>);

/// A batch of entries, in order.
pub struct Batch {
    pub entries: Vec<Entry>,
    /// The id of the last entry read; `None` if there was none.
    pub end: Option<StreamId>,
    /// It has the maximal number of entries: more may follow.
    pub is_full: bool,
    /// The number of entries that are not inputs.
    pub unknown: usize,
}

#[derive(Clone)]
pub struct Store {
    redis: Redis,
    /// The stream is trimmed to about this many entries, never to fewer.
    stream_length: usize,
}

impl Store {
    pub fn new(redis: Redis, stream_length: usize) -> Store {
        Store { redis, stream_length }
    }

    pub fn connect(&self) -> RedisResult<Connection> {
        self.redis.connect()
    }

    fn epoch_key(&self) -> String {
        self.redis.key(&format!("{FORMAT}:epoch"))
    }

    fn key(&self, epoch: &str, name: &str) -> String {
        self.redis.key(&format!("{FORMAT}:{epoch}:{name}"))
    }

    fn stream_key(&self, epoch: &str) -> String {
        self.key(epoch, "inputs")
    }

    fn snapshot_key(&self, epoch: &str) -> String {
        self.key(epoch, "snapshot")
    }

    fn servers_key(&self, epoch: &str) -> String {
        self.key(epoch, "servers")
    }

    /// The id of the current run. If there is none, this begins the first.
    pub fn epoch(&self, connection: &mut Connection) -> RedisResult<String> {
        let key = self.epoch_key();
        if let Some(epoch) = cmd("GET").arg(&key).query::<Option<String>>(connection)? {
            return Ok(epoch);
        }
        cmd("SET").arg(&key).arg(new_epoch()).arg("NX").exec(connection)?;
        cmd("GET").arg(&key).query(connection)
    }

    /// Begins a new run in place of this one, for all servers.
    pub fn begin_new_run(&self, connection: &mut Connection, epoch: &str) -> RedisResult<()> {
        cmd("EVAL")
            .arg(BEGIN_RUN)
            .arg(4)
            .arg(self.epoch_key())
            .arg(self.stream_key(epoch))
            .arg(self.snapshot_key(epoch))
            .arg(self.servers_key(epoch))
            .arg(epoch)
            .arg(new_epoch())
            .exec(connection)
    }

    /// The stored snapshot, or why it cannot be parsed; `None` if there is none.
    pub fn snapshot(
        &self,
        connection: &mut Connection,
        epoch: &str,
    ) -> RedisResult<Option<serde_json::Result<Snapshot>>> {
        let key = self.snapshot_key(epoch);
        let json: Option<String> = cmd("HGET").arg(key).arg("chat").query(connection)?;
        Ok(json.map(|json| serde_json::from_str(&json)))
    }

    pub fn set_snapshot(
        &self,
        connection: &mut Connection,
        epoch: &str,
        snapshot: &Snapshot,
    ) -> RedisResult<()> {
        let json = serde_json::to_string(snapshot).expect("invariant: a chat is plain data");
        cmd("EVAL")
            .arg(SET_SNAPSHOT)
            .arg(1)
            .arg(self.snapshot_key(epoch))
            .arg(snapshot.position.milliseconds)
            .arg(json)
            .exec(connection)
    }

    /// Deletes all entries before this one, so that their bytes are gone.
    pub fn trim(&self, connection: &mut Connection, epoch: &str, first: StreamId) -> RedisResult<()> {
        let stream = self.stream_key(epoch);
        cmd("EVAL").arg(TRIM).arg(1).arg(stream).arg(first.to_string()).exec(connection)
    }

    /// Whether the stream has this entry.
    pub fn has(&self, connection: &mut Connection, epoch: &str, id: StreamId) -> RedisResult<bool> {
        let id = id.to_string();
        let found: Vec<(StreamId, Value)> =
            cmd("XRANGE").arg(self.stream_key(epoch)).arg(&id).arg(&id).query(connection)?;
        Ok(!found.is_empty())
    }

    /// The first entry that the stream still has.
    fn first(&self, connection: &mut Connection, epoch: &str) -> RedisResult<Option<StreamId>> {
        let stream = self.stream_key(epoch);
        let first: Vec<(StreamId, Value)> =
            cmd("XRANGE").arg(stream).arg("-").arg("+").arg("COUNT").arg(1).query(connection)?;
        Ok(first.first().map(|(id, _)| *id))
    }

    /// Whether the stream was trimmed past this entry: it is gone, and perhaps later ones, too.
    pub fn is_trimmed_past(
        &self,
        connection: &mut Connection,
        epoch: &str,
        id: StreamId,
    ) -> RedisResult<bool> {
        Ok(self.first(connection, epoch)?.is_some_and(|first| first > id))
    }

    /// Whether the stream no longer has its very first entry.
    pub fn is_trimmed(&self, connection: &mut Connection, epoch: &str) -> RedisResult<bool> {
        if self.first(connection, epoch)?.is_none() {
            return Ok(false);
        }
        let info: HashMap<String, Value> =
            cmd("XINFO").arg("STREAM").arg(self.stream_key(epoch)).query(connection)?;
        let number = |name: &str| match info.get(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        // Redis before version 7 does not count the added entries.
        Ok(number("entries-added").is_some_and(|added| Some(added) != number("length")))
    }

    /// The entries after this one, at most `count`. If there is none, waits for one, at most `wait`.
    pub fn read(
        &self,
        connection: &mut Connection,
        epoch: &str,
        after: StreamId,
        count: usize,
        wait: Duration,
    ) -> RedisResult<Batch> {
        // Redis answers with each stream's name and entries. Here it is one stream.
        let read: Option<Vec<(String, Vec<RawEntry>)>> = cmd("XREAD")
            .arg("COUNT")
            .arg(count)
            .arg("BLOCK")
            .arg(wait.as_millis() as u64)
            .arg("STREAMS")
            .arg(self.stream_key(epoch))
            .arg(after.to_string())
            .query(connection)?;
        let raw: Vec<RawEntry> = read.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
        let (end, number) = (raw.last().map(|(id, _)| *id), raw.len());
        let entries: Vec<Entry> =
            raw.into_iter().filter_map(|(id, fields)| Entry::parse(id, &fields)).collect();
        let unknown = number - entries.len();
        Ok(Batch { entries, end, is_full: number == count, unknown })
    }

    /// Appends these proposals to the stream, in order: all or none.
    pub fn append<'a>(
        &self,
        connection: &mut Connection,
        epoch: &str,
        proposals: impl Iterator<Item = &'a Proposal>,
    ) -> RedisResult<()> {
        let stream = self.stream_key(epoch);
        let mut commands = pipe();
        // In one transaction: otherwise Redis would wake all readers after the first entry, and again for the rest.
        commands.atomic();
        for Proposal { server, number, input } in proposals {
            let add = commands.cmd("XADD").arg(&stream).arg("MAXLEN").arg("~");
            let add = add.arg(self.stream_length).arg("*").arg("s").arg(server.0);
            add.arg("n").arg(number).arg("i").arg(input).ignore();
        }
        commands.exec(connection)
    }

    /// Stores a heartbeat of this server. Returns the time of Redis's clock, in milliseconds.
    pub fn store_heartbeat(
        &self,
        connection: &mut Connection,
        epoch: &str,
        server: ServerId,
    ) -> RedisResult<u64> {
        let (seconds, microseconds): (u64, u64) = cmd("TIME").query(connection)?;
        let now = seconds.saturating_mul(1000).saturating_add(microseconds / 1000);
        cmd("ZADD").arg(self.servers_key(epoch)).arg(now).arg(server.0).exec(connection)?;
        Ok(now)
    }

    /// The servers without a heartbeat after this time, and when each had its last.
    pub fn silent_since(
        &self,
        connection: &mut Connection,
        epoch: &str,
        milliseconds: u64,
    ) -> RedisResult<Vec<(u64, u64)>> {
        cmd("ZRANGEBYSCORE")
            .arg(self.servers_key(epoch))
            .arg(0)
            .arg(milliseconds)
            .arg("WITHSCORES")
            .query(connection)
    }

    /// Deletes this server's heartbeat: no further one is expected.
    pub fn forget_server(
        &self,
        connection: &mut Connection,
        epoch: &str,
        server: ServerId,
    ) -> RedisResult<()> {
        cmd("ZREM").arg(self.servers_key(epoch)).arg(server.0).exec(connection)
    }
}
