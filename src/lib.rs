//! A chat server that a class can see: one thread per connection, one channel, one broadcaster that writes.
//!
//! # The class hour
//!
//! These files, read whole and in this order, are the life of a connection and of a message. `make class-hour` counts them.
//!
//! | file | question |
//! |---|---|
//! | `main.rs` | How does it start and stop? |
//! | `server.rs` | What does it consist of? |
//! | `accept.rs` | How does a connection get its thread? |
//! | `connection.rs` | What happens on that thread, from the first byte to the last? |
//! | `http/exchange.rs` | How is plain HTTP answered, and which request may become a WebSocket? |
//! | `websocket/handshake.rs` | Step 1: how does HTTP become a WebSocket? |
//! | `websocket/session.rs` | Step 2: how are messages received? |
//! | `websocket/stream.rs` | Why does this thread read the socket, but never write to it? |
//! | `broadcaster/incoming.rs` | What goes through the channel? |
//! | `broadcaster/mod.rs` | What does the one thread do that writes? |
//! | `chat/messages.rs` | What becomes of a message? |
//! | `broadcaster/round.rs` | How is it encoded once for all? |
//! | `broadcaster/writing.rs` | How does it leave for every socket? |
//! | `broadcaster/client.rs` | Which part of it does one client get? |
//! | `broadcaster/send_queue.rs` | What if a client does not read? |
//! | `broadcaster/closing.rs` | Step 3: how does a connection end? |
//!
//! # What they rest on
//!
//! | module | question |
//! |---|---|
//! | [`config`], [`banner`], [`logger`] | What can be set, and what does the teacher see in the terminal? |
//! | [`limits`], [`system`], `listen`, `rejector` | What is bounded, and what happens at the bound? |
//! | [`http`]: `request`, `first_words`, `head`, `origin`, `router`, `routes`, `page`, `response` | How is HTTP read and answered? |
//! | [`websocket`]: `frame`, `frame_rules`, `fault`, `rate_limit`, `read_ahead`, `half_close` | What do the bytes look like, and what may a client not do? |
//! | [`broadcaster`]: `endpoint`, `table`, `blocked`, `timers`, `retry`, `ordering`, `cause` | What happens later, and in which order? |
//! | [`chat`]: `name`, `invisible`, `command`, `event`, `presence`, `history`, `joining`, `settings` | Who is here, and who gets what? |
//! | [`close_code`], [`client_id`], [`token`], `deadline` | Small types that all of them use |
//!
//! # Features
//!
//! Modules that a reader may skip. They attach to the core at the joints (extension points) of [`joints`], in `server.rs`
//! alone; the other halves of the joints are [`admission`], [`tap`], `broadcaster::job` and `broadcaster::order`. [`features`] lists
//! them, each with its question.
//!
//! Data flows one way: connection → channel → broadcaster → sockets. The only locks in the program are those inside the channels.

#![forbid(unsafe_code)]

mod accept;
pub mod admission;
pub mod banner;
pub mod broadcaster;
pub mod chat;
pub mod client_id;
pub mod close_code;
pub mod config;
pub mod connection;
pub mod context;
pub mod deadline;
pub mod features;
pub mod http;
pub mod joints;
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
pub mod transport;
pub mod websocket;
