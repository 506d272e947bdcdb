//! A connection that somebody watches, as the broadcaster has it: to whom what happens on it is told.
//!
//! Used by the broadcaster alone, and never waits: what the inspector has no room for is counted instead.

use std::sync::Arc;
use std::time::Instant;

use super::frames::whole_frames;
use super::opening::Opening;
use super::record::{Recipient, Record, ToInspector, What};

/// A connection that somebody watches, as the broadcaster has it.
pub struct Watched {
    opening: Arc<Opening>,
    recipients: Arc<[Recipient]>,
    to_inspector: ToInspector,
    /// Frames left out since the last record that got through.
    lost: u64,
}

impl Watched {
    pub fn new(
        opening: Arc<Opening>,
        recipients: Vec<Recipient>,
        to_inspector: ToInspector,
    ) -> Watched {
        Watched { opening, recipients: recipients.into(), to_inspector, lost: 0 }
    }

    /// Something was left out, and nobody knows it yet.
    pub fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// Tells all who watch.
    pub fn tell(&mut self, at: Instant, what: What) {
        let left_out = match &what {
            What::Frames { frames, .. } => whole_frames(frames).count().max(1) as u64,
            _ => 0,
        };
        let record = Record {
            opening: Arc::clone(&self.opening),
            recipients: Arc::clone(&self.recipients),
            at,
            lost: self.lost,
            what,
        };
        if self.to_inspector.tell(record) {
            self.lost = 0;
        } else {
            self.lost += left_out;
        }
    }

    /// Tells one who has just come.
    pub fn tell_one(&self, recipient: Recipient, what: What) {
        self.to_inspector.tell(Record {
            opening: Arc::clone(&self.opening),
            recipients: [recipient].into(),
            at: Instant::now(),
            lost: 0,
            what,
        });
    }
}
