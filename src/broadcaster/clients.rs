//! The table of all clients, and the way in which the chat speaks to them.
//!
//! Used by the broadcaster alone. The table is a dense list, since a round goes through all of it, with an index for
//! what concerns one client.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::batch::Batch;
use super::client::Client;
use crate::chat::{Audience, Event};
use crate::client_id::ClientId;

#[derive(Default)]
pub struct Clients {
    list: Vec<Client>,
    /// Where in the list each client stands.
    places: HashMap<ClientId, usize>,
    /// What everybody hears of the present round.
    pub batch: Batch,
    /// Clients that have something of their own in the present round; one may be named twice.
    pub touched: Vec<ClientId>,
}

impl Clients {
    pub fn insert(&mut self, client: Client) {
        self.places.insert(client.id, self.list.len());
        self.list.push(client);
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

    pub fn ids(&self) -> Vec<ClientId> {
        self.list.iter().map(|client| client.id).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Frames for one client alone, at the present place of the round.
    pub fn send_one(&mut self, id: ClientId, frames: Bytes) {
        let place = self.batch.len();
        self.send_one_at(id, place..place, frames);
    }

    fn send_one_at(&mut self, id: ClientId, place: Range<usize>, frames: Bytes) {
        if let Some(client) = self.get_mut(id) {
            client.insert(place, frames);
            self.touched.push(id);
        }
    }
}

impl Audience for Clients {
    fn everyone(&mut self, event: &Event<'_>) {
        self.batch.push(event);
    }

    fn everyone_but(&mut self, one: ClientId, event: &Event<'_>, own: Option<&Event<'_>>) {
        let begin = self.batch.len();
        self.batch.push(event);
        let end = self.batch.len();
        let own = own.map(|own| self.batch.private(own)).unwrap_or_default();
        self.send_one_at(one, begin..end, own);
    }

    fn one(&mut self, one: ClientId, event: &Event<'_>) {
        let frame = self.batch.private(event);
        self.send_one(one, frame);
    }
}
