//! A connection to Redis, and the names of what is kept there.
//!
//! Used by the writer and the reader, each with a connection of its own. Both may wait for Redis; nobody waits for them.

use std::io;
use std::time::Duration;

use redis::{Client, Connection, RedisError, RedisResult};

use super::Place;

/// How long connecting may take, and one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Wait before the next try to connect, doubled at each that fails.
pub const SHORTEST_RETRY: Duration = Duration::from_millis(50);
pub const LONGEST_RETRY: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Redis {
    client: Client,
    prefix: String,
    /// Events that the stream keeps.
    pub kept: usize,
}

impl Redis {
    /// # Errors
    /// If the address is none. It is not told: there may be a password in it.
    pub fn new(place: Place) -> io::Result<Redis> {
        let client = Client::open(place.url)
            .map_err(|_| io::Error::other("--redis: this is no address like redis://host:6379"))?;
        Ok(Redis { client, prefix: place.prefix, kept: place.kept })
    }

    /// # Errors
    /// If Redis cannot be reached in time, or does not let us in.
    pub fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    /// Something that outlives a run.
    pub fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Names the present run of the numbering.
    pub fn epoch_key(&self) -> String {
        format!("{}:epoch", self.prefix)
    }

    /// The stream of everything that happens in a run.
    pub fn stream(&self, epoch: &str) -> String {
        format!("{}:{epoch}:inputs", self.prefix)
    }

    /// The chat at some place of the stream.
    pub fn snapshot_key(&self, epoch: &str) -> String {
        format!("{}:{epoch}:snapshot", self.prefix)
    }

    /// When each server was heard of last.
    pub fn servers(&self, epoch: &str) -> String {
        format!("{}:{epoch}:servers", self.prefix)
    }
}

/// What went wrong, without what the server says of it: that may repeat what it was asked.
pub fn told(error: &RedisError) -> String {
    error.category().to_owned()
}
