//! Passwords and their Argon2id hashes (RFC 9106). Only the hash is stored, as a PHC string:
//! `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
//!
//! The hash is slow and takes much memory on purpose: an attacker who has the file pays that for every guess. So only the password
//! check's thread and the command line may hash.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE64_NOPAD;
use unicode_normalization::UnicodeNormalization;

use crate::token::is_same_secret;

/// Longest password in bytes.
pub const MAX_PASSWORD: usize = 1024;

/// A shorter one is accepted with a warning (OWASP, Authentication Cheat Sheet).
pub const SHORT_PASSWORD: usize = 8;

/// OWASP's parameters (Password Storage Cheat Sheet): memory in KiB, passes, lanes.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The highest costs that a line of the file may have: higher ones could stop the server.
const MAX_MEMORY: u32 = 64 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 16;

/// Bytes of a new salt and of a new hash, and the lengths that are accepted from other tools.
const SALT: usize = 16;
const HASH: usize = 32;
const SALTS: std::ops::RangeInclusive<usize> = 8..=64;
const HASHES: std::ops::RangeInclusive<usize> = 16..=64;

/// A password as the user typed it. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password")
    }
}

impl Password {
    /// Prepares a password after RFC 8265 (OpaqueString), so that `ñ` is the same from every keyboard and system.
    ///
    /// # Errors
    /// What is wrong with it. The text does not contain the password.
    pub fn parse(text: &str) -> Result<Password, &'static str> {
        if text.len() > MAX_PASSWORD {
            return Err("a password has at most 1024 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("a password has no control characters");
        }
        let spaced = text.chars().map(|it| if it.is_whitespace() { ' ' } else { it });
        match spaced.nfc().collect::<String>() {
            empty if empty.is_empty() => Err("a password needs at least one character"),
            password => Ok(Password(password)),
        }
    }

    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORT_PASSWORD
    }
}

/// Argon2's memory, at most 64 MiB. It is reused: allocating such blocks again and again would fragment the heap.
#[derive(Default)]
pub struct Workspace(Vec<Block>);

impl Workspace {
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], CannotHash> {
        let blocks = &mut self.0;
        // Fails when there is no memory. Without this, argon2 would allocate and end the program.
        blocks.try_reserve_exact(count.saturating_sub(blocks.len())).map_err(|_| CannotHash)?;
        blocks.resize(count.max(blocks.len()), Block::default());
        Ok(&mut blocks[..count])
    }
}

/// There is no memory for a hash now, or there are no random numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct CannotHash;

/// A password's hash, with its salt and its costs.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hashed {
    /// Hashes a new password.
    ///
    /// # Errors
    /// See [`CannotHash`].
    pub fn new(password: &Password, workspace: &mut Workspace) -> Result<Hashed, CannotHash> {
        let mut salt = vec![0; SALT];
        getrandom::fill(&mut salt).map_err(|_| CannotHash)?;
        let empty = Hashed { memory: MEMORY, passes: PASSES, lanes: LANES, salt, hash: vec![0; HASH] };
        let hash = empty.hash_of(password, workspace)?;
        Ok(Hashed { hash, ..empty })
    }

    /// A hash that no password matches. A check costs as much as for the hash `like`, or as for a new one.
    pub fn decoy(like: Option<&Hashed>) -> Hashed {
        let mut random = [0; SALT + HASH];
        // Without random numbers it is all zeros, and no known password has that hash.
        let _ = getrandom::fill(&mut random);
        let (salt, hash) = random.split_at(SALT);
        let (salt, hash) = (salt.to_vec(), hash.to_vec());
        let (memory, passes, lanes) =
            like.map_or((MEMORY, PASSES, LANES), |like| (like.memory, like.passes, like.lanes));
        Hashed { memory, passes, lanes, salt, hash }
    }

    /// Reads a PHC string.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(phc: &str) -> Result<Hashed, &'static str> {
        const FORM: &str = "the hash is not like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH";
        let parts: Vec<&str> = phc.split('$').collect();
        let &["", "argon2id", "v=19", costs, salt, hash] = &parts[..] else { return Err(FORM) };
        let costs: Vec<&str> = costs.split(',').collect();
        let cost = |name: &str, place: usize| {
            let (this, value) = costs.get(place)?.split_once('=')?;
            value.parse::<u32>().ok().filter(|_| this == name)
        };
        let (Some(memory), Some(passes), Some(lanes), 3) =
            (cost("m", 0), cost("t", 1), cost("p", 2), costs.len())
        else {
            return Err(FORM);
        };
        let bytes = |text: &str| BASE64_NOPAD.decode(text.as_bytes()).map_err(|_| FORM);
        let (salt, hash) = (bytes(salt)?, bytes(hash)?);
        if !SALTS.contains(&salt.len()) || !HASHES.contains(&hash.len()) {
            return Err("the salt has 8 to 64 bytes, the hash 16 to 64");
        }
        if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err("the hash costs too much: at most m=65536, t=10, p=16");
        }
        let hashed = Hashed { memory, passes, lanes, salt, hash };
        hashed.params().map_err(|_| "the hash costs less than Argon2 allows")?;
        Ok(hashed)
    }

    /// Whether this is the hash of the password. Takes the same time for right and wrong ones.
    ///
    /// # Errors
    /// See [`CannotHash`].
    pub fn matches(&self, password: &Password, workspace: &mut Workspace) -> Result<bool, CannotHash> {
        Ok(is_same_secret(&self.hash_of(password, workspace)?, &self.hash))
    }

    /// The costs of one check: `m=19456,t=2,p=1`.
    pub fn cost(&self) -> String {
        format!("m={},t={},p={}", self.memory, self.passes, self.lanes)
    }

    fn params(&self) -> Result<Params, argon2::Error> {
        Params::new(self.memory, self.passes, self.lanes, Some(self.hash.len()))
    }

    fn hash_of(&self, password: &Password, workspace: &mut Workspace) -> Result<Vec<u8>, CannotHash> {
        let params = self.params().map_err(|_| CannotHash)?;
        let blocks = workspace.blocks(params.block_count())?;
        let mut hash = vec![0; self.hash.len()];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(password.0.as_bytes(), &self.salt, &mut hash, blocks)
            .map_err(|_| CannotHash)?;
        Ok(hash)
    }
}

/// The PHC string.
impl fmt::Display for Hashed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, hash) = (BASE64_NOPAD.encode(&self.salt), BASE64_NOPAD.encode(&self.hash));
        write!(formatter, "$argon2id$v=19${}${salt}${hash}", self.cost())
    }
}

/// Without salt and hash, so that a log line cannot help an attacker.
impl fmt::Debug for Hashed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hashed {}", self.cost())
    }
}

#[cfg(test)]
mod tests;
