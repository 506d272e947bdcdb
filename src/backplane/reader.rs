//! The thread that reads the stream and brings what happens to the broadcaster, in order.
//!
//! It waits in `XREAD` nearly all of the time. It also finds out whether the stream is still the one it has read so far: a
//! Redis that lost its data is no chat to go on with, and then a new run begins.

use std::collections::HashMap;
use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{info, warn};
use redis::{Connection, RedisResult, cmd};

use super::redis::{LONGEST_RETRY, Redis, SHORTEST_RETRY, told};
use super::{Credit, News, Ordered, Snapshot};
use crate::chat::{self, Chat, Input, ServerId, Time};

/// Events that are read at once.
const AT_ONCE: usize = 256;

/// Batches of events that the broadcaster may have before it.
const AHEAD: usize = 2;

/// How long one read may wait for something to happen, and how often is looked whether the run is still the same.
const BLOCK: Duration = Duration::from_millis(500);

/// The place before the first event.
const BEGINNING: &str = "0-0";

/// What is wrong with Redis, or that there is nobody left to tell.
enum Trouble {
    Redis(redis::RedisError),
    NobodyListens,
    /// The stream is not the one that was read so far.
    Anew,
}

impl From<redis::RedisError> for Trouble {
    fn from(error: redis::RedisError) -> Trouble {
        Trouble::Redis(error)
    }
}

pub struct Reader<Tell> {
    redis: Redis,
    /// What this server shows of the past, and what may wait for one client.
    shown: (usize, usize),
    tell: Tell,
    /// Which run is read, and how far.
    place: Option<(String, String)>,
    /// Given with each batch, and taken back when the broadcaster is done with it.
    credits: (Sender<()>, Receiver<()>),
}

impl<Tell: Fn(News) -> bool> Reader<Tell> {
    pub fn new(redis: Redis, shown: (usize, usize), tell: Tell) -> Self {
        Reader { redis, shown, tell, place: None, credits: bounded(AHEAD) }
    }

