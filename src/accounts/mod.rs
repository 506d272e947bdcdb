//! Who may come in, with `--users FILE`: the tutorial's first challenge. Without the flag nothing of this exists.
//!
//! ```text
//! connection ── name, password ──► gatekeeper ──► verifier       Argon2, one at a time
//!   threads  ── cookie ──────────►  (owns all)  ◄── yes or no
//!            ◄── admission ───────      ▲
//!                                       │ new list
//!                                  the file's watcher
//! ```
//!
//! To be read in this order: `password` and `list` (what is kept), `file` and `enrolment` (how it gets there), `admission`
//! and `sessions` (what a signed-in person has), `attempts` (how often one may be wrong), then `gatekeeper`, which decides,
//! and `verifier`, which does the slow part. `shared` is for servers that share a chat. Must never know of sockets or HTTP.

mod admission;
#[cfg(not(feature = "redis"))]
mod alone;
mod attempts;
pub mod enrolment;
mod file;
mod gatekeeper;
mod list;
mod password;
mod prompt;
mod sessions;
#[cfg(feature = "redis")]
mod shared;
mod verifier;

#[cfg(test)]
mod tests;

pub use admission::{Admission, Cookie};
#[cfg(not(feature = "redis"))]
pub use alone::Shared;
pub use gatekeeper::{Ended, NotSignedIn, SignedIn};
pub use password::Password;
pub use sessions::SESSION_AGE;
#[cfg(feature = "redis")]
pub use shared::Shared;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Sender, bounded};
use log::{info, warn};

use crate::client_id::ClientId;
use gatekeeper::{Applicant, Ask, Gatekeeper};
use list::AccountList;

/// The list as it was read at the start, before anybody is served.
pub struct Register {
    path: PathBuf,
    list: AccountList,
    text: String,
}

impl Register {
    /// Reads the file.
    ///
    /// # Errors
    /// In one line: it cannot be read, or a line of it is wrong.
    pub fn read(path: PathBuf) -> Result<Register, String> {
        let (list, text) = file::read_list(&path)?;
        Ok(Register { path, list, text })
    }
}

/// The way to the gatekeeper. Each call waits for its answer; where there is none any more, nobody comes in.
pub struct Accounts(Sender<Ask>);

impl Accounts {
    /// Starts the three threads. `tell` is told when admissions have ended, with the accounts that are no more; it says
    /// whether anybody still listens.
    ///
    /// # Errors
    /// If there is no thread for one of them.
    pub fn start(
        register: Register,
        shared: Option<Shared>,
        tell: impl Fn(Ended) -> bool + Send + 'static,
    ) -> io::Result<Accounts> {
        let Register { path, list, text } = register;
        match list.len() {
            0 => warn!("nobody is on the list of users yet: {} has no accounts", path.display()),
            people => info!("on the list of users, {}: {people}", path.display()),
        }
        let (to_gatekeeper, asked) = bounded(gatekeeper::QUEUE);
        let (to_verifier, comparisons) = bounded(verifier::QUEUE);
        let start = |name: &str| thread::Builder::new().name(name.to_owned());
        let gatekeeper = Gatekeeper::new(list, to_verifier, shared, tell);
        start("gatekeeper").spawn(move || gatekeeper.run(&asked))?;
        let compared = to_gatekeeper.clone();
        start("verifier").spawn(move || verifier::run(&comparisons, &compared))?;
        let changed = to_gatekeeper.clone();
        let tell = move |list| changed.send(Ask::NewList(list)).is_ok();
        start("users file").spawn(move || file::watch(&path, &text, tell))?;
        Ok(Accounts(to_gatekeeper))
    }

    /// Whose cookie this is.
    pub fn whose(&self, cookie: Cookie) -> Option<Admission> {
        self.ask(|answer| Ask::Whose { cookie, answer }).flatten()
    }

    /// Lets somebody in who knows a name and its password.
    ///
    /// # Errors
    /// See [`NotSignedIn`].
    pub fn sign_in(
        &self,
        (client, peer): (ClientId, IpAddr),
        name: String,
        password: Password,
        begins_session: bool,
    ) -> Result<SignedIn, NotSignedIn> {
        self.ask(|answer| {
            let applicant = Applicant { client, peer, begins_session, answer };
            Ask::SignIn { name, password, applicant }
        })
        .unwrap_or(Err(NotSignedIn::Busy))
    }

    /// Ends all sessions and all connections of the person of this cookie.
    pub fn sign_out(&self, client: ClientId, cookie: Cookie) {
        let _ = self.ask(|answer| Ask::SignOut { client, cookie, answer });
    }

    fn ask<Answer>(&self, ask: impl FnOnce(Sender<Answer>) -> Ask) -> Option<Answer> {
        let (answer, answered) = bounded(1);
        self.0.send(ask(answer)).ok()?;
        answered.recv().ok()
    }
}
