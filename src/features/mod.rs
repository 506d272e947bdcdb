//! The optional features. You can read the core without them: `server.rs` attaches each one through the joints of `joints.rs`.
//! A feature must never import another.
//!
//! | feature | question |
//! |---|---|
//! | `inspector` | What goes over the wire? |
//! | `accounts` | Who may come in? |
//! | `cluster` | How do several servers share one chat? |
//! | `teacher` | What may a teacher do? |
//! | `tls` | How are the bytes encrypted? |
//!
//! `redis` connects to Redis for the features that need it.

#[cfg(feature = "accounts")]
pub mod accounts;
#[cfg(feature = "redis")]
pub mod cluster;
#[cfg(feature = "inspector")]
pub mod inspector;
#[cfg(feature = "redis")]
mod redis;

#[cfg(all(feature = "accounts", feature = "redis"))]
mod redis_sign_ins;
#[cfg(feature = "teacher")]
pub mod teacher;
#[cfg(feature = "tls")]
pub mod tls;

use std::path::Path;

use crate::config::Enrolment;

/// `--add-user` and `--add-users`: adds users to the list of `--users`. Returns the text to print.
///
/// # Errors
/// In one line. Then the file is unchanged.
#[cfg(feature = "accounts")]
pub fn enrol(enrolment: &Enrolment, users: &Path) -> Result<String, String> {
    accounts::enrolment::enrol(enrolment, users)
}

/// This build has no accounts, and no flags for them.
///
/// # Errors
/// Always.
#[cfg(not(feature = "accounts"))]
pub fn enrol(_: &Enrolment, _: &Path) -> Result<String, String> {
    Err("this build has no accounts".to_owned())
}

/// What servers that share a chat must know of each other's sign-ins.
///
/// # Errors
/// In one line: the address of Redis is not valid.
#[cfg(all(feature = "accounts", feature = "redis"))]
pub fn shared_sign_ins(
    options: &crate::config::Options,
) -> Result<Option<Box<dyn accounts::SharedSignIns>>, String> {
    let Some(config) = redis::RedisConfig::of(options) else { return Ok(None) };
    let sign_ins = redis_sign_ins::RedisSignIns::new(config).map_err(|error| error.to_string())?;
    Ok(Some(Box::new(sign_ins)))
}

/// Without Redis no servers share a chat.
///
/// # Errors
/// Never.
#[cfg(all(feature = "accounts", not(feature = "redis")))]
#[allow(clippy::unnecessary_wraps)]
pub fn shared_sign_ins(
    _: &crate::config::Options,
) -> Result<Option<Box<dyn accounts::SharedSignIns>>, String> {
    Ok(None)
}
