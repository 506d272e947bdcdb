//! What lets a dropped client come back as the same person: a secret that only it and the chat know.
//!
//! Called by the chat. A secret is never logged and never compared in a way that tells how much of a guess was right.

use std::fmt;

use ctutils::CtEq;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::member::MemberId;

/// Random bytes of a secret: 128 bits.
const SECRET: usize = 16;

/// Random bytes of an epoch, which need not be secret, only new.
const EPOCH: usize = 6;

/// A member's secret. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secret([u8; SECRET]);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Secret {
    /// A new one, or `None` if the system has no random numbers just now: then there is no coming back.
    pub fn random() -> Option<Secret> {
        let mut bytes = [0; SECRET];
        getrandom::fill(&mut bytes).ok().map(|()| Secret(bytes))
    }

    /// The session as the client gets it: who it is, and the secret.
    pub fn token(&self, member: MemberId) -> String {
        format!("{}.{}", member.0, BASE64URL_NOPAD.encode(&self.0))
    }

    /// The claim has this very secret; takes the same time however wrong it is.
    pub fn fits(&self, claim: &Claim) -> bool {
        self.0.ct_eq(&claim.secret).into()
    }
}

/// A session that a client says is its own.
#[derive(Clone, Serialize, Deserialize)]
pub struct Claim {
    pub member: MemberId,
    secret: [u8; SECRET],
}

impl Claim {
    /// Reads a token; `None` if it cannot be one of ours.
    pub fn parse(token: &str) -> Option<Claim> {
        let (member, secret) = token.split_once('.')?;
        let secret = BASE64URL_NOPAD.decode(secret.as_bytes()).ok()?;
        Some(Claim { member: MemberId(member.parse().ok()?), secret: secret.try_into().ok()? })
    }
}

/// Names a run of the numbering of events: a new one whenever that starts anew.
pub fn new_epoch() -> String {
    let mut bytes = [0; EPOCH];
    match getrandom::fill(&mut bytes) {
        Ok(()) => BASE64URL_NOPAD.encode(&bytes),
        // The next best thing that is new at every start.
        Err(_) => humantime::format_rfc3339_nanos(std::time::SystemTime::now()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_claimed_by_nothing_but_itself() {
        let secret = Secret::random().expect("random numbers");
        let token = secret.token(MemberId(7));
        let claim = Claim::parse(&token).expect("our own token");
        assert_eq!(claim.member, MemberId(7));
        assert!(secret.fits(&claim));
        assert!(!Secret::random().expect("random numbers").fits(&claim));
        for wrong in
            ["", ".", "7", "7.", "7.AAAA", "x.AAAAAAAAAAAAAAAAAAAAAA", "7.AAAAAAAAAAAAAAAAAAAAA!"]
        {
            assert!(Claim::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::random()), "Some(Secret)");
    }
}
