//! The messages between the threads of the accounts: a client wants to sign in, its password is checked, it gets an answer.
//!
//! Plain data, for the connections' threads, the authentication's and the password check's. Only [`Accounts`] waits, on the
//! connection's thread.

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

/// A message to the authentication's thread.
pub enum ToAuthentication {
    /// Who is signed in with this cookie?
    FindSession { cookie: Token, answer: Sender<Option<SignedIn>> },
    /// Check this name and password.
    SignIn { name: String, password: Password, applicant: Applicant },
    /// The result of a password check.
    Checked(Box<Checked>),
    /// The user of this cookie signs out.
    SignOut { client: ClientId, cookie: Token, answer: Sender<()> },
    /// The file has changed.
    NewList(AccountList),
}

/// A client that waits to be signed in.
pub struct Applicant {
    /// For the log.
    pub client: ClientId,
    pub peer: IpAddr,
    /// A session with a cookie begins. Not for `Authorization: Basic`.
    pub begins_session: bool,
    pub answer: Sender<Result<SignedIn, NotSignedIn>>,
}

/// A sign-in whose password is being checked.
pub struct LoginAttempt {
    pub applicant: Applicant,
    /// `None`: a name that no account can have.
    pub key: Option<NameKey>,
    /// The buckets that gave their tokens.
    pub attempt: Attempt,
}

/// A password to check.
pub struct Check {
    pub password: Password,
    /// The account's hash. For an unknown name a decoy hash: no password matches it, and the check takes the same time.
    pub hashed: Hashed,
    pub login: LoginAttempt,
}

/// A checked password.
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
    /// The name or the password is wrong. The answer does not say which: this keeps the list secret.
    Wrong,
    /// Too many passwords were wrong; the next attempt is possible after this time.
    TooOften(Duration),
    /// Too many passwords are being checked, or there is no memory or no randomness for a check.
    Busy,
}

/// Which users' admissions were revoked.
#[derive(Default)]
pub struct Revoked {
    /// These accounts no longer exist.
    pub gone: Vec<NameKey>,
    /// These users signed out, on all their devices.
    pub signed_out: Vec<NameKey>,
}

/// The hash of a cookie, stored in its place. It cannot be turned back, and a lookup by hash does not show by its time how close
/// a guessed cookie was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieHash(pub [u8; 32]);

impl CookieHash {
    pub fn of(cookie: &Token) -> CookieHash {
        CookieHash(Sha256::digest(cookie.bytes()).into())
    }
}

/// The connections' threads send their requests to the authentication's thread through this.
///
/// Each call waits for the answer. If that thread has ended, no client is signed in.
#[derive(Clone)]
pub struct Accounts(pub Sender<ToAuthentication>);

impl Accounts {
    /// Who is signed in with this cookie.
    pub fn find_session(&self, cookie: Token) -> Option<SignedIn> {
        self.request(|answer| ToAuthentication::FindSession { cookie, answer }).flatten()
    }

    /// Signs a client in, if name and password are right.
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
        self.request(|answer| {
            let applicant = Applicant { client, peer, begins_session, answer };
            ToAuthentication::SignIn { name, password, applicant }
        })
        .unwrap_or(Err(NotSignedIn::Busy))
    }

    /// Ends all sessions and all connections of this cookie's user.
    pub fn sign_out(&self, client: ClientId, cookie: Token) {
        // No answer means that the server is shutting down: then all connections end anyway.
        let _ = self.request(|answer| ToAuthentication::SignOut { client, cookie, answer });
    }

    /// Sends a message and waits for its answer; `None` if the thread has ended.
    fn request<Answer>(&self, message: impl FnOnce(Sender<Answer>) -> ToAuthentication) -> Option<Answer> {
        let (answer, answered) = bounded(1);
        self.0.send(message(answer)).ok()?;
        answered.recv().ok()
    }
}
