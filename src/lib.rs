//! A chat server that a class can see: one thread per connection, one channel, one broadcaster that writes.
//!
//! The parts, in the order in which a newcomer should read them; each answers one question:
//!
//! | module | question |
//! |---|---|
//! | `main.rs` | How does it start and stop? |
//! | [`options`], [`banner`], [`logger`] | What can be set, and what does the teacher see in the terminal? |
//! | [`server`], `listen`, `reception`, `seats`, `doorman` | How does a connection get its thread, and what if there is none? |
//! | `connection` | What happens on that thread, from the first byte to the last? |
//! | `connection::request`, `head`, `origin`, `route`, `page`, `answer` | How is plain HTTP read and answered? |
//! | `connection::handshake`, `offers` | Step 1: how does HTTP become a WebSocket? |
//! | `wire::frames` | What do the bytes look like from then on? |
//! | `connection::websocket`, `stream`, `ahead`, `guard`, `conversation`, `rate`, `wiretap` | Step 2: how are messages received? |
//! | `connection::closing`, `close` | Step 3: how does it end, and what do the codes mean? |
//! | `broadcaster::incoming`, `batch`, `clients` | What reaches the one thread that writes, and what does it make of it? |
//! | `broadcaster::client`, `backlog`, `timers`, `closing` | Why does a slow reader not stop the others? |
//! | `broadcaster`, `broadcaster::writing` | How does all that come together? |
//! | `chat`: `name`, `command`, `event`, `member`, `presence`, `history`, `session`, then `arrival` and `talk` | Who is here, and who hears what? |
//! | [`accounts`], `connection::sign_in`, `broadcaster::signed_out` | Who may come in, if not everybody may? |
//! | `backplane`: `order`, `writer`, `reader`, then `broadcaster::shared` | How are many servers one chat? |
//! | `wire`: `tap`, `drawing`, `secrets`, `key`, `opening`, `record`, `watched`, `inspector`, `event` | How is all that shown to a class? |
//! | `broadcaster::watching`, `look`, `demonstration` | Who watches whom, and what can be made to happen? |
//! | `fuzzing`, for tests alone | What must hold whatever comes? |
//!
//! `client_id`, `deadline` and `network` are the small words that all of them use.
//!
//! Data flows one way: connection → channel → broadcaster → sockets. There is no lock in the program but those inside
//! the channels.

#![forbid(unsafe_code)]

// Without Redis there is nobody to share a chat with, and most of the book of it is not used.
#[cfg_attr(not(feature = "redis"), allow(dead_code, unused_imports))]
mod backplane;
mod broadcaster;
mod chat;
mod client_id;
mod close;
mod connection;
mod deadline;
mod doorman;
mod listen;
mod network;
mod reception;
mod seats;
mod wire;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub mod accounts;
pub mod banner;
pub mod logger;
pub mod options;
pub mod server;
