//! The page in a real Chromium, in front of the real server.

#![forbid(unsafe_code)]
// What the features' tests need stands unused without them.
#![cfg_attr(not(all(feature = "accounts", feature = "inspector")), allow(unused_imports, dead_code))]

#[path = "../common/mod.rs"]
mod common;

mod diagram;
mod driver;
mod page;

mod accounts;
mod chat;
mod connection;
#[cfg(feature = "inspector")]
mod firefox;
mod inspector;
#[cfg(feature = "inspector")]
mod lesson;
mod look;
#[cfg(not(any(feature = "accounts", feature = "inspector")))]
mod minimal;
mod modules;
mod people;
#[cfg(feature = "inspector")]
mod pictures;
mod recordings;
#[cfg(feature = "redis")]
mod shared;
mod talk;
#[cfg(all(feature = "inspector", feature = "teacher"))]
mod teacher;
#[cfg(feature = "tls")]
mod tls;
#[cfg(all(feature = "accounts", feature = "inspector"))]
mod tour;
