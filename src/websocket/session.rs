//! Step 2, the persistent connection: both sides send at any time, until one of them closes.
//!
//! Runs on the connection's thread, which waits in `read` nearly all of the time. What it understands goes to the
//! broadcaster. This thread must write only through the stream.

use std::io::ErrorKind::{TimedOut, WouldBlock};
use std::thread;
use std::time::{Duration, Instant};

use log::debug;
use tungstenite::error::Error;
use tungstenite::protocol::Role;
use tungstenite::{Bytes, Message, WebSocket};

use super::fault::{BINARY, ONLY_LISTEN, TOO_FAST, cause_of};
use super::frame_rules::tungstenite_config;
use super::rate_limit::{RateLimit, Verdict};
use super::stream::ClientStream;
use crate::broadcaster::{Cause, Incoming, ParseFirst, Received, TcpEnd};
use crate::chat::{Command, Fields, Parsed, Refusal};
use crate::client_id::ClientId;
use crate::close_code::CloseReason;
use crate::context::Context;
use crate::tap::{Purpose, ReadTap};

/// How many times faster than a member of the chat an echo may be.
const ECHO_RATE: u32 = 10;

/// One WebSocket, from the handshake to the beginning of its closing.
pub struct Session<'a> {
    client: ClientId,
    websocket: WebSocket<ClientStream>,
    purpose: Purpose,
    /// What its first message goes to, if the address did not say all.
    first: Option<ParseFirst>,
    context: &'a Context,
    rate: RateLimit,
    messages: u64,
    /// The ping that was sent last: when, and how many bytes had come by then.
    ping: Option<(Instant, u64)>,
    /// How long the client's close frame waits for its answer, if it asked for that.
    pub pause_at_close: Duration,
}

impl<'a> Session<'a> {
    pub fn new(
        client: ClientId,
        stream: ClientStream,
        purpose: Purpose,
        first: Option<ParseFirst>,
        context: &'a Context,
    ) -> Self {
        let options = &context.options;
        let config = tungstenite_config(options.max_message);
        let rate = match purpose {
            Purpose::Chat => options.rate,
            Purpose::Echo | Purpose::Feed => options.rate.saturating_mul(ECHO_RATE),
        };
        let websocket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        let (rate, pause_at_close) = (RateLimit::new(rate, Instant::now()), Duration::ZERO);
        Session { client, websocket, purpose, first, context, rate, messages: 0, ping: None, pause_at_close }
    }

    /// Reads until the connection begins to close; returns why.
    pub fn run(&mut self) -> Cause {
        loop {
            let result = match self.websocket.read() {
                Ok(message) => self.receive(message),
                Err(Error::Io(error)) if matches!(error.kind(), WouldBlock | TimedOut) => self.silence(),
                // `fault.rs`: bad UTF-8 is 1007, a broken frame 1002, too long a message 1009.
                Err(error) => Err(cause_of(error, self.context.options.max_message)),
            };
            if let Err(cause) = result {
                return cause;
            }
        }
    }

    /// What was received so far.
    pub fn received(&self) -> Received {
        Received { messages: self.messages, bytes: self.websocket.get_ref().received() }
    }

    /// The tap, and the bytes that will not become a message.
    pub fn into_rest(self) -> (Box<dyn ReadTap>, Vec<u8>) {
        self.websocket.into_inner().into_rest()
    }

    fn receive(&mut self, message: Message) -> Result<(), Cause> {
        self.messages += u64::from(message.is_text() || message.is_binary());
        match message {
            Message::Text(text) => {
                if let Some(parse) = self.first.take() {
                    self.websocket.get_mut().tap().first_message(&text);
                    let endpoint = Box::new(parse(&text).map_err(Cause::Fault)?);
                    return self.enqueue(Incoming::Introduced { client: self.client, endpoint });
                }
                match self.purpose {
                    Purpose::Chat => self.chat_message(&text),
                    Purpose::Echo => self.echo(Message::Text(text)),
                    Purpose::Feed => Err(Cause::Fault(ONLY_LISTEN)),
                }
            }
            Message::Binary(bytes) => match self.purpose {
                Purpose::Chat => Err(Cause::Fault(BINARY)),
                Purpose::Echo => self.echo(Message::Binary(bytes)),
                Purpose::Feed => Err(Cause::Fault(ONLY_LISTEN)),
            },
            // tungstenite has the pong ready and hands it to the stream with the next read.
            Message::Ping(_) => self.control_frame(),
            Message::Pong(_) => match self.ping.take() {
                Some((sent, _)) => {
                    let milliseconds = sent.elapsed().as_secs_f64() * 1e3;
                    debug!("{}: pong after {milliseconds:.1} ms", self.client);
                    Ok(())
                }
                None => self.control_frame(),
            },
            // tungstenite has a reply ready, but the broadcaster writes it: nothing may come after a close frame, and only the
            // broadcaster knows what else is on its way to this client.
            Message::Close(frame) => Err(Cause::Client(
                frame.map(|frame| CloseReason::composed(frame.code.into(), frame.reason.as_str().to_owned())),
            )),
            Message::Frame(_) => Ok(()),
        }
    }

