//! A chat server that a class can see: one thread per connection, one channel, one broadcaster that writes.
//!
//! The parts, in the order in which a newcomer should read them; each answers one question:
//!
//! | module | question |
//! |---|---|
//! | [`options`] | What can be set from outside? |
//! | [`banner`], [`logger`] | What does the teacher see in the terminal? |
//! | [`server`], [`doorman`] | How does a connection get its thread, and what if there is none? |
//! | [`connection`] | What happens on that thread, from the first byte to the last? |
//! | `connection::request`, `answer`, `page`, `origin` | How is plain HTTP read and answered? |
//! | `connection::handshake` | Step 1: how does HTTP become a WebSocket? |
//! | `connection::stream`, `guard`, `conversation` | Step 2: how are messages received? |
//! | `connection::closing`, [`close`] | Step 3: how does it end, and what do the codes mean? |
//! | [`broadcaster`] | Who writes, and why does a slow reader not stop the others? |
//! | [`chat`] | Who is here, and who hears what? |
//! | [`wire`] | What do the bytes look like? |
//!
//! Data flows one way: connection → channel → broadcaster → sockets. There is no lock in the program but those inside
//! the channels.

#![forbid(unsafe_code)]

pub mod banner;
pub mod broadcaster;
pub mod chat;
pub mod client_id;
pub mod close;
pub mod connection;
mod deadline;
pub mod doorman;
pub mod logger;
pub mod options;
pub mod server;
pub mod wire;
