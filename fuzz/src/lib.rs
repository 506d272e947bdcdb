//! What is fuzzed, and what must hold whatever comes: each function takes any bytes, and panics if something does not hold.
//!
//! It sees the server from outside: only what `websocket_classroom` shows to all. The targets in `fuzz_targets/` call these
//! functions with inputs that libFuzzer makes up. `tests/fuzzing/` includes the same files and calls them with the inputs that
//! are kept in `corpus/`, each of which once reached something new or broke something.

#![forbid(unsafe_code)]

mod command;
mod connection;
#[cfg_attr(not(feature = "inspector"), allow(dead_code))] // The target `tap` asks for more.
mod frames;
mod head;
#[cfg_attr(not(feature = "inspector"), allow(dead_code))] // As above.
mod input;
mod privacy;
#[cfg(feature = "inspector")]
mod tap;

pub use command::command;
pub use connection::connection;
pub use head::head;
#[cfg(feature = "inspector")]
pub use tap::tap;
