//! Who may be here no longer: the part of the broadcaster that closes the connections of those who signed out, or are no
//! longer on the list.
//!
//! On the broadcaster's thread, when the gatekeeper says that something has ended. Each connection carries its own
//! admission, so nobody has to be looked up.

use super::closing::Cause;
use super::timers::Timer;
use super::{Broadcaster, CLOSE_DEADLINE};
use crate::accounts::Ended;
use crate::chat::{Input, NameKey};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use crate::wire::Purpose;

const ELSEWHERE: CloseReason = CloseReason::new(close::SIGNED_OUT, "you signed out");

impl Broadcaster {
    /// Closes every connection whose admission has ended.
    pub(super) fn signed_out(&mut self, ended: Ended) {
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
        if !ended.gone.is_empty() {
            let _ = self.happen(Input::AccountsGone(ended.gone));
        }
        if self.order.is_some() {
            for account in ended.signed_out {
                let _ = self.happen(Input::SignedOut(account));
            }
        }
    }

    /// Somebody signed out at another server.
    pub(super) fn signed_out_elsewhere(&mut self, account: &NameKey) {
        for id in self.clients.ids() {
            let admission = self.clients.get_mut(id).and_then(|client| client.admission.as_ref());
            let is_theirs = admission.is_some_and(|admission| admission.name.key() == *account);
            if is_theirs && self.is_open(id) {
                self.begin_closing(id, Cause::Server(ELSEWHERE));
            }
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
