//! The parts of the benchmark, each a word on the command line.

pub mod build;
pub mod encrypted;
pub mod joins;
pub mod latency;
pub mod memory;
pub mod peers;
pub mod private;
pub mod senders;
pub mod shared;
pub mod slow;
pub mod throughput;
pub mod watching;
