//! The number a connection is known by: `conn 7` in the log, in the broadcaster's table and in the chat.
//!
//! The accept threads give the numbers; all others only pass them on.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

/// Numbers rise by one for each accepted TCP connection and are never used twice in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "conn {}", self.0)
    }
}

/// For tables of connections. The server chooses the numbers, so a client cannot choose them to collide, and a fast hash is
/// enough.
pub type ByNumber = BuildHasherDefault<NumberHasher>;

/// Spreads numbers by a multiplication (Knuth's; The Art of Computer Programming 3, 6.4).
#[derive(Debug, Clone, Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The high bits of a product are mixed best, and a table uses the low ones first.
        self.0.rotate_left(26)
    }
}
