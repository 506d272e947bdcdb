//! What the cluster stores in Redis: its keys, and every command that is sent for it.
//!
//! | key, after the prefix | type | what |
//! |---|---|---|
//! | `2:epoch` | string | the present run of the chat |
//! | `2:EPOCH:inputs` | stream | all that happens in it |
//! | `2:EPOCH:snapshot` | hash | the chat at a late place of the stream, and the time of that place |
//! | `2:EPOCH:servers` | sorted set | the last sign of life of each server, in milliseconds by Redis's clock |
//!
//! Used by the reader and the writer, each with a connection of its own. Every call waits for Redis.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Connection, RedisResult, Value, cmd, pipe};

use super::entry::{Entry, Snapshot, StreamId};
use super::proposals::Proposal;
use crate::chat::{ServerId, new_epoch};
use crate::features::redis::Redis;

/// A part of the keys. Raised with each change of how an input or a snapshot is written: servers before and after such a change
/// have two chats, and neither reads what it does not understand.
const FORMAT: u32 = 2;

/// Stores a snapshot, unless a later one is there.
const SET_SNAPSHOT: &str = "
local kept = redis.call('hget', KEYS[1], 'at')
if not kept or tonumber(kept) <= tonumber(ARGV[1]) then
    redis.call('hset', KEYS[1], 'at', ARGV[1], 'chat', ARGV[2])
end
return 0";

/// Begins a new run, unless another server has done so. Of the old one nothing is left.
const BEGIN_RUN: &str = "
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('set', KEYS[1], ARGV[2])
    redis.call('del', KEYS[2], KEYS[3], KEYS[4])
end
return 0";

/// An entry's id and its fields.
type RawEntry = (StreamId, Vec<(String, String)>);

/// A batch of entries, in order.
pub struct Batch {
    pub entries: Vec<Entry>,
    /// Where the next one begins; `None` if nothing was there.
    pub end: Option<StreamId>,
    /// As many as were asked for: there may be more already.
    pub is_full: bool,
    /// How many more there were that are no inputs.
    pub unknown: usize,
}

#[derive(Clone)]
pub struct Store {
    redis: Redis,
    /// The stream has at least this many entries, if there were as many.
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

    fn stream(&self, epoch: &str) -> String {
        self.key(epoch, "inputs")
    }

    fn snapshot_key(&self, epoch: &str) -> String {
        self.key(epoch, "snapshot")
    }

    fn servers(&self, epoch: &str) -> String {
        self.key(epoch, "servers")
    }

    /// The present run; the first server names it.
    pub fn epoch(&self, connection: &mut Connection) -> RedisResult<String> {
        let key = self.epoch_key();
        if let Some(epoch) = cmd("GET").arg(&key).query::<Option<String>>(connection)? {
            return Ok(epoch);
        }
        cmd("SET").arg(&key).arg(new_epoch()).arg("NX").exec(connection)?;
        cmd("GET").arg(&key).query(connection)
    }

    /// Lets all servers begin a new run in place of this one.
    pub fn begin_new_run(&self, connection: &mut Connection, epoch: &str) -> RedisResult<()> {
        cmd("EVAL")
            .arg(BEGIN_RUN)
            .arg(4)
            .arg(self.epoch_key())
            .arg(self.stream(epoch))
            .arg(self.snapshot_key(epoch))
            .arg(self.servers(epoch))
            .arg(epoch)
            .arg(new_epoch())
            .exec(connection)
    }

    /// The snapshot that was stored last, and whether it can be read; `None` if there is none.
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

    /// The stream has this entry.
    pub fn has(&self, connection: &mut Connection, epoch: &str, id: StreamId) -> RedisResult<bool> {
        let id = id.to_string();
        let found: Vec<(StreamId, Value)> =
            cmd("XRANGE").arg(self.stream(epoch)).arg(&id).arg(&id).query(connection)?;
        Ok(!found.is_empty())
    }

    /// The first entry that the stream still has.
    fn first(&self, connection: &mut Connection, epoch: &str) -> RedisResult<Option<StreamId>> {
        let stream = self.stream(epoch);
        let first: Vec<(StreamId, Value)> =
            cmd("XRANGE").arg(stream).arg("-").arg("+").arg("COUNT").arg(1).query(connection)?;
        Ok(first.first().map(|(id, _)| *id))
    }

