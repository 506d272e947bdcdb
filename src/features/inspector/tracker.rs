//! Follows the frames of one connection: numbers its messages, and finds the ping that a pong answers.
//!
//! Used by `describe` on the inspector's thread. Must never grow without a bound.

use std::collections::VecDeque;

use crate::broadcaster::Party;
use crate::websocket::frame::{FrameHead, Opcode};

/// Unanswered pings of one side that are stored.
const MAX_PINGS: usize = 16;

#[derive(Default)]
pub struct FrameTracker {
    from_client: Side,
    from_server: Side,
}

/// The state of one direction.
#[derive(Default)]
struct Side {
    /// Messages begun so far.
    messages: u64,
    /// The last of them is not complete yet.
    is_fragmented: bool,
    /// The payload and the time of each unanswered ping.
    pings: VecDeque<(Vec<u8>, u64)>,
}

/// How a frame relates to earlier ones.
#[derive(Default)]
pub struct FrameContext {
    /// The number of the message that a data frame belongs to.
    pub message: Option<u64>,
    /// For a pong: when its ping was sent.
    pub answered_ping: Option<u64>,
}

impl FrameTracker {
    /// Adds the next frame, which came at time `us`.
    pub fn track(&mut self, from: Party, head: &FrameHead, payload: &[u8], us: u64) -> FrameContext {
        let (this, other) = match from {
            Party::Client => (&mut self.from_client, &mut self.from_server),
            Party::Server | Party::Neither => (&mut self.from_server, &mut self.from_client),
        };
        match head.opcode {
            Opcode::Ping => {
                if this.pings.len() == MAX_PINGS {
                    this.pings.pop_front();
                }
                this.pings.push_back((payload.to_vec(), us));
                FrameContext::default()
            }
            Opcode::Pong => {
                // A pong also answers all earlier pings (RFC 6455, 5.5.3).
                let ping = other.pings.iter().rposition(|(pinged, _)| pinged == payload);
                let answered = ping.and_then(|ping| other.pings.drain(..=ping).next_back());
                FrameContext { answered_ping: answered.map(|(_, us)| us), ..FrameContext::default() }
            }
            Opcode::Close => FrameContext::default(),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if !this.is_fragmented || head.opcode != Opcode::Continuation {
                    this.messages += 1;
                }
                this.is_fragmented = !head.fin;
                FrameContext { message: Some(this.messages), ..FrameContext::default() }
            }
        }
    }
}
