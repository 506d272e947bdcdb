//! Faults of the machine: no descriptors, threads, memory or disk space, pulled cables, clock jumps, thousands of clients. The tests
//! run one after the other.

#![forbid(unsafe_code)]
// What the features' tests need stands unused without them.
#![cfg_attr(not(all(feature = "accounts", feature = "inspector")), allow(unused_imports, dead_code))]

#[path = "../common/mod.rs"]
mod common;

mod elsewhere;
mod footprint;

mod crowd;
mod faults;
mod limits;
mod networks;
mod outputs;
mod overload;
mod unplugged;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by each test: they share the machine, and the descriptors of their process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
