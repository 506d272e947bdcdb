//! The joint for work on the broadcaster's thread: a feature sends a [`Job`] through the channel, and it is called in the
//! channel's order.
//!
//! A job is called on the broadcaster's thread. It must never wait.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::cause::Cause;
use crate::chat::{Chat, Input, Refusal, ServerId, Timestamp};
use crate::client_id::ClientId;
use crate::close_code::CloseReason;

/// What a feature wants done on the broadcaster's thread.
pub type Job = Box<dyn FnOnce(&mut dyn Control) + Send>;

/// Too many inputs wait for their place in the order.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueFull;

/// What a job may do there.
pub trait Control {
    /// The time of the present round.
    fn now(&self) -> Instant;
    /// The client is here and has not begun to close.
    fn is_open(&self, client: ClientId) -> bool;
    /// Bytes that wait to be sent to the client; `None` if it is not here.
    fn queued_bytes(&self, client: ClientId) -> Option<usize>;
    /// Sends whole frames to one client.
    fn send(&mut self, client: ClientId, frames: Bytes);
    /// Sends one event to all members on this server; it is not kept in the history.
    fn send_everyone(&mut self, json: &Bytes);
    /// Begins to close a connection, if it is open.
    fn close(&mut self, client: ClientId, cause: Cause);
    /// Closes the connections whose admission was revoked: the feeds, or all others.
    fn close_revoked(&mut self, feeds: bool);
    /// Closes the connections of all members, and of those that wait to join.
    fn close_members(&mut self, reason: &CloseReason);
    /// The field that the client's `welcome` has besides those of the chat.
    fn set_welcome_field(&mut self, client: ClientId, field: (&'static str, String));
    /// The client came in without the admission that others need: what it asks for must be enough.
    fn lacks_admission(&self, client: ClientId) -> bool;
    /// Calls a job later.
    fn later(&mut self, wait: Duration, job: Job);
    /// Sends the `error` that says why a command was refused.
    fn refuse(&mut self, client: ClientId, refusal: &Refusal);
    /// Submits an input of the chat: it is applied now, or once it has its place in the order.
    ///
    /// # Errors
    /// If too many inputs wait for their place; then it is dropped.
    fn submit(&mut self, input: Input) -> Result<(), QueueFull>;
    /// Applies an input that has its place in the order, at this time.
    fn apply(&mut self, input: Input, timestamp: Timestamp);
    /// The chat, to be copied or replaced.
    fn chat(&mut self) -> &mut Chat;
    /// This server's id in the chat, which the chat's connections carry.
    fn server(&self) -> ServerId;
    fn set_server(&mut self, server: ServerId);
    fn is_shutting_down(&self) -> bool;
}
