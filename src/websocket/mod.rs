//! One WebSocket as its connection's thread has it: `handshake` (step 1), `stream` and `session` (step 2), `half_close` (step 3).
//!
//! `frame` finds frames in bytes and makes them; `frame_rules` is what RFC 6455 forbids a client; `rate_limit` is `--rate`.

mod fault;
pub mod frame;
mod frame_rules;
pub mod half_close;
mod handshake;
mod offers;
mod rate_limit;
mod read_ahead;
mod session;
mod stream;

pub use frame_rules::FrameRules;
pub use handshake::{Handshake, accept};
pub use offers::log_subprotocols;
pub use rate_limit::{BURST_SECONDS, BYTES_PER_TOKEN, HEARTBEAT_SECONDS};
pub use session::Session;
pub use stream::ClientStream;
