//! One chat on several servers (`--redis`): a replicated log. The inputs of all servers get one order in a Redis Stream.
//!
//! ```text
//! broadcaster ── proposals ──► writer ── XADD ──► Redis Stream ── XREAD ──► reader ── entries ──► broadcaster
//!   (of each server)                              (one, for all)                     (of each server)
//! ```
//!
//! The chat is a deterministic state machine: the same inputs in the same order give the same chat. So every server runs the whole
//! chat and sends only to its own clients. On one server, the broadcaster's channel orders the inputs; here the stream does.
//!
//! | file | question |
//! |---|---|
//! | `entry` | What does Redis store? |
//! | `order`, `replica` | What does the broadcaster do with the inputs? |
//! | `proposals`, `news` | How do the broadcaster and the two threads send messages to each other? |
//! | `writer`, `reader`, `backoff` | How do inputs get to Redis and back, also after Redis was lost for a while? |
//! | `store` | Which commands are sent to Redis? |
//!
//! Only the reader's and the writer's threads wait for Redis. The broadcaster must never do so.

mod backoff;
mod entry;
mod news;
mod order;
mod proposals;
mod reader;
mod replica;
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

/// Attaches the cluster, if `--redis` is given. Called once, before the server listens.
///
/// # Errors
/// If the address of Redis is not valid. A Redis that cannot be reached is no error: the server starts without it.
pub fn attach(
    joints: &mut Joints,
    options: &Options,
    to_broadcaster: &Sender<Incoming>,
) -> Result<(), String> {
    joints.http.features.push("redis");
    let Some(config) = RedisConfig::of(options) else { return Ok(()) };
    let redis = Redis::new(config).map_err(|error| error.to_string())?;
    let store = Store::new(redis, options.redis_events);
    let settings = options.chat_settings(&joints.door);
    let (proposals, queue) = proposals::channel();
    let (news_sender, news) = news::channel(to_broadcaster.clone());
    let is_lost = Arc::new(AtomicBool::new(false));
    let replica = Replica::new(proposals, options.redis_events);
    joints.order = Some(Box::new(ClusterOrder::new(replica, news, Arc::clone(&is_lost))));
    let health = move || if is_lost.load(Ordering::Relaxed) { "lost" } else { "connected" }.into();
    joints.http.health.push(("redis", Box::new(health)));
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
