//! All clients of a measurement, what they have received, and the loop that reads them.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Dialect, Heard};

/// Room for one read: at full load a client finds many messages at once.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Handshakes under way at once: enough to keep the server busy, below any listen queue.
const HANDSHAKES_AT_ONCE: usize = 64;

/// By then every client must have its welcome.
const CONNECT_DEADLINE: Duration = Duration::from_secs(120);

/// Once senders have stopped: what is still in flight counts as lost when nothing came for this long.
const LOST_AFTER_SILENCE: Duration = Duration::from_secs(3);

/// How long one wait for events may be, so that the clock is looked at.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// Idle means: no frame to any client for this long (merged notices come once a second).
const QUIET: Duration = Duration::from_millis(1_500);

/// By then the notices about the joins must have ended.
const QUIET_DEADLINE: Duration = Duration::from_secs(30);

pub struct Fleet {
    pub clients: Vec<Client>,
    pub heard: Heard,
    /// Time spent in waits.
    pub waited: Duration,
    /// Clients that the server may cut off: these read nothing, or are no longer read when they have ended.
    sleepers: Range<usize>,
    poll: Poll,
    events: Events,
    /// Shared by all clients: each keeps only the beginning of an unfinished frame for itself.
    buffer: Vec<u8>,
}

impl Fleet {
    /// So many events are taken from the kernel at once, before anything else is looked at.
    pub fn new(events_at_once: usize) -> io::Result<Self> {
        rlimit::increase_nofile_limit(u64::MAX)?;
        Ok(Self {
            clients: Vec::new(),
            heard: Heard::default(),
            waited: Duration::ZERO,
            sleepers: 0..0,
            poll: Poll::new()?,
            events: Events::with_capacity(events_at_once),
            buffer: vec![0; READ_BUFFER_BYTES],
        })
    }

    /// Brings the fleet to `count` clients that all have their welcome.
    pub fn connect(&mut self, addresses: &[SocketAddr], dialect: Dialect, count: usize) -> io::Result<()> {
        let deadline = Instant::now() + CONNECT_DEADLINE;
        while self.welcomed() < count {
            while self.clients.len() < count && self.clients.len() - self.welcomed() < HANDSHAKES_AT_ONCE {
                let index = self.clients.len();
                let address = addresses[index % addresses.len()];
                let mut client = Client::connect(address, dialect, index).map_err(|error| {
                    io::Error::new(error.kind(), format!("client {index} cannot connect: {error}"))
                })?;
                self.poll.registry().register(&mut client.stream, Token(index), Interest::READABLE)?;
                self.clients.push(client);
            }
            self.read_once(deadline)?;
            if Instant::now() > deadline {
                let reason = format!("{} of {count} clients got a welcome", self.welcomed());
                return Err(io::Error::other(reason));
            }
        }
        Ok(())
    }

    fn welcomed(&self) -> usize {
        self.heard.tally.welcomes as usize
    }

    /// These read nothing any more.
    pub fn put_to_sleep(&mut self, sleepers: Range<usize>) -> io::Result<()> {
        for client in &mut self.clients[sleepers.clone()] {
            self.poll.registry().deregister(&mut client.stream)?;
        }
        self.sleepers = sleepers;
        Ok(())
    }

    /// This one reads on.
    pub fn wake(&mut self, sleeper: usize) -> io::Result<()> {
        let stream = &mut self.clients[sleeper].stream;
        self.poll.registry().register(stream, Token(sleeper), Interest::READABLE)
    }

    pub fn run_for(&mut self, duration: Duration) -> io::Result<()> {
        self.run_until(Instant::now() + duration, |_| false)
    }

    pub fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> io::Result<()> {
        while Instant::now() < end && !done(self) {
            self.read_once(end)?;
        }
        Ok(())
    }

    /// Until no client receives anything any more.
    pub fn run_until_quiet(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + QUIET_DEADLINE;
        loop {
            let notices = self.heard.tally.notices;
            self.run_for(QUIET)?;
            if self.heard.tally.notices == notices {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("idle clients still receive notices"));
            }
        }
    }

    /// Nothing is sent any more: waits for what is in flight of `expected` deliveries; how many never came.
    pub fn drain(&mut self, expected: u64) -> io::Result<u64> {
        loop {
            let before = self.heard.tally.messages;
            let silence = Instant::now() + LOST_AFTER_SILENCE;
            if before < expected {
                self.run_until(silence, |fleet| fleet.heard.tally.messages != before)?;
            }
            let received = self.heard.tally.messages;
            match expected.checked_sub(received) {
                None => return Err(io::Error::other("more messages arrived than were sent")),
                Some(missing) if missing == 0 || received == before => return Ok(missing),
                Some(_) => {}
            }
        }
    }

    /// Waits for events, at most until `end`, and reads every socket that has something.
    fn read_once(&mut self, end: Instant) -> io::Result<()> {
        let wait = end.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
        self.wait_and_read(wait)
    }

    /// The kernel counts this wait in whole milliseconds, upwards.
    pub fn wait_and_read(&mut self, wait: Duration) -> io::Result<()> {
        let begun = Instant::now();
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        if !wait.is_zero() || self.events.is_empty() {
            self.waited += begun.elapsed();
        }
        for event in &self.events {
            let index = event.token().0;
            let client = &mut self.clients[index];
            // Deliveries to sleepers are counted apart.
            let is_sleeper = self.sleepers.contains(&index);
            let mut apart = Heard::default();
            let heard = if is_sleeper { &mut apart } else { &mut self.heard };
            match client.read(&mut self.buffer, heard) {
                Err(_) if is_sleeper => self.poll.registry().deregister(&mut client.stream)?,
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("client {index}: {error}")));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}
