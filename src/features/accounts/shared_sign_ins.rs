//! The joint for servers that share a chat: what they must know of each other's sign-ins.
//!
//! Used by the authentication's thread, which waits for it. Without such servers each goes by what it knows itself.

use std::time::Duration;

use super::attempts::Attempt;
use super::login::CookieHash;
use crate::chat::NameKey;

pub trait SharedSignIns: Send {
    /// A session begins. Returns whether the other servers know of it now.
    fn begin(&mut self, cookie: CookieHash, account: &NameKey, age: Duration) -> bool;
    /// Whose session this is and how long it lasts. The outer `None`: there is no answer.
    fn whose(&mut self, cookie: CookieHash) -> Option<Option<(NameKey, Duration)>>;
    /// A session has ended.
    fn end(&mut self, cookie: CookieHash);
    /// All sessions of an account end, also those that this server does not know.
    fn end_account(&mut self, account: &NameKey);
    /// Takes an attempt out of the budgets that all servers share.
    ///
    /// # Errors
    /// How long to wait, if none is left.
    fn take(&mut self, attempt: &Attempt) -> Result<(), Duration>;
    /// It was no failure.
    fn give_back(&mut self, attempt: &Attempt);
}
