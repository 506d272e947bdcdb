//! What a machine may do to the server: no descriptor, thread, memory or disk is left, cables are pulled, clocks jump,
//! thousands come at once.

#![forbid(unsafe_code)]

#[path = "../common/mod.rs"]
mod common;

mod elsewhere;
mod footprint;

mod crowd;
mod faults;
mod limits;
mod outputs;
mod overload;
mod unplugged;
