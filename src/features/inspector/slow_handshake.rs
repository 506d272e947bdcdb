//! A handshake that takes long: with `?slow=handshake` in its address it is answered after some seconds, so that `readyState` 0 can be
//! seen.
//!
//! Called by the router on the connection's thread, which waits here before it is checked whether the client may come in: the
//! connection holds nothing but its thread then. It ends early if the client leaves.

use std::time::Duration;

use crate::http::{Before, Response, parameter};
use crate::limits::Limit;

/// How long such a handshake waits.
const WAIT: Duration = Duration::from_secs(3);

/// Handshakes that may wait at once.
const MAX_WAITING: usize = 64;

/// To be called before each request is answered.
pub fn slow_handshake() -> Before {
    let waiting = Limit::new(MAX_WAITING);
    Box::new(move |call| {
        let is_slow = || parameter(&call.request.query, "slow").is_some_and(|what| what == "handshake");
        if !call.wants_websocket() || !is_slow() {
            return None;
        }
        let Some(_permit) = waiting.acquire() else { return Some(Response::full()) };
        let text = "With slow=handshake a client sends nothing more until it is answered.";
        (!(call.wait)(WAIT)).then(|| Response::refusal(400, text))
    })
}
