//! The table of all clients: a dense list, since a round goes through all of it, with an index to find one client.
//!
//! Used by the broadcaster alone.

use std::collections::HashMap;

use super::client::Client;
use super::endpoint::Endpoint;
use super::incoming::Opened;
use crate::client_id::{ByNumber, ClientId};

#[derive(Default)]
pub struct Table {
    list: Vec<Client>,
    /// Where in the list each client is.
    places: HashMap<ClientId, usize, ByNumber>,
}

impl Table {
    /// Adds a client and returns its endpoint. Until it joins it gets only frames of its own.
    pub fn open(&mut self, id: ClientId, opened: Opened) -> Endpoint {
        let (client, endpoint) = Client::new(id, opened);
        self.places.insert(id, self.list.len());
        self.list.push(client);
        endpoint
    }

    /// Removes a client; the last of the list moves into its place.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        let place = self.places.remove(&id)?;
        let client = self.list.swap_remove(place);
        if let Some(moved) = self.list.get(place) {
            self.places.insert(moved.id, place);
        }
        Some(client)
    }

    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.list.get(*self.places.get(&id)?)
    }

    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.list.get_mut(*self.places.get(&id)?)
    }

    /// The client, unless it is closing.
    pub fn get_open(&mut self, id: ClientId) -> Option<&mut Client> {
        self.get_mut(id).filter(|client| !client.closing.has_begun())
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.list.iter_mut()
    }

    /// The ids of the open clients for which `is_wanted` is true.
    pub fn open_ids(&self, is_wanted: impl Fn(&Client) -> bool) -> Vec<ClientId> {
        let open = self.list.iter().filter(|client| !client.closing.has_begun());
        open.filter(|client| is_wanted(client)).map(|client| client.id).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
