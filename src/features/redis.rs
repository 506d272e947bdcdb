//! Connects to Redis and names its keys, for the features that store something there.
//!
//! Each thread that uses Redis has its own connection and waits for it. The broadcaster and the connections' threads must never
//! use one.

use std::io;
use std::time::Duration;

use redis::{Client, Connection, RedisResult};

use crate::config::Options;

/// How long connecting may take, and each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The address of Redis and the prefix of this chat's keys. Has no `Debug`: the address may contain a password.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://…`
    pub url: String,
    pub prefix: String,
}

impl RedisConfig {
    /// `None` without `--redis`.
    pub fn of(options: &Options) -> Option<RedisConfig> {
        let url = options.redis.clone()?.0;
        Some(RedisConfig { url, prefix: options.redis_prefix.clone() })
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
    /// If the address is not valid. The error does not repeat it: it may contain a password.
    pub fn new(config: RedisConfig) -> io::Result<Redis> {
        let client = Client::open(config.url)
            .map_err(|_| io::Error::other("--redis: the address is not like redis://host:6379"))?;
        Ok(Redis { client, prefix: config.prefix })
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