    /// The stream has dropped all entries up to this one, and perhaps some that came next.
    pub fn has_passed(&self, connection: &mut Connection, epoch: &str, id: StreamId) -> RedisResult<bool> {
        Ok(self.first(connection, epoch)?.is_some_and(|first| first > id))
    }

    /// The stream no longer has the first entry that was ever in it.
    pub fn is_trimmed(&self, connection: &mut Connection, epoch: &str) -> RedisResult<bool> {
        if self.first(connection, epoch)?.is_none() {
            return Ok(false);
        }
        let facts: HashMap<String, Value> =
            cmd("XINFO").arg("STREAM").arg(self.stream(epoch)).query(connection)?;
        let number = |name: &str| match facts.get(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        // Before Redis 7 it does not say how many there were.
        Ok(number("entries-added").is_some_and(|added| Some(added) != number("length")))
    }

    /// The entries after this one, at most `count`. If there is none, it waits for the first of them.
    pub fn read(
        &self,
        connection: &mut Connection,
        epoch: &str,
        after: StreamId,
        count: usize,
        wait: Duration,
    ) -> RedisResult<Batch> {
        // For each stream, here one: its name and its entries.
        let read: Option<Vec<(String, Vec<RawEntry>)>> = cmd("XREAD")
            .arg("COUNT")
            .arg(count)
            .arg("BLOCK")
            .arg(wait.as_millis() as u64)
            .arg("STREAMS")
            .arg(self.stream(epoch))
            .arg(after.to_string())
            .query(connection)?;
        let raw: Vec<RawEntry> = read.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
        let (end, number) = (raw.last().map(|(id, _)| *id), raw.len());
        let entries: Vec<Entry> =
            raw.into_iter().filter_map(|(id, fields)| Entry::parse(id, &fields)).collect();
        let unknown = number - entries.len();
        Ok(Batch { entries, end, is_full: number == count, unknown })
    }

    /// Puts these proposals into the stream, in order: all of them or none.
    pub fn append<'a>(
        &self,
        connection: &mut Connection,
        epoch: &str,
        proposals: impl Iterator<Item = &'a Proposal>,
    ) -> RedisResult<()> {
        let stream = self.stream(epoch);
        let mut commands = pipe();
        // One by one, Redis would wake every reader for the first of them, and again for the rest.
        commands.atomic();
        for Proposal { server, number, input } in proposals {
            let add = commands.cmd("XADD").arg(&stream).arg("MAXLEN").arg("~");
            let add = add.arg(self.stream_length).arg("*").arg("s").arg(server.0);
            add.arg("n").arg(number).arg("i").arg(input).ignore();
        }
        commands.exec(connection)
    }

    /// A sign of life of this server. Returns Redis's time, in milliseconds.
    pub fn beat(&self, connection: &mut Connection, epoch: &str, server: ServerId) -> RedisResult<u64> {
        let (seconds, microseconds): (u64, u64) = cmd("TIME").query(connection)?;
        let now = seconds.saturating_mul(1000).saturating_add(microseconds / 1000);
        cmd("ZADD").arg(self.servers(epoch)).arg(now).arg(server.0).exec(connection)?;
        Ok(now)
    }

    /// Servers that gave no sign of life after this time, and when each gave its last.
    pub fn silent_since(
        &self,
        connection: &mut Connection,
        epoch: &str,
        milliseconds: u64,
    ) -> RedisResult<Vec<(u64, u64)>> {
        cmd("ZRANGEBYSCORE")
            .arg(self.servers(epoch))
            .arg(0)
            .arg(milliseconds)
            .arg("WITHSCORES")
            .query(connection)
    }

    /// This server's sign of life is no longer expected.
    pub fn forget_server(
        &self,
        connection: &mut Connection,
        epoch: &str,
        server: ServerId,
    ) -> RedisResult<()> {
        cmd("ZREM").arg(self.servers(epoch)).arg(server.0).exec(connection)
    }
}
