//! The three verdicts, and what a check returns. Plain data.

use crate::text::Text;

/// A check that did not find that the promise holds.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Seen to be broken.
    DoesNot(Text),
    /// Not seen to hold, and not seen to be broken.
    Unknown(Text),
}

impl Failure {
    pub fn text(&self) -> &Text {
        let (Failure::DoesNot(text) | Failure::Unknown(text)) = self;
        text
    }
}

pub type Outcome = Result<(), Failure>;

#[derive(Clone, Debug)]
pub enum Verdict {
    Holds,
    DoesNot(Text),
    Unknown(Text),
}

impl Verdict {
    pub fn of(outcome: Outcome) -> Verdict {
        match outcome {
            Ok(()) => Verdict::Holds,
            Err(Failure::DoesNot(what)) => Verdict::DoesNot(what),
            Err(Failure::Unknown(why)) => Verdict::Unknown(why),
        }
    }

    /// What was seen, or why it could not be told.
    pub fn detail(&self) -> Option<&Text> {
        match self {
            Verdict::Holds => None,
            Verdict::DoesNot(text) | Verdict::Unknown(text) => Some(text),
        }
    }

    /// The word in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::DoesNot(_) => "does-not",
            Verdict::Unknown(_) => "unknown",
        }
    }
}
