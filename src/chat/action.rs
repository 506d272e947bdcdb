//! What a teacher, or a member with its hand, may ask for. Plain data: made on a connection's thread, a part of an input of the chat.

use serde::{Deserialize, Serialize};

/// One step of a teacher, or of a member's hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The sender is a teacher from now on: it has shown the key.
    Teach,
    /// Takes back the message that is event `message`.
    Remove {
        message: u64,
    },
    /// Takes back all messages.
    Clear,
    Mute {
        name: String,
        on: bool,
    },
    /// Only teachers may write.
    Listen {
        on: bool,
    },
    /// Only those who were here may come in.
    Lock {
        on: bool,
    },
    /// Closes all connections of a member, and keeps it out for a time; if asked, all that comes from its addresses, too.
    Expel {
        name: String,
        minutes: u32,
        with_address: bool,
    },
    Readmit {
        name: String,
    },
    /// Raises the sender's hand, or takes it down; a teacher may take down another's.
    Hand {
        name: Option<String>,
        on: bool,
    },
}

impl Action {
    /// Afterwards the text of a message must be nowhere any more.
    pub fn erases(&self) -> bool {
        matches!(self, Action::Remove { .. } | Action::Clear)
    }
}