    /// A text message of a member of the chat.
    fn chat_message(&mut self, text: &str) -> Result<(), Cause> {
        let (parsed, privacy) = Command::parse(text);
        self.websocket.get_mut().tap().understood(privacy);
        let verdict = match &parsed {
            Parsed::Heartbeat { .. } => self.rate.heartbeat(text.len(), Instant::now),
            _ => self.rate.message(text.len(), Instant::now),
        };
        match verdict {
            Verdict::Allowed => {}
            Verdict::Warned => {
                return self.refuse(Refusal::too_fast(self.context.options.rate, parsed.reference()));
            }
            Verdict::Excessive => return Err(Cause::Fault(TOO_FAST)),
        }
        match parsed {
            Parsed::Command(command) => self.enqueue(Incoming::Command { client: self.client, command }),
            Parsed::Heartbeat { answer, .. } => self.send(Message::text(answer)),
            Parsed::Refused(refusal) => self.refuse(refusal),
            Parsed::Unknown(fields) => self.extra_command(&fields),
        }
    }

    /// An object that the chat does not know is offered to the features.
    fn extra_command(&mut self, fields: &Fields) -> Result<(), Cause> {
        let commands = &self.context.joints.commands;
        let Some(command) = commands.iter().find(|command| command.kind == fields.kind) else {
            let kinds: Vec<&str> = commands.iter().map(|command| command.kind).collect();
            return self.refuse(Refusal::unknown_type(&kinds, fields.reference.clone()));
        };
        match (command.parse)(self.client, fields) {
            Ok(action) => {
                self.enqueue(Incoming::Run(action.job))?;
                // What the client sends meanwhile waits in the kernel's buffers, then with the client.
                thread::sleep(action.pause);
                self.pause_at_close = action.pause_at_close.unwrap_or(self.pause_at_close);
                Ok(())
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// A ping, or a pong that was not asked for: each costs us work, so it counts like a message.
    fn control_frame(&mut self) -> Result<(), Cause> {
        match (self.rate.message(0, Instant::now), self.purpose) {
            (Verdict::Excessive, _) => Err(Cause::Fault(TOO_FAST)),
            (Verdict::Warned, Purpose::Chat) => {
                self.refuse(Refusal::too_fast(self.context.options.rate, None))
            }
            (Verdict::Warned | Verdict::Allowed, _) => Ok(()),
        }
    }

    /// An echo cannot carry a warning: it goes on until the rate is excessive.
    fn echo(&mut self, message: Message) -> Result<(), Cause> {
        match self.rate.message(0, Instant::now) {
            Verdict::Excessive => Err(Cause::Fault(TOO_FAST)),
            Verdict::Allowed | Verdict::Warned => self.send(message),
        }
    }

    /// Nothing was received for the time of `--ping`. The first time we send a ping, the second time we close. Any byte counts as an
    /// answer, since a long message may be arriving.
    fn silence(&mut self) -> Result<(), Cause> {
        let received = self.websocket.get_ref().received();
        if self.ping.is_some_and(|(_, before)| before == received) {
            return Err(Cause::NoPong);
        }
        self.ping = Some((Instant::now(), received));
        self.send(Message::Ping(Bytes::new()))
    }

    /// To this client alone, by the broadcaster, like all that tungstenite writes.
    fn send(&mut self, message: Message) -> Result<(), Cause> {
        self.websocket.send(message).map_err(|error| cause_of(error, self.context.options.max_message))
    }

    fn refuse(&self, refusal: Refusal) -> Result<(), Cause> {
        self.enqueue(Incoming::Refused { client: self.client, refusal: Box::new(refusal) })
    }

    /// Waits while the channel is full: backpressure. The client's next bytes then wait in the kernel, and TCP slows it down.
    fn enqueue(&self, incoming: Incoming) -> Result<(), Cause> {
        let ended = |_| Cause::Cut(TcpEnd::Failed("the server has ended".to_owned()));
        self.context.to_broadcaster.send(incoming).map_err(ended)
    }
}
