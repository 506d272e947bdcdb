//! The server from outside: the real binary, and peers that talk to it over real sockets. These tests run in
//! parallel; those that must not are in `machine`.

#![forbid(unsafe_code)]
// What the features' tests need stands unused without them.
#![cfg_attr(not(all(feature = "accounts", feature = "inspector")), allow(unused_imports, dead_code))]

#[path = "../common/mod.rs"]
mod common;

mod frame_attack;
mod haproxy;
mod http_attack;
mod proxy;

#[cfg(feature = "accounts")]
mod accounts;
mod architecture;
mod autobahn;
mod chaos;
mod chat;
mod closing;
mod command_line;
mod conformance;
mod console;
mod control_characters;
#[cfg(feature = "inspector")]
mod demonstrations;
mod documents;
#[cfg(feature = "accounts")]
mod enrolment;
mod first_message;
mod handshake;
mod heartbeat;
mod hostile;
mod hostile_addresses;
mod hostile_bodies;
mod hostile_frames;
mod hostile_heads;
mod hostile_json;
mod hostile_messages;
mod http;
mod http_connection;
#[cfg(all(feature = "accounts", feature = "inspector"))]
mod lesson;
mod load_balancer;
mod log;
mod makefile;
#[cfg(feature = "inspector")]
mod news;
mod page_files;
mod people;
mod references;
#[cfg(feature = "redis")]
mod shared;
mod signals;
mod slow_reader;
mod supply_chain;
mod tables;
#[cfg(all(feature = "teacher", feature = "accounts"))]
mod teacher;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_certificate;
mod tour;
mod turns;
mod websocat;
#[cfg(feature = "inspector")]
mod wire;
#[cfg(feature = "inspector")]
mod wire_secrets;
mod wrong_bytes;
#[cfg(feature = "accounts")]
mod wrong_passwords;
