//! How the chat's inputs get their order: from the channel, or from an [`Order`] that several servers share.
//!
//! A part of the broadcaster, on its thread.

use std::time::Instant;

use super::Broadcaster;
use super::job::QueueFull;
use crate::chat::{Command, Input};

impl Broadcaster {
    /// Submits an input of the chat: it is applied now, or, where several servers share the chat, once it has its place in the order.
    pub(super) fn submit(&mut self, input: Input) -> Result<(), QueueFull> {
        if let (Some(_), Input::Command { connection, command: Command::Members(page) }) =
            (&self.order, &input)
        {
            // It only asks: this server knows, and its clients get the answer at its place among what they have got.
            if self.chat.name_of(*connection).is_some() {
                self.chat.list_members(*connection, page, &mut self.clients);
            }
            return Ok(());
        }
        match (&mut self.order, &mut self.submitted) {
            (Some(order), _) => return order.submit(&input),
            (None, Some(submitted)) => submitted.push(input),
            (None, None) => self.apply(input),
        }
        Ok(())
    }

    /// News of the other servers came in.
    pub(super) fn take_news(&mut self) {
        // The order gets the broadcaster as its `Control`, so it is taken out of it for this call.
        let mut order = self.order.take().expect("invariant: only an order's own thread sends news");
        self.submitted = Some(Vec::new());
        order.take_news(self);
        for input in self.submitted.take().into_iter().flatten() {
            order.submit(&input).expect("invariant: only members leave here, and they always may");
        }
        self.order = Some(order);
    }

    /// Lets the chat do what is due.
    pub(super) fn tick(&mut self) {
        let (due, now) = (self.chat.due(), self.now);
        match &mut self.order {
            Some(order) => order.tick(due, now),
            None => self.apply(Input::Tick),
        }
    }

    /// When there is something to do even if nothing is received.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let chat = self.chat.due().and_then(|due| match &self.order {
            None => Some(self.clock.instant(due)),
            Some(order) => order.next_due(due, self.now),
        });
        [self.timers.next_due(), chat, self.shut_down].into_iter().flatten().min()
    }
}
