//! The checks, in files by what they are about. Each returns a verdict and never waits without a deadline.

pub mod close;
pub mod conversation;
pub mod faults;
pub mod handshake;
pub mod stalled;
pub mod torn;
