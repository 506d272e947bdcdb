//! What the connections' threads must know before the handshake: whether newcomers are admitted, and from where no client is.
//!
//! Written by the chat on the broadcaster's thread, when a teacher changes it; read by a feature on the connections' threads.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// Shared by the chat and the connections' threads. The lock is held for a look, or an exchange of the two values.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    is_locked: bool,
    addresses: HashSet<IpAddr>,
}

impl Door {
    pub(super) fn set(&self, is_locked: bool, addresses: HashSet<IpAddr>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = State { is_locked, addresses };
    }

    /// Only those who were here are admitted.
    pub fn is_locked(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_locked
    }

    /// No client is admitted from this address.
    pub fn is_closed_to(&self, address: IpAddr) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).addresses.contains(&address)
    }
}
