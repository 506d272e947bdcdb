//! How often joins and leaves are told one by one: N joins told to N people cost N², so a storm of them is merged.
//!
//! Called by the chat. No clock of its own: it is told the time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Time;

/// Notices told one by one within [`WINDOW`]; what comes on top is merged into one `crowd` event.
pub const SINGLE_NOTICES: u32 = 20;

/// Also how long the merging lasts.
pub const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Notices {
    /// When the present window began, and how many notices were told in it.
    window: Option<(Time, u32)>,
    /// Set while merging: when the crowd event is due, and what it counts.
    crowd: Option<(Time, Crowd)>,
}

/// How many came and went unannounced.
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
        let (began, told) = match self.window {
            Some((began, told)) if now.since(began) < WINDOW => (began, told),
            _ => (now, 0),
        };
        if told < SINGLE_NOTICES {
            self.window = Some((began, told + 1));
            return true;
        }
        let mut crowd = Crowd::default();
        count(&mut crowd);
        self.crowd = Some((now + WINDOW, crowd));
        false
    }

    /// When [`Notices::crowd`] has something to tell.
    pub fn due(&self) -> Option<Time> {
        self.crowd.map(|(due, _)| due)
    }

    /// The crowd, once its time has come.
    pub fn crowd(&mut self, now: Time) -> Option<Crowd> {
        let (_, crowd) = self.crowd.take_if(|(due, _)| *due <= now)?;
        self.window = None;
        Some(crowd)
    }
}

#[cfg(test)]
mod tests;
