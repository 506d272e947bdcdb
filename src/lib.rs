//! A chat server that a class can see: one thread per connection, one channel, one broadcaster that writes.
//!
//! # The class hour
//!
//! These files, read whole and in this order, are the life of a connection and of a message. `make class-hour` lists them.
//!
//! | file | question |
//! |---|---|
//! | `main.rs` | How does it start and stop? |
//!
//! Data flows one way: connection → channel → broadcaster → sockets. There is no lock in the chat but those inside the
//! channels.

#![forbid(unsafe_code)]

mod accept;
mod admission;
pub mod banner;
pub mod broadcaster;
pub mod chat;
pub mod client_id;
pub mod close_code;
pub mod config;
pub mod connection;
pub mod context;
mod deadline;
pub mod features;
pub mod http;
mod joints;
pub mod limits;
mod listen;
pub mod logger;
mod rejector;
pub mod server;
pub mod stopper;
pub mod system;
pub mod tap;
pub mod tcp;
pub mod token;
pub mod websocket;
