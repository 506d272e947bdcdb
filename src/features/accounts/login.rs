//! What the threads of the accounts say to each other: a client wants to sign in, its password is checked, it may or may not.
//!
//! Plain data, for the connections' threads, the authentication's and the password check's.

use std::net::IpAddr;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use sha2::{Digest, Sha256};

use super::attempts::Attempt;
use super::list::AccountList;
use super::password::{CannotHash, Hashed, Password};
use crate::admission::Admission;
use crate::chat::{Name, NameKey};
use crate::client_id::ClientId;
use crate::token::Token;

/// What the authentication's thread is asked and told.
pub enum Question {
    /// Whose cookie is this?
    Whose { cookie: Token, answer: Sender<Option<SignedIn>> },
    /// May a client come in with this name and password?
    SignIn { name: String, password: Password, applicant: Applicant },
    /// A password was checked.
    Checked(Box<Checked>),
    /// The person of this cookie signs out.
    SignOut { client: ClientId, cookie: Token, answer: Sender<()> },
    /// The file has changed.
    NewList(AccountList),
}

/// A client that waits to be signed in.
pub struct Applicant {
    /// For the log.
    pub client: ClientId,
    pub peer: IpAddr,
    /// A session is to begin.
    pub begins_session: bool,
    pub answer: Sender<Result<SignedIn, NotSignedIn>>,
}

/// A sign-in whose password is being checked.
pub struct LoginAttempt {
    pub applicant: Applicant,
    /// `None`: a name that no account can have.
    pub key: Option<NameKey>,
    /// What it took out of the budgets.
    pub attempt: Attempt,
}

/// A password to check.
pub struct Check {
    pub password: Password,
    /// What it is compared with: of an unknown name a decoy hash, which nothing matches and which costs the same.
    pub hashed: Hashed,
    pub login: LoginAttempt,
}

/// One that was checked.
pub struct Checked {
    pub hashed: Hashed,
    pub login: LoginAttempt,
    pub matches: Result<bool, CannotHash>,
}

pub struct SignedIn {
    pub name: Name,
    pub admission: Admission,
    /// The cookie, if a session began.
    pub cookie: Option<Token>,
}

/// Why a client is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSignedIn {
    /// The name or the password: no one is told which.
    Wrong,
    /// Too many were wrong; the next may be tried after this time.
    TooOften(Duration),
    /// Too many are being checked, or there is no memory or no randomness for it.
    Busy,
}

/// Admissions were revoked.
pub struct Revoked {
    /// These accounts no longer exist.
    pub gone: Vec<NameKey>,
    /// These people signed out, wherever they are.
    pub signed_out: Vec<NameKey>,
}

/// What is kept of a cookie. It cannot be turned back, and finding it by its hash tells nothing of how near a guess was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieHash(pub [u8; 32]);

impl CookieHash {
    pub fn of(cookie: &Token) -> CookieHash {
        CookieHash(Sha256::digest(cookie.bytes()).into())
    }
}

/// The way to the authentication's thread, for the connections' threads.
///
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
