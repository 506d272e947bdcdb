//! What happens to the chat, one thing after the other: the same things in the same order make the same chat, in whichever
//! process.
//!
//! Made by the broadcaster from what connections tell it. Whatever is random was decided before.

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::entrance::Entrance;
use super::name::NameKey;
use super::session::Secret;
use crate::client_id::ClientId;
use crate::close::CloseReason;

/// One of the servers that share the chat; in a chat of one process there is only this.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ServerId(pub u64);

/// A connection of somebody in the chat: on which server, and there which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    pub server: ServerId,
    pub client: ClientId,
}

impl Link {
    /// One of this process, which shares its chat with no other.
    pub fn of_this_process(client: ClientId) -> Link {
        Link { server: ServerId::default(), client }
    }
}

/// One thing that happened.
#[derive(Debug, Serialize, Deserialize)]
pub enum Input {
    /// Somebody came in, or came back. The secret is for coming back later; without random numbers there is none.
    Entered { link: Link, entrance: Entrance, secret: Option<Secret> },
    /// Somebody who is here asked for something.
    Asked { link: Link, command: Command },
    /// A connection is over; this is told to the others.
    Left { link: Link, how: CloseReason },
    /// Somebody signed out: the servers close their connections, each its own.
    SignedOut(NameKey),
    /// These accounts are no more. Their connections begin to close before.
    AccountsGone(Vec<NameKey>),
    /// A server is no more, and with it all of its connections; how is told to the others.
    ServerGone { server: ServerId, how: CloseReason },
    /// Nothing but time.
    Tick,
}
