//! That somebody may be here, and whether that still holds.
//!
//! Made by the accounts' thread, carried along by each connection, and looked at by the broadcaster. When an account or a
//! session ends, its [`Standing`] says so before anybody is told: a connection that was let in a moment ago and is still
//! on its way cannot slip through.

use std::fmt;
use std::sync::{Arc, OnceLock};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::chat::Name;
use crate::close::CloseReason;

/// Random bytes of a cookie: 128 bits.
const COOKIE_BYTES: usize = 16;

/// Of an account, or of a session: it holds until it is ended, once and for all.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<OnceLock<CloseReason>>);

impl Standing {
    pub fn end(&self, reason: CloseReason) {
        // It may have ended already, for another reason.
        let _ = self.0.set(reason);
    }

    pub fn ended(&self) -> Option<&CloseReason> {
        self.0.get()
    }
}

/// What lets a connection in.
#[derive(Debug, Clone)]
pub struct Admission {
    pub name: Name,
    pub(super) account: Standing,
    /// Of the session whose cookie was shown; none where a name and password were.
    pub(super) session: Option<Standing>,
}

impl Admission {
    /// Why it holds no more.
    pub fn ended(&self) -> Option<&CloseReason> {
        self.account.ended().or_else(|| self.session.as_ref()?.ended())
    }
}

#[cfg(test)]
impl Admission {
    /// One of which nothing matters, and what ends it.
    pub fn of_a_test() -> (Admission, Standing) {
        let account = Standing::default();
        let admission = Admission { name: Name::guest(1), account: account.clone(), session: None };
        (admission, account)
    }
}

/// What a signed-in browser shows: 16 random bytes in base64url. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Cookie([u8; COOKIE_BYTES]);

/// What is kept of a cookie. It cannot be turned back, and finding it by its hash tells nothing of how near a guess was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CookieKey(pub(super) [u8; 32]);

impl Cookie {
    /// A new one, or `None` if the system has no random numbers just now.
    pub fn random() -> Option<Cookie> {
        let mut bytes = [0; COOKIE_BYTES];
        getrandom::fill(&mut bytes).ok().map(|()| Cookie(bytes))
    }

    /// Reads a cookie's value; `None` if it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Cookie> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Cookie)
    }

    /// The cookie's value.
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    pub fn key(&self) -> CookieKey {
        CookieKey(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cookie")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close;

    #[test]
    fn an_admission_ends_with_the_account_or_the_session() {
        const OUT: CloseReason = CloseReason::new(close::SIGNED_OUT, "out");
        for ends_session in [true, false] {
            let session = Standing::default();
            let admission = Admission {
                name: Name::guest(1),
                account: Standing::default(),
                session: Some(session.clone()),
            };
            let copy = admission.clone();
            assert!(copy.ended().is_none());
            if ends_session { &session } else { &admission.account }.end(OUT);
            assert_eq!(copy.ended(), Some(&OUT));
        }
    }

    #[test]
    fn a_cookie_is_read_back_and_does_not_show_itself() {
        let cookie = Cookie::random().expect("random numbers");
        let again = Cookie::parse(&cookie.text()).expect("our own text");
        assert_eq!(again.key(), cookie.key());
        assert_ne!(Cookie::random().expect("random numbers").key(), cookie.key());
        assert_eq!(format!("{cookie:?}"), "Cookie");
        for wrong in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(Cookie::parse(wrong).is_none(), "{wrong}");
        }
    }
}
