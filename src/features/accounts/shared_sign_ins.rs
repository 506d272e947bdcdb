//! The joint for servers that share a chat: what they must know of each other's sign-ins.
//!
//! Called on the authentication's thread, which waits for the answer. Without it, each server knows only its own sign-ins.

use std::time::Duration;

use super::attempts::Attempt;
use super::login::CookieHash;
use crate::chat::NameKey;

pub trait SharedSignIns: Send {
    /// A session begins. Returns whether the other servers know it now.
    fn begin(&mut self, cookie: CookieHash, account: &NameKey, age: Duration) -> bool;
    /// The account of a session, and how long the session lasts. The outer `None`: no answer; the inner: no such session.
    fn find_session(&mut self, cookie: CookieHash) -> Option<Option<(NameKey, Duration)>>;
    /// A session has ended.
    fn end(&mut self, cookie: CookieHash);
    /// All sessions of an account end, on all servers.
    fn end_account(&mut self, account: &NameKey);
    /// Takes a token from each of the buckets that all servers share.
    ///
    /// # Errors
    /// How long to wait, if a bucket is empty.
    fn take_tokens(&mut self, attempt: &Attempt) -> Result<(), Duration>;
    /// Returns the tokens: the password was not wrong.
    fn return_tokens(&mut self, attempt: &Attempt);
}
