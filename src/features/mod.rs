//! What a reader may skip without loss: each feature is a room of its own, attached to the core in `server.rs` by the joints of
//! `joints.rs`. None of them imports another.
//!
//! | feature | question |
//! |---|---|
//! | `inspector` | What goes over the wire? |
//! | `accounts` | Who may come in? |
//! | `cluster` | How do several servers share one chat? |
//!
//! `redis` is a connection to Redis, for whichever of them needs one.

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

use std::path::Path;

use crate::config::Enrolment;

/// `--add-user` and `--add-users`: puts people on the list of `--users`. Returns what to say.
///
/// # Errors
/// In one line; then the file is as it was.
#[cfg(feature = "accounts")]
pub fn enrol(enrolment: &Enrolment, users: &Path) -> Result<String, String> {
    accounts::enrolment::enrol(enrolment, users)
}

/// This build has no accounts, and its flags do not offer them.
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
/// In one line: the address of Redis is none.
#[cfg(all(feature = "accounts", feature = "redis"))]
pub fn shared_sign_ins(
    options: &crate::config::Options,
) -> Result<Option<Box<dyn accounts::SharedSignIns>>, String> {
    let Some(place) = redis::Place::of(options) else { return Ok(None) };
    let sign_ins = redis_sign_ins::RedisSignIns::new(place).map_err(|error| error.to_string())?;
    Ok(Some(Box::new(sign_ins)))
}

/// There are no such servers without Redis.
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
