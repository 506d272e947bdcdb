//! Who gets what, as the chat decides it: JSON, each for one text frame.
//!
//! The joint between the chat and what delivers its events: the broadcaster's clients, or a test's mailboxes. The chat knows no socket.

use bytes::Bytes;

use super::input::{ConnectionId, ServerId};
use super::name::NameKey;
use crate::close_code::CloseReason;
use crate::tap::Privacy;

pub trait Audience {
    /// To all members.
    fn everyone(&mut self, json: &Bytes);
    /// To all members, but `one` gets `own` in its place, or nothing.
    fn everyone_but(&mut self, one: ConnectionId, json: &Bytes, own: Option<&Bytes>);
    /// To one connection alone: an answer.
    fn one(&mut self, one: ConnectionId, json: &Bytes);
    /// A private message, to its sender or its recipient, and to no one else.
    fn private(&mut self, them: &[ConnectionId], json: &Bytes);
    /// To one connection alone: the first event that it gets.
    fn welcome(&mut self, one: ConnectionId, json: &Bytes);
    /// To one connection alone: a part of the past, in order.
    fn replay(&mut self, one: ConnectionId, past: &[(Privacy, &Bytes)]);
    /// The member on this connection has this name now.
    fn named(&mut self, one: ConnectionId, name: &str);
    /// Closes a connection. It still gets what was sent to it before.
    fn close(&mut self, one: ConnectionId, reason: CloseReason);
    /// Closes all connections of an account, of whatever kind, unless this server is `origin`.
    fn close_account(&mut self, account: &NameKey, origin: ServerId);
}
