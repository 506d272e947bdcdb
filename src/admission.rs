//! The joint for who may come in: what a handshake gets from the feature that decides, and how that is revoked later.
//!
//! Checked on the connection's thread before the handshake, then kept with the client; the broadcaster closes the connection
//! if it is revoked.
//! Without a feature that decides, every client is admitted under a name of its own choice.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use crate::chat::Name;
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::http::{Request, Response};

/// Decides who may open a WebSocket.
pub trait Authentication: Send + Sync {
    /// Admits the sender of this request.
    ///
    /// # Errors
    /// The response that says what is missing.
    fn admit(&self, request: &Request, client: ClientId, peer: IpAddr) -> Result<Admission, Response>;
}

/// What a route asks of a client that wants to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// To be admitted.
    Admission,
    /// To be admitted, or to show another right by its first message.
    AdmissionOrFirstMessage,
    /// Nothing more: the route itself has checked it.
    Nothing,
}

impl Needs {
    /// Lets the sender of this request in, if it has what it needs.
    ///
    /// # Errors
    /// The response that says what is missing.
    pub fn admit(
        self,
        authentication: Option<&dyn Authentication>,
        request: &Request,
        client: ClientId,
        peer: IpAddr,
    ) -> Result<Admission, Response> {
        let authentication = authentication.filter(|_| self != Needs::Nothing);
        let admitted = authentication.map(|authentication| authentication.admit(request, client, peer));
        match (self, admitted) {
            (_, None) => Ok(Admission::default()),
            (Needs::AdmissionOrFirstMessage, Some(Err(_))) => {
                Ok(Admission { is_missing: true, ..Admission::default() })
            }
            (_, Some(admitted)) => admitted,
        }
    }
}

/// The right to open one WebSocket.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// The name that it must have in the chat; `None` where it may choose one.
    pub name: Option<Name>,
    /// Its account has the mark of a teacher.
    pub is_teacher: bool,
    /// What it depends on: an account, a session. If one of them is revoked, the connection is closed.
    pub depends_on: Vec<Revocation>,
    /// It has none: its first message must show another right, such as the teacher's key.
    pub is_missing: bool,
}

impl Admission {
    /// The reason, if it is no longer valid.
    pub fn revoked(&self) -> Option<&CloseReason> {
        self.depends_on.iter().find_map(Revocation::reason)
    }
}

/// A flag that is set once, with the reason; all copies share it. It is set before the broadcaster closes the connections: one that
/// was admitted a moment ago and is not open yet is closed as soon as it opens.
#[derive(Debug, Clone, Default)]
pub struct Revocation(Arc<OnceLock<CloseReason>>);

impl Revocation {
    pub fn revoke(&self, reason: CloseReason) {
        // It may have been revoked before, for another reason: the first one stays.
        let _ = self.0.set(reason);
    }

    pub fn reason(&self) -> Option<&CloseReason> {
        self.0.get()
    }
}

#[cfg(test)]
mod tests;
