//! The number a connection is known by: `conn 7` in the log, in the broadcaster's table and in the chat.
//!
//! The accept threads hand the numbers out, everybody else only passes them on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Numbers rise by one for each accepted TCP connection and are never used twice in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "conn {}", self.0)
    }
}
