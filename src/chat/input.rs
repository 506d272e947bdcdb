//! The chat's inputs. The same inputs in the same order make the same chat in every process: a replicated state machine.
//!
//! Made by the broadcaster from what the connections' threads send it. All random values are chosen before and are part of an
//! input.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::command::Command;
use super::join_request::JoinRequest;
use super::name::NameKey;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::token::Token;

/// One of the servers that share the chat; a chat of one process has the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId(pub u64);

/// A member's connection: on which server, and which one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId {
    pub server: ServerId,
    pub client: ClientId,
}

impl ConnectionId {
    /// One of this process, if it shares its chat with no other.
    pub fn of_this_process(client: ClientId) -> ConnectionId {
        ConnectionId { server: ServerId::default(), client }
    }
}

/// One step of the chat.
#[derive(Debug, Serialize, Deserialize)]
pub enum Input {
    /// A client joins, or comes back. The secret is for coming back later; without random numbers there is none.
    Joined { connection: ConnectionId, request: Box<JoinRequest>, secret: Option<Token> },
    /// A member asked for something.
    Command { connection: ConnectionId, command: Command },
    /// A teacher did something to the talk or to its members, or a member raised its hand.
    Moderated { connection: ConnectionId, action: Action, reference: Option<String> },
    /// A connection is over; the other members get `how`.
    Left { connection: ConnectionId, how: CloseReason },
    /// The person of this account signed out, at the server `origin`: the others close their connections of the account.
    SignedOut { account: NameKey, origin: ServerId },
    /// These accounts no longer exist.
    AccountsGone { accounts: Vec<NameKey>, origin: ServerId },
    /// A server is gone, and with it all of its connections; the other members get `how`.
    ServerGone { server: ServerId, how: CloseReason },
    /// Time has passed: what is due is done.
    Tick,
}
