//! The joint for capturing what goes over the wire: a feature gets the bytes read, the bytes that the kernel accepted, the
//! opening, the closing and the end.
//!
//! A WebSocket has two taps, one on its connection's thread and one on the broadcaster's. Both only observe: they never change a
//! byte and never wait. A build without such a feature has [`NoTap`] in their place, which does nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;

use crate::broadcaster::{Cause, Closing};
use crate::client_id::ClientId;
use crate::transport::Encryption;
use crate::websocket::frame::FrameScanner;

/// Captures connections: makes the taps of each new one.
pub trait Capture: Send + Sync {
    /// A connection becomes a WebSocket; `opening.response` is about to be sent.
    fn open(&self, opening: Opening, purpose: Purpose) -> Taps;

    /// A request was answered by plain HTTP, or something else came that got an answer; `opening.request` is empty if the connection
    /// was refused before anything was read.
    fn answered(&self, opening: Opening, status: u16);
}

/// How a connection began.
#[derive(Debug)]
pub struct Opening {
    pub client: ClientId,
    pub peer: SocketAddr,
    pub local: Option<SocketAddr>,
    /// When TCP was accepted: for measuring, and for people.
    pub accepted: Instant,
    pub accepted_at: SystemTime,
    /// When the request was complete.
    pub requested: Instant,
    /// The query of the request, still encoded.
    pub query: String,
    /// The request's head byte for byte, or what came in its place; the response byte for byte.
    pub request: Vec<u8>,
    pub response: Vec<u8>,
    /// `None`: the bytes travel as they are.
    pub encryption: Option<Arc<dyn Encryption>>,
}

/// What a WebSocket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Chat,
    Echo,
    /// The server sends, the client only receives.
    Feed,
}

/// The two taps of one WebSocket.
pub struct Taps {
    pub read: Box<dyn ReadTap>,
    pub send: Box<dyn SendTap>,
    /// A field for the client's `welcome`: its name and its value.
    pub welcome_field: Option<(&'static str, String)>,
}

/// On the connection's thread.
pub trait ReadTap: Send {
    /// Bytes that were read; `scanner` says where in a frame they begin.
    fn read(&mut self, bytes: &[u8], scanner: &FrameScanner);
    /// The message that was read last was understood. Called once for each message, in order, before it is passed on.
    fn understood(&mut self, privacy: Privacy);
    /// The message that was read last says who the client is: it has secrets of the client in it. Called in place of `understood`.
    fn first_message(&mut self, text: &str);
    /// Bytes that came after the last message: they are not read as messages.
    fn rest(&mut self, bytes: &[u8]);
    /// The last byte was read.
    fn end(&mut self);
}

/// On the broadcaster's thread.
pub trait SendTap: Send {
    /// The kernel accepted `from..to` of these frames.
    fn sent(&mut self, frames: &Frames, from: usize, to: usize);
    /// Only `..sent` of these frames went out. The frame that was being sent ends at byte `end`: its rest is still sent, what
    /// comes after it was dropped.
    fn dropped(&mut self, frames: &Frames, sent: usize, end: usize);
    /// Only `..sent` of these frames went out, and nothing more will be sent.
    fn cut_off(&mut self, frames: &Frames, sent: usize);
    /// The member on this connection has this name now.
    fn named(&mut self, name: &str);
    fn closing(&mut self, cause: &Cause);
    /// The close frame that answers the first one was received, or sent.
    fn answered(&mut self);
    /// The connection is over; with the messages and bytes that were sent.
    fn closed(&mut self, closing: &Closing, sent_messages: u64, sent_bytes: u64);
}

/// Who may see a message: decided once, where it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    #[default]
    Public,
    /// Between two members.
    Private,
    /// The client's own: no watcher may see it, and no log.
    Secret,
}

/// Bytes of frames for one client, as they wait to be sent.
#[derive(Debug, Clone)]
pub struct Frames {
    pub bytes: Bytes,
    pub privacy: Privacy,
    /// Not whole frames, but the rest of a frame whose beginning was sent.
    pub is_rest: bool,
}

impl Frames {
    /// Whole frames.
    pub fn new(bytes: Bytes, privacy: Privacy) -> Frames {
        Frames { bytes, privacy, is_rest: false }
    }
}

/// Captures nothing.
pub struct NoTap;

impl Taps {
    pub fn none() -> Taps {
        Taps { read: Box::new(NoTap), send: Box::new(NoTap), welcome_field: None }
    }
}

impl ReadTap for NoTap {
    fn read(&mut self, _: &[u8], _: &FrameScanner) {}
    fn understood(&mut self, _: Privacy) {}
    fn first_message(&mut self, _: &str) {}
    fn rest(&mut self, _: &[u8]) {}
    fn end(&mut self) {}
}

impl SendTap for NoTap {
    fn sent(&mut self, _: &Frames, _: usize, _: usize) {}
    fn dropped(&mut self, _: &Frames, _: usize, _: usize) {}
    fn cut_off(&mut self, _: &Frames, _: usize) {}
    fn named(&mut self, _: &str) {}
    fn closing(&mut self, _: &Cause) {}
    fn answered(&mut self) {}
    fn closed(&mut self, _: &Closing, _: u64, _: u64) {}
}
