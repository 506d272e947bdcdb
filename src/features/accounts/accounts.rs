//! The way to the authentication's thread, for the connections' threads.

use std::net::IpAddr;

use crossbeam_channel::{Sender, bounded};

use super::login::{Applicant, NotSignedIn, Question, SignedIn};
use super::password::Password;
use crate::client_id::ClientId;
use crate::token::Token;

/// Each call waits for its answer. Where there is no thread any more that could give one, no client comes in.
#[derive(Clone)]
pub struct Accounts(pub Sender<Question>);

impl Accounts {
    /// Whose cookie this is.
    pub fn whose(&self, cookie: Token) -> Option<SignedIn> {
        self.ask(|answer| Question::Whose { cookie, answer }).flatten()
    }

    /// Signs a client in that knows a name and its password.
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
            Question::SignIn { name, password, applicant }
        })
        .unwrap_or(Err(NotSignedIn::Busy))
    }

    /// Ends all sessions and all connections of the person of this cookie.
    pub fn sign_out(&self, client: ClientId, cookie: Token) {
        let _ = self.ask(|answer| Question::SignOut { client, cookie, answer });
    }

    fn ask<Answer>(&self, ask: impl FnOnce(Sender<Answer>) -> Question) -> Option<Answer> {
        let (answer, answered) = bounded(1);
        self.0.send(ask(answer)).ok()?;
        answered.recv().ok()
    }
}
