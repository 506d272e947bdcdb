//! What lets somebody watch a connection: the key that came with it, or the teacher's.
//!
//! Made and read on connection threads, compared by the broadcaster. Never logged.

use std::fmt;

use ctutils::CtEq;
use data_encoding::{BASE32, BASE64URL_NOPAD};
use serde::{Serialize, Serializer};

/// Random bytes of a key: 128 bits.
const KEY: usize = 16;

/// Random bytes of a teacher's key: 80 bits, few enough to be typed.
const TEACHER_KEY: usize = 10;

/// Names one connection, or several that came with the same. As text 22 characters of base64url. Its `Debug` does not
/// show it.
#[derive(Clone)]
pub struct WireKey([u8; KEY]);

impl WireKey {
    /// A new one, or `None` if the system has no random numbers just now: then only the teacher can watch.
    pub fn random() -> Option<WireKey> {
        let mut bytes = [0; KEY];
        getrandom::fill(&mut bytes).ok().map(|()| WireKey(bytes))
    }

    /// Reads a key; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<WireKey> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(WireKey)
    }

    /// It is this very key; takes the same time however wrong it is.
    pub fn fits(&self, other: &WireKey) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for WireKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WireKey")
    }
}

impl Serialize for WireKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// What a watcher may see.
#[derive(Debug, Clone)]
pub enum Watch {
    /// Connections that came with this key.
    Key(WireKey),
    /// All connections but those of watchers; the teacher's right.
    Everyone,
}

impl Watch {
    /// What this key opens; `None` if it is nobody's.
    pub fn parse(key: &str, teacher_key: Option<&str>) -> Option<Watch> {
        let is_teacher =
            |teacher_key: &str| bool::from(teacher_key.as_bytes().ct_eq(key.as_bytes()));
        if teacher_key.is_some_and(is_teacher) {
            return Some(Watch::Everyone);
        }
        WireKey::parse(key).map(Watch::Key)
    }
}

/// A key for the teacher: `teacher-` and 16 letters and digits. `None` if the system has no random numbers.
pub fn new_teacher_key() -> Option<String> {
    let mut bytes = [0; TEACHER_KEY];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("teacher-{}", BASE32.encode(&bytes).to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_fits_itself_alone_and_does_not_show_itself() {
        let key = WireKey::random().expect("random numbers");
        let text = serde_json::to_string(&key).expect("a key is a text");
        assert_eq!(text.len(), 24);
        let again = WireKey::parse(text.trim_matches('"')).expect("our own text");
        assert!(key.fits(&again));
        assert!(!key.fits(&WireKey::random().expect("random numbers")));
        assert_eq!(format!("{key:?}"), "WireKey");
        for wrong in ["", "short", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(WireKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_teachers_key_opens_everything_and_no_other_does() {
        let key = new_teacher_key().expect("random numbers");
        assert!(matches!(Watch::parse(&key, Some(&key)), Some(Watch::Everyone)));
        let other = new_teacher_key().expect("random numbers");
        assert!(Watch::parse(&other, Some(&key)).is_none());
        assert!(Watch::parse(&key, None).is_none());
        let own = Watch::parse("AAAAAAAAAAAAAAAAAAAAAA", Some(&key));
        assert!(matches!(own, Some(Watch::Key(_))));
    }
}
