//! The page in a real Chromium, in front of the real server.

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;

mod driver;
mod page;

mod accounts;
mod chat;
mod inspector;
mod people;
#[cfg(feature = "redis")]
mod shared;
