//! All clients, and the round that is being made for them: one batch of frames for every member, and frames for one client alone.
//!
//! Used by the broadcaster alone. A server's frames are not masked (RFC 6455, 5.1), so every client gets the very same bytes:
//! an event is encoded once, and a round of many events mostly needs one system call per client. The chat knows it only as its
//! [`Audience`], and knows nothing of frames or sockets.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::client::Client;
use super::table::Table;
use crate::chat::{Audience, ConnectionId, Name, NameKey, ServerId};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::tap::Privacy;
use crate::websocket::frame::put_text_frame;

const SIGNED_OUT: CloseReason = CloseReason::new(close_code::SIGNED_OUT, "signed_out: you signed out");

#[derive(Default)]
pub struct Clients {
    pub table: Table,
    /// What every member gets in the present round: whole frames, each of them one event.
    batch: BytesMut,
    events: u64,
    /// Clients that have something of their own in the present round; one may be in here twice.
    touched: Vec<ClientId>,
    /// Bytes of the present round that are for one client each.
    own_bytes: usize,
    /// Connections that the chat wants to be closed, and why.
    to_close: Vec<(ClientId, CloseReason)>,
    /// This server's id in the chat: other servers' connections are not served here.
    pub server: ServerId,
}

/// A finished round.
pub struct Round {
    /// For every member, and how many events that is.
    pub batch: Bytes,
    pub events: u64,
    /// Clients that get something of their own, or may be over.
    pub touched: Vec<ClientId>,
}

impl Clients {
    /// No clients yet. `server` is this server's id in the chat.
    pub fn of(server: ServerId) -> Clients {
        Clients { server, ..Clients::default() }
    }

    /// Bytes that the present round holds.
    pub fn round_bytes(&self) -> usize {
        self.batch.len() + self.own_bytes
    }

    /// The present round has nothing for any client.
    pub fn round_is_empty(&self) -> bool {
        self.batch.is_empty() && self.touched.is_empty()
    }

    /// Ends the present round; the next one begins.
    pub fn finish_round(&mut self) -> Round {
        self.own_bytes = 0;
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        Round { batch: self.batch.split().freeze(), events: std::mem::take(&mut self.events), touched }
    }

    /// Connections that the chat wants to be closed, and why.
    pub fn take_to_close(&mut self) -> Vec<(ClientId, CloseReason)> {
        std::mem::take(&mut self.to_close)
    }

    /// The client is written to in this round, even if it gets nothing new.
    pub fn touch(&mut self, id: ClientId) {
        self.touched.push(id);
    }

    /// Whole frames for one client alone, at the present place of the round.
    pub fn insert_one(&mut self, id: ClientId, frames: Bytes) {
        self.insert(id, self.batch.len()..self.batch.len(), frames, Privacy::Public);
    }

    /// The client is in the chat now, and gets the batch from here on.
    pub fn join_batch(&mut self, id: ClientId) {
        let here = self.batch.len();
        if let Some(client) = self.table.get_open(id) {
            client.join_batch(here);
        }
    }

    /// The client gets no more of the batch, in this round or a later one. Its close frame may still follow.
    pub fn leave_batch(&mut self, id: ClientId) {
        let here = self.batch.len();
        self.table.get_mut(id).expect("invariant: who begins to close is here").leave_batch(here);
    }

    fn insert(&mut self, id: ClientId, replaces: Range<usize>, frames: Bytes, privacy: Privacy) {
        let length = frames.len();
        let client = self.table.get_mut(id).expect("invariant: frames are for open clients");
        client.insert(replaces, frames, privacy);
        self.own_bytes += length;
        self.touch(id);
    }

    /// The client of a connection, if it is at this server and not closing. Nothing may come after a close frame (RFC 6455, 5.5.1),
    /// though a shared chat has the member until all servers know that it left.
    fn open_client(&mut self, one: ConnectionId) -> Option<&mut Client> {
        if one.server == self.server { self.table.get_open(one.client) } else { None }
    }

    /// Events for one connection alone.
    fn insert_events(&mut self, one: ConnectionId, privacy: Privacy, frames: Bytes) {
        if self.open_client(one).is_some() {
            self.insert(one.client, self.batch.len()..self.batch.len(), frames, privacy);
        }
    }
}

impl Audience for Clients {
    fn everyone(&mut self, json: &Bytes) {
        put_text_frame(json, &mut self.batch);
        self.events += 1;
    }

    fn everyone_but(&mut self, one: ConnectionId, json: &Bytes, own: Option<&Bytes>) {
        let begin = self.batch.len();
        self.everyone(json);
        if self.open_client(one).is_some() {
            let own = own.map(|own| text_frames([own])).unwrap_or_default();
            self.insert(one.client, begin..self.batch.len(), own, Privacy::Public);
        }
    }

    fn one(&mut self, one: ConnectionId, json: &Bytes) {
        self.insert_events(one, Privacy::Public, text_frames([json]));
    }

    fn private(&mut self, them: &[ConnectionId], json: &Bytes) {
        let frames = text_frames([json]);
        for one in them {
            self.insert_events(*one, Privacy::Private, frames.clone());
        }
    }

    fn welcome(&mut self, one: ConnectionId, json: &Bytes) {
        let Some((field, value)) = self.open_client(one).and_then(|client| client.welcome_field.take())
        else {
            return self.one(one, json);
        };
        let object = json.strip_suffix(b"}").expect("invariant: a welcome is a JSON object");
        let field = format!(",\"{field}\":\"{value}\"}}");
        self.one(one, &[object, field.as_bytes()].concat().into());
    }

    fn replay(&mut self, one: ConnectionId, past: &[(Privacy, &Bytes)]) {
        for same in past.chunk_by(|(privacy, _), (next, _)| privacy == next) {
            self.insert_events(one, same[0].0, text_frames(same.iter().map(|(_, json)| *json)));
        }
    }

    fn named(&mut self, one: ConnectionId, name: &str) {
        if let Some(client) = self.open_client(one) {
            client.tap.named(name);
        }
    }

    fn close(&mut self, one: ConnectionId, reason: CloseReason) {
        if one.server == self.server {
            self.to_close.push((one.client, reason));
        }
    }

    fn close_account(&mut self, account: &NameKey, origin: ServerId) {
        // The origin has already revoked every admission of the account.
        if origin != self.server {
            let name = |client: &Client| client.admission.name.as_ref().map(Name::key);
            let theirs = self.table.open_ids(|client| name(client).as_ref() == Some(account));
            self.to_close.extend(theirs.into_iter().map(|id| (id, SIGNED_OUT)));
        }
    }
}

/// Each event as a text frame, all in one piece.
fn text_frames<'a>(events: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut frames = BytesMut::new();
    for json in events {
        put_text_frame(json, &mut frames);
    }
    frames.freeze()
}
