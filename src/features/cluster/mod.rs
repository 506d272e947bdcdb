//! One chat on several servers (`--redis`): the inputs of all of them get one order, in a Redis Stream.
//!
//! ```text
//! broadcaster ── proposals ──► writer ── XADD ──► Redis Stream ── XREAD ──► reader ── entries ──► broadcaster
//!   (of each server)                              (one, for all)                     (of each server)
//! ```
//!
//! The chat makes the same of the same inputs, so every server runs the whole chat and sends to its own clients only. In one
//! process the channel is the order of the inputs; here the stream is.
//!
//! | file | question |
//! |---|---|
//! | `entry` | What stands in the stream? |
//! | `order`, `replica` | What does the broadcaster do with it? |
//! | `proposals`, `news` | How do the broadcaster and the two threads reach each other? |
//! | `writer`, `reader`, `retry` | How do inputs get to Redis and back, also when it is away for a while? |
//! | `store` | Which commands does Redis get? |
//!
//! The broadcaster must never wait for Redis, and only the two threads do.

mod entry;
mod news;
mod order;
mod proposals;
mod reader;
mod replica;
mod retry;
mod store;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::Sender;

use crate::broadcaster::Incoming;
use crate::chat;
use crate::config::Options;
use crate::features::redis::{Redis, RedisConfig};
use crate::joints::Joints;
use news::NewsSender;
use order::ClusterOrder;
use proposals::ProposalQueue;
use reader::Reader;
use replica::Replica;
use store::Store;
use writer::Writer;

/// Attaches the cluster, if there is a `--redis`. Called once, before the server listens.
///
/// # Errors
/// If the address of Redis is not valid. Whether Redis can be reached is not asked here: the server starts without it.
pub fn attach(
    joints: &mut Joints,
    options: &Options,
    to_broadcaster: &Sender<Incoming>,
) -> Result<(), String> {
    joints.features.push("redis");
    let Some(config) = RedisConfig::of(options) else { return Ok(()) };
    let redis = Redis::new(config).map_err(|error| error.to_string())?;
    let store = Store::new(redis, options.redis_events);
    let settings = chat::Settings { history: options.history, send_queue: options.backlog };
    let (proposals, queue) = proposals::channel();
    let (news_sender, news) = news::channel(to_broadcaster.clone());
    let is_lost = Arc::new(AtomicBool::new(false));
    let replica = Replica::new(proposals, options.redis_events);
    joints.order = Some(Box::new(ClusterOrder::new(replica, news, Arc::clone(&is_lost))));
    let health = move || if is_lost.load(Ordering::Relaxed) { "lost" } else { "connected" }.into();
    joints.health.push(("redis", Box::new(health)));
    joints.start.push(Box::new(move || start(store, queue, settings, news_sender)));
    Ok(())
}

/// Starts the two threads.
fn start(store: Store, queue: ProposalQueue, settings: chat::Settings, news: NewsSender) -> io::Result<()> {
    let writer = Writer::new(store.clone(), queue, news.clone());
    let reader = Reader::new(store, settings, news);
    let builder = |name: &str| thread::Builder::new().name(name.to_owned());
    builder("redis writer").spawn(|| writer.run())?;
    builder("redis reader").spawn(|| reader.run())?;
    Ok(())
}
