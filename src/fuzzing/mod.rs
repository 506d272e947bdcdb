//! What is fuzzed, and what must hold whatever comes: each function takes any bytes, and panics if it does not.
//!
//! No part of the server. The targets in `fuzz/` call these functions with inputs that libFuzzer makes up; `cargo test` calls
//! them with those that are kept in `fuzz/corpus/`, each of which once reached something new or broke something.

mod command;
mod connection;
mod head;
mod input;
mod tap;

#[cfg(test)]
mod tests;

pub use command::command;
pub use connection::connection;
pub use head::head;
pub use tap::tap;
