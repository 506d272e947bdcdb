//! The joint for the order of the chat's inputs. In one process the channel is the order: what comes first is applied first.
//! A feature that lets several servers share one chat puts another order in its place.
//!
//! Called on the broadcaster's thread; must never wait, except in `ended`.

use std::time::Instant;

use super::job::{Control, QueueFull};
use crate::chat::{Input, ServerId, Time};

/// Gives the chat's inputs their order, and hands them back in that order through [`Control::apply`].
pub trait Order: Send {
    /// This server's id in the chat.
    fn server(&self) -> ServerId;
    /// Asks for a place in the order.
    ///
    /// # Errors
    /// If too many inputs wait; the input is dropped then.
    fn submit(&mut self, input: &Input) -> Result<(), QueueFull>;
    /// When to call [`Order::tick`], if the chat has something to do at `due` by its own clock.
    fn next_due(&self, due: Time, now: Instant) -> Option<Instant>;
    /// Asks for an [`Input::Tick`], if one is due.
    fn tick(&mut self, due: Option<Time>, now: Instant);
    /// News came in from the other servers.
    fn take_news(&mut self, control: &mut dyn Control);
    /// This server shuts down: the others must learn it.
    fn shut_down(&mut self);
    /// The broadcaster's thread ends. May wait a moment until what was submitted is sent.
    fn ended(&self);
}
