//! What must be remembered of a connection from one frame to the next: the number of a message, the ping that a pong answers.
//!
//! Used by the inspector's thread alone.

use std::collections::VecDeque;

use crate::broadcaster::Party;
use crate::websocket::frame::{FrameHead, Opcode};

/// Pings of one side that may wait for their pong.
const WAITING_PINGS: usize = 16;

#[derive(Default)]
pub struct Lane {
    from_client: Side,
    from_server: Side,
}

/// The same of one direction.
#[derive(Default)]
struct Side {
    /// Messages begun so far.
    messages: u64,
    /// The last of them goes on.
    fragmented: bool,
    /// What was pinged, and when.
    pings: VecDeque<(Vec<u8>, u64)>,
}

/// Where a frame is among the frames of its connection.
#[derive(Default)]
pub struct Place {
    /// Which message of its direction a data frame belongs to.
    pub message: Option<u64>,
    /// Of a pong: when the ping was sent that it answers.
    pub answers: Option<u64>,
}

impl Lane {
    /// The next frame of this side; `us` is its time.
    pub fn place(&mut self, from: Party, head: &FrameHead, payload: &[u8], us: u64) -> Place {
        let (this, other) = match from {
            Party::Client => (&mut self.from_client, &mut self.from_server),
            Party::Server | Party::Neither => (&mut self.from_server, &mut self.from_client),
        };
        match head.opcode {
            Opcode::Ping => {
                if this.pings.len() == WAITING_PINGS {
                    this.pings.pop_front();
                }
                this.pings.push_back((payload.to_vec(), us));
                Place::default()
            }
            Opcode::Pong => {
                // Earlier pings need no answer of their own (RFC 6455, 5.5.3).
                let ping = other.pings.iter().rposition(|(pinged, _)| pinged == payload);
                let answered = ping.and_then(|ping| other.pings.drain(..=ping).next_back());
                Place { answers: answered.map(|(_, us)| us), ..Place::default() }
            }
            Opcode::Close => Place::default(),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if !this.fragmented || head.opcode != Opcode::Continuation {
                    this.messages += 1;
                }
                this.fragmented = !head.fin;
                Place { message: Some(this.messages), ..Place::default() }
            }
        }
    }
}
