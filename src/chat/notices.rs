//! How many joins and leaves are announced one by one. N joins that are sent to N members are N² events, so many at once are
//! merged.
//!
//! Called by the chat. No clock of its own: the time is an argument.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Time;

/// Notices that are sent one by one within [`WINDOW`]; more are merged into one `crowd` event.
pub const SINGLE_NOTICES: u32 = 20;

/// Also how long the merging lasts.
pub const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Notices {
    /// When the present window began, and how many notices were sent in it.
    window: Option<(Time, u32)>,
    /// Set while merging: when the crowd event is due, and what it counts.
    crowd: Option<(Time, Crowd)>,
}

/// How many joined and left without a notice of their own.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    pub joined: u64,
    pub left: u64,
}

impl Notices {
    /// A member joined: `true` if that is announced now, else it is counted for the crowd.
    pub fn joined(&mut self, now: Time) -> bool {
        self.single(now, |crowd| crowd.joined += 1)
    }

    /// A member left: the same.
    pub fn left(&mut self, now: Time) -> bool {
        self.single(now, |crowd| crowd.left += 1)
    }

    fn single(&mut self, now: Time, count: fn(&mut Crowd)) -> bool {
        if let Some((_, crowd)) = &mut self.crowd {
            count(crowd);
            return false;
        }
        let (began, sent) = match self.window {
            Some((began, sent)) if now.since(began) < WINDOW => (began, sent),
            _ => (now, 0),
        };
        if sent < SINGLE_NOTICES {
            self.window = Some((began, sent + 1));
            return true;
        }
        let mut crowd = Crowd::default();
        count(&mut crowd);
        self.crowd = Some((now + WINDOW, crowd));
        false
    }

    /// When [`Notices::crowd`] has something to announce.
    pub fn due(&self) -> Option<Time> {
        self.crowd.map(|(due, _)| due)
    }

    /// The crowd, once it is due.
    pub fn crowd(&mut self, now: Time) -> Option<Crowd> {
        let (_, crowd) = self.crowd.take_if(|(due, _)| *due <= now)?;
        self.window = None;
        Some(crowd)
    }
}

#[cfg(test)]
mod tests;
