//! Who may be here no longer: the part of the broadcaster that closes the connections of those who signed out, or are no
//! longer on the list.
//!
//! On the broadcaster's thread, when the gatekeeper says that something has ended. Each connection carries its own
//! admission, so nobody has to be looked up.

use super::closing::Cause;
use super::timers::Timer;
use super::{Broadcaster, CLOSE_DEADLINE};
use crate::chat::{Input, NameKey};
use crate::client_id::ClientId;
use crate::close::CloseReason;
use crate::wire::Purpose;

impl Broadcaster {
    /// Closes every connection whose admission has ended. The accounts `gone` are nobody any more.
    pub(super) fn signed_out(&mut self, gone: Vec<NameKey>) {
        for id in self.clients.ids() {
            let Some(reason) = self.admission_ended(id).filter(|_| self.is_open(id)) else {
                continue;
            };
            let watches = self
                .clients
                .get_mut(id)
                .is_some_and(|client| client.opening.purpose == Purpose::Watching);
            if watches {
                // So that it shows how the others were closed: that is the lesson.
                self.timers.set(self.now + CLOSE_DEADLINE, Timer::SignOut(id));
            } else {
                self.begin_closing(id, Cause::Server(reason));
            }
        }
        if !gone.is_empty() {
            let _ = self.happen(Input::AccountsGone(gone));
        }
    }

    /// Why this connection may be here no longer.
    pub(super) fn admission_ended(&mut self, id: ClientId) -> Option<CloseReason> {
        self.clients.get_mut(id)?.admission.as_ref()?.ended().cloned()
    }

    /// A watcher has seen the others go.
    pub(super) fn sign_out_watcher(&mut self, id: ClientId) {
        if let Some(reason) = self.admission_ended(id).filter(|_| self.is_open(id)) {
            self.begin_closing(id, Cause::Server(reason));
        }
    }
}
