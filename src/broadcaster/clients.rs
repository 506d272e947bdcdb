//! The table of all clients, and the round in which they are being spoken to.
//!
//! Used by the broadcaster alone. The table is a dense list, since a round goes through all of it, with an index for
//! what concerns one client.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::batch::{self, Batch, Round};
use super::client::Client;
use super::incoming::Newcomer;
use crate::chat::{Audience, Link, ServerId};
use crate::client_id::{ByNumber, ClientId};
use crate::close::CloseReason;

#[derive(Default)]
pub struct Clients {
    list: Vec<Client>,
    /// Where in the list each client stands.
    places: HashMap<ClientId, usize, ByNumber>,
    /// What everybody hears of the present round.
    batch: Batch,
    /// Clients that have something of their own in the present round; while it is made, one may be named twice.
    touched: Vec<ClientId>,
    /// Bytes of the present round that are for one client each.
    own_bytes: usize,
    /// Clients that the chat wants to be closed.
    to_close: Vec<(ClientId, CloseReason)>,
    /// This server's name in the chat: other servers' clients are no business of ours.
    pub server: ServerId,
}

impl Clients {
    /// None yet, of the server of this name.
    pub fn of(server: ServerId) -> Clients {
        Clients { server, ..Clients::default() }
    }

    /// A new client, which hears nothing yet but what is for it alone.
    pub fn open(&mut self, id: ClientId, newcomer: Newcomer) {
        self.places.insert(id, self.list.len());
        self.list.push(Client::new(id, newcomer, false, self.batch.len()));
    }

    /// The client is in the chat, and hears what comes from now on, unless it is closing already.
    pub fn begin_hearing(&mut self, id: ClientId) {
        let here = self.batch.len();
        if let Some(client) = self.get_mut(id).filter(|client| !client.closing.has_begun()) {
            client.begin_hearing(here);
        }
    }

    /// Takes a client out; the last of the list moves into its place.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        let place = self.places.remove(&id)?;
        let client = self.list.swap_remove(place);
        if let Some(moved) = self.list.get(place) {
            self.places.insert(moved.id, place);
        }
        Some(client)
    }

    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.list.get_mut(*self.places.get(&id)?)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.list.iter_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.list.iter()
    }

    pub fn ids(&self) -> Vec<ClientId> {
        self.list.iter().map(|client| client.id).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Bytes that the present round holds.
    pub fn round_bytes(&self) -> usize {
        self.batch.len() + self.own_bytes
    }

    /// Ends the round: what everybody hears, and who has something of its own. The next one begins.
    pub fn take_round(&mut self) -> (Round, Vec<ClientId>) {
        self.own_bytes = 0;
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        (self.batch.take(), touched)
    }

    /// Nobody has anything to hear in the present round.
    pub fn round_is_empty(&self) -> bool {
        self.batch.len() == 0 && self.touched.is_empty()
    }

    /// Whom the chat wants to be closed, and why.
    pub fn take_to_close(&mut self) -> Vec<(ClientId, CloseReason)> {
        std::mem::take(&mut self.to_close)
    }

    /// The client is written to in this round, even if it hears nothing new.
    pub fn touch(&mut self, id: ClientId) {
        self.touched.push(id);
    }

    /// Frames for one client alone, at the present place of the round.
    pub fn send_one(&mut self, id: ClientId, frames: Bytes) {
        let here = self.batch.len();
        self.splice(id, here..here, frames);
    }

    /// The client hears nothing that comes later in this round, or in any other.
    pub fn stop_hearing(&mut self, id: ClientId) {
        let here = self.batch.len();
        if let Some(client) = self.get_mut(id) {
            client.stop_hearing(here);
        }
    }

    /// It is a client of ours that has not begun to close: nothing may come behind a close frame (RFC 6455, 5.5.1), though
    /// where several servers share the chat it is in it until all know that it left.
    fn hears(&mut self, link: Link) -> bool {
        let server = self.server;
        self.get_mut(link.client)
            .is_some_and(|client| link.server == server && !client.closing.has_begun())
    }

    fn splice(&mut self, id: ClientId, replaced: Range<usize>, frames: Bytes) {
        let length = frames.len();
        if let Some(client) = self.get_mut(id) {
            client.splice(replaced, frames);
            self.own_bytes += length;
            self.touch(id);
        }
    }
}

impl Audience for Clients {
    fn everyone(&mut self, json: &Bytes) {
        self.batch.push(json);
    }

    fn everyone_but(&mut self, one: Link, json: &Bytes, own: Option<&Bytes>) {
        let begin = self.batch.len();
        self.batch.push(json);
        let replaced = begin..self.batch.len();
        if !self.hears(one) {
            return;
        }
        let own = own.map(|own| batch::frames(&[own])).unwrap_or_default();
        self.splice(one.client, replaced, own);
    }

    fn one(&mut self, one: Link, json: &Bytes) {
        if self.hears(one) {
            self.send_one(one.client, batch::frames(&[json]));
        }
    }

    fn some(&mut self, them: &[Link], json: &Bytes) {
        let frames = batch::frames(&[json]);
        for one in them {
            if self.hears(*one) {
                self.send_one(one.client, frames.clone());
            }
        }
    }

    fn replay(&mut self, one: Link, past: &[&Bytes]) {
        if self.hears(one) {
            self.send_one(one.client, batch::frames(past));
        }
    }

    fn close(&mut self, one: Link, reason: CloseReason) {
        if one.server == self.server {
            self.to_close.push((one.client, reason));
        }
    }
}