    /// The thread's loop; ends with the broadcaster.
    pub fn run(mut self) {
        let mut retry = SHORTEST_RETRY;
        let mut is_lost = false;
        loop {
            let begun = Instant::now();
            let trouble = match self.redis.connect() {
                Ok(connection) => self.read(connection, &mut is_lost),
                Err(error) => Trouble::Redis(error),
            };
            match trouble {
                Trouble::NobodyListens => return,
                Trouble::Anew => self.place = None,
                Trouble::Redis(error) => {
                    if !std::mem::replace(&mut is_lost, true) {
                        warn!("Redis is lost: {}; trying again", told(&error));
                        if !(self.tell)(News::Lost) {
                            return;
                        }
                    }
                    retry = if begun.elapsed() > LONGEST_RETRY { SHORTEST_RETRY } else { retry };
                    thread::sleep(retry);
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    /// Reads until something is wrong.
    fn read(&mut self, mut connection: Connection, is_lost: &mut bool) -> Trouble {
        match self.read_on(&mut connection, is_lost) {
            Err(trouble) => trouble,
        }
    }

    fn read_on(
        &mut self,
        connection: &mut Connection,
        is_lost: &mut bool,
    ) -> Result<Infallible, Trouble> {
        let epoch = self.epoch(connection)?;
        match &self.place {
            Some((known, _)) if *known != epoch => return Err(Trouble::Anew),
            Some((_, position)) => {
                let position = position.clone();
                self.check(connection, &epoch, &position)?;
            }
            None => self.begin(connection, &epoch)?,
        }
        if std::mem::replace(is_lost, false) {
            info!("Redis is back");
            self.say(News::Back)?;
        }
        let mut next_look = Instant::now() + BLOCK;
        loop {
            self.read_next(connection, &epoch)?;
            if Instant::now() >= next_look {
                next_look = Instant::now() + BLOCK;
                if self.epoch(connection)? != epoch {
                    return Err(Trouble::Anew);
                }
            }
        }
    }

    /// The present run; the first server names it.
    fn epoch(&self, connection: &mut Connection) -> RedisResult<String> {
        let key = self.redis.epoch_key();
        if let Some(epoch) = cmd("GET").arg(&key).query::<Option<String>>(connection)? {
            return Ok(epoch);
        }
        cmd("SET").arg(&key).arg(chat::new_epoch()).arg("NX").exec(connection)?;
        cmd("GET").arg(&key).query(connection)
    }

    /// The chat as it was kept last, or an empty one.
    fn begin(&mut self, connection: &mut Connection, epoch: &str) -> Result<(), Trouble> {
        let (shown, backlog) = self.shown;
        let kept: Option<String> =
            cmd("HGET").arg(self.redis.snapshot_key(epoch)).arg("chat").query(connection)?;
        let kept = kept.map(|json| serde_json::from_str::<Snapshot>(&json));
        let stream = self.redis.stream(epoch);
        let goes_on = match &kept {
            Some(Ok(snapshot)) => !self.is_behind(connection, &stream, &snapshot.position)?,
            // Of another version of this program, perhaps.
            Some(Err(_)) => false,
            None => !self.is_trimmed(connection, &stream)?,
        };
        if !goes_on {
            warn!("what Redis keeps of the chat does not hang together: the chat begins anew");
            return self.begin_new_run(connection, epoch);
        }
        let snapshot = match kept.and_then(Result::ok) {
            Some(Snapshot { position, numbers, chat }) => {
                Snapshot { position, numbers, chat: chat.handed_over(shown, backlog) }
            }
            None => Snapshot {
                position: BEGINNING.to_owned(),
                numbers: Default::default(),
                chat: Chat::of_epoch(epoch.to_owned(), shown, backlog),
            },
        };
        self.place = Some((epoch.to_owned(), snapshot.position.clone()));
        self.say(News::Begin(Box::new(snapshot)))
    }

    /// Whether the stream still holds the event that was read last. If Redis has lost it, others may never have read it:
    /// from here on there would be two chats, so all begin a new one.
    fn check(
        &self,
        connection: &mut Connection,
        epoch: &str,
        position: &str,
    ) -> Result<(), Trouble> {
        if position == BEGINNING {
            return Ok(());
        }
        let stream = self.redis.stream(epoch);
        let found: redis::Value =
            cmd("XRANGE").arg(&stream).arg(position).arg(position).query(connection)?;
        if matches!(&found, redis::Value::Array(entries) if !entries.is_empty()) {
            return Ok(());
        }
        // What is missing though something earlier is there was not left out for its age.
        if self.is_behind(connection, &stream, position)? {
            warn!("more has happened meanwhile than Redis keeps: this server begins anew");
            return Err(Trouble::Anew);
        }
        warn!("Redis has lost what was said: the chat begins anew");
        self.begin_new_run(connection, epoch)
    }

    /// All servers are to begin anew.
    fn begin_new_run(&self, connection: &mut Connection, epoch: &str) -> Result<(), Trouble> {
        // If nobody else has done so already. Of the old run nothing is left.
        const ANEW: &str = "
            if redis.call('get', KEYS[1]) == ARGV[1] then
                redis.call('set', KEYS[1], ARGV[2])
                redis.call('del', KEYS[2], KEYS[3], KEYS[4])
            end
            return 0";
        cmd("EVAL")
            .arg(ANEW)
            .arg(4)
            .arg(self.redis.epoch_key())
            .arg(self.redis.stream(epoch))
            .arg(self.redis.snapshot_key(epoch))
            .arg(self.redis.servers(epoch))
            .arg(epoch)
            .arg(chat::new_epoch())
            .exec(connection)?;
        Err(Trouble::Anew)
    }

    /// The stream has nothing any more of what was said up to this place, and perhaps not all of what came next.
    fn is_behind(
        &self,
        connection: &mut Connection,
        stream: &str,
        position: &str,
    ) -> RedisResult<bool> {
        let first = self.first(connection, stream)?;
        Ok(first.is_some_and(|first| Some(first) > in_numbers(position)))
    }

    /// The stream does not begin with the first thing that ever was in it.
    fn is_trimmed(&self, connection: &mut Connection, stream: &str) -> RedisResult<bool> {
        if self.first(connection, stream)?.is_none() {
            return Ok(false);
        }
        let facts: HashMap<String, redis::Value> =
            cmd("XINFO").arg("STREAM").arg(stream).query(connection)?;
        let number = |name: &str| match facts.get(name) {
            Some(redis::Value::Int(number)) => Some(*number),
            _ => None,
        };
        // Before Redis 7 it does not say how many there were.
        Ok(number("entries-added").is_some_and(|added| Some(added) != number("length")))
    }

    /// The first event that the stream still has.
    fn first(&self, connection: &mut Connection, stream: &str) -> RedisResult<Option<(u64, u64)>> {
        type Entries = Vec<(String, redis::Value)>;
        let first: Entries =
            cmd("XRANGE").arg(stream).arg("-").arg("+").arg("COUNT").arg(1).query(connection)?;
        Ok(first.first().and_then(|(id, _)| in_numbers(id)))
    }

    /// Waits for what happens next.
    fn read_next(&mut self, connection: &mut Connection, epoch: &str) -> Result<(), Trouble> {
        let Some((_, position)) = &self.place else { return Err(Trouble::Anew) };
        // Of one stream: its name, and a list of an id and its fields for each event.
        type Entries = Vec<(String, Vec<(String, Vec<(String, String)>)>)>;
        let read: Option<Entries> = cmd("XREAD")
            .arg("COUNT")
            .arg(AT_ONCE)
            .arg("BLOCK")
            .arg(BLOCK.as_millis() as u64)
            .arg("STREAMS")
            .arg(self.redis.stream(epoch))
            .arg(position)
            .query(connection)?;
        let entries: Vec<_> = read.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
        // Whoever is so far behind may have been overtaken by what the stream leaves out; it says nothing of that itself.
        let from = position.clone();
        if entries.len() == AT_ONCE
            && from != BEGINNING
            && self.is_behind(connection, &self.redis.stream(epoch), &from)?
        {
            warn!("more has happened meanwhile than Redis keeps: this server begins anew");
            return Err(Trouble::Anew);
        }
        let Some((_, position)) = &mut self.place else { return Err(Trouble::Anew) };
        let mut next = Vec::new();
        for (id, fields) in entries {
            position.clone_from(&id);
            match ordered(id, &fields) {
                Some(ordered) => next.push(ordered),
                None => warn!("something is in the stream that is no event of the chat"),
            }
        }
        if next.is_empty() {
            return Ok(());
        }
        // Waits while the broadcaster is busy with what came before.
        let (given, taken) = &self.credits;
        let _ = given.send(());
        let credit = Credit(taken.clone());
        self.say(News::Next(next, credit))
    }

    fn say(&self, news: News) -> Result<(), Trouble> {
        if (self.tell)(news) { Ok(()) } else { Err(Trouble::NobodyListens) }
    }
}

/// An id of the stream: milliseconds, and a number within them.
fn in_numbers(id: &str) -> Option<(u64, u64)> {
    let (milliseconds, number) = id.split_once('-')?;
    Some((milliseconds.parse().ok()?, number.parse().ok()?))
}

/// An entry of the stream, understood.
fn ordered(id: String, fields: &[(String, String)]) -> Option<Ordered> {
    let field =
        |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let (milliseconds, _) = in_numbers(&id)?;
    let input: Input = serde_json::from_str(field("i")?).ok()?;
    Some(Ordered {
        time: Time(milliseconds),
        server: ServerId(field("s")?.parse().ok()?),
        number: field("n")?.parse().ok()?,
        position: id,
        input,
    })
}
