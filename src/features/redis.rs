//! A connection to Redis, and what the names of its keys begin with, for each feature that stores something there.
//!
//! No feature itself. Each thread that uses Redis has its own connection, and may wait for it. Neither the broadcaster nor a
//! connection's thread may ever do so.

use std::io;
use std::time::Duration;

use redis::{Client, Connection, RedisResult};

use crate::config::Options;

/// How long connecting may take, and one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where Redis is, and where in it this chat's keys are. Has no `Debug`: there may be a password in the address.
#[derive(Clone)]
pub struct Place {
    /// `redis://…`
    pub url: String,
    /// What all keys begin with.
    pub prefix: String,
}

impl Place {
    /// `None` without `--redis`.
    pub fn of(options: &Options) -> Option<Place> {
        let url = options.redis.clone()?.0;
        Some(Place { url, prefix: options.redis_prefix.clone() })
    }
}

/// Makes connections to one Redis.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    prefix: String,
}

impl Redis {
    /// Does not connect yet.
    ///
    /// # Errors
    /// If the address is not valid. The error does not contain it: there may be a password in it.
    pub fn new(place: Place) -> io::Result<Redis> {
        let client = Client::open(place.url)
            .map_err(|_| io::Error::other("--redis: this is no address like redis://host:6379"))?;
        Ok(Redis { client, prefix: place.prefix })
    }

    /// # Errors
    /// If Redis cannot be reached in time, or does not accept our password.
    pub fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(ANSWER_TIMEOUT)?;
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(connection)
    }

    /// The whole name of a key.
    pub fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }
}
