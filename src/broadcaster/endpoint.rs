//! What a WebSocket is opened for, and what may still be unknown when it opens.
//!
//! Chosen by a route on the connection's thread; the broadcaster acts on it.

use super::job::Job;
use crate::chat::JoinRequest;
use crate::close_code::CloseReason;
use crate::tap::Purpose;

/// What a WebSocket was opened for.
pub enum Endpoint {
    Chat(Box<JoinRequest>),
    /// Its own echo: it receives what it sent, and nothing of the chat.
    Echo,
    /// The server sends and the client receives. This job of a feature is called once the WebSocket is open.
    Feed(Job),
    /// The client says the rest in its first text message, because addresses are logged by proxies.
    FirstMessage(Purpose, Option<ParseFirst>),
}

/// Makes an endpoint of the first message, on the connection's thread.
pub type ParseFirst = Box<dyn FnOnce(&str) -> Result<Endpoint, CloseReason> + Send>;

impl Endpoint {
    pub fn purpose(&self) -> Purpose {
        match self {
            Endpoint::Chat(_) => Purpose::Chat,
            Endpoint::Echo => Purpose::Echo,
            Endpoint::Feed(_) => Purpose::Feed,
            Endpoint::FirstMessage(purpose, _) => *purpose,
        }
    }

    /// What the connection's thread needs for a first message.
    pub fn take_parser(&mut self) -> Option<ParseFirst> {
        if let Endpoint::FirstMessage(_, parse) = self { parse.take() } else { None }
    }
}
