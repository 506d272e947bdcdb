//! Step 2, the persistent connection: both sides speak whenever they like, until one of them closes.
//!
//! Runs on the connection's thread, which waits in `read` nearly all of the time. What is understood goes to the
//! broadcaster; nothing is written here.

use std::io::ErrorKind;
use std::time::Instant;

use crossbeam_channel::Sender;
use log::debug;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Message, WebSocket};

use super::rate::{RateLimit, Verdict};
use super::stream::{ClientFault, ClientStream};
use crate::broadcaster::{Incoming, Received, Room};
use crate::chat::Command;
use crate::client_id::ClientId;
use crate::close::{self, Cause, CloseReason, TcpEnd};
use crate::options::Options;

/// Bytes that tungstenite reads at once. It keeps a buffer of this size for every client.
const READ_BUFFER: usize = 4096;

const BINARY: CloseReason = CloseReason::new(
    close::UNSUPPORTED_DATA,
    "the chat takes text only; binary frames are for /echo",
);
const TOO_FAST: CloseReason = CloseReason::new(
    close::POLICY_VIOLATION,
    "too many messages a second, in spite of the warnings",
);
const NO_PONG: CloseReason = CloseReason::new(close::NO_PONG, "no answer to our ping in time");
const NOT_UTF8: CloseReason =
    CloseReason::new(close::INVALID_PAYLOAD, "the text is not valid UTF-8");

pub struct Conversation<'a> {
    client: ClientId,
    websocket: WebSocket<ClientStream>,
    to_broadcaster: &'a Sender<Incoming>,
    in_chat: bool,
    options: &'a Options,
    rate: RateLimit,
    messages: u64,
    /// The ping that was sent last: when, and how many bytes had come by then.
    ping: Option<(Instant, u64)>,
}

impl<'a> Conversation<'a> {
    pub fn new(
        client: ClientId,
        stream: ClientStream,
        room: &Room,
        to_broadcaster: &'a Sender<Incoming>,
        options: &'a Options,
    ) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(options.max_message + 1024)
            .max_message_size(Some(options.max_message))
            .max_frame_size(Some(options.max_message));
        Conversation {
            client,
            websocket: WebSocket::from_raw_socket(stream, Role::Server, Some(config)),
            to_broadcaster,
            in_chat: matches!(room, Room::Chat { .. }),
            options,
            rate: RateLimit::new(options.rate, Instant::now()),
            messages: 0,
            ping: None,
        }
    }

    /// What came in so far.
    pub fn received(&self) -> Received {
        Received {
            messages: self.messages,
            bytes: self.websocket.get_ref().received(),
        }
    }

    /// Listens until the conversation is over, and says how its closing begins.
    pub fn run(&mut self) -> Cause {
        loop {
            let heard = match self.websocket.read() {
                Ok(message) => self.hear(message),
                Err(Error::Io(error)) if is_time_out(error.kind()) => self.silence(),
                Err(error) => Err(self.cause(error)),
            };
            if let Err(cause) = heard {
                return cause;
            }
        }
    }

    fn hear(&mut self, message: Message) -> Result<(), Cause> {
        match message {
            Message::Text(text) => {
                self.messages += 1;
                if !self.in_chat {
                    return self.echo(Message::Text(text));
                }
                let command = Command::parse(&text);
                let command = match self.rate.message(Instant::now()) {
                    Verdict::Allowed => command,
                    Verdict::Warned => command.too_fast(self.options.rate),
                    Verdict::Excessive => return Err(Cause::Fault(TOO_FAST)),
                };
                self.tell(Incoming::Said {
                    client: self.client,
                    command,
                })
            }
            Message::Binary(_) if self.in_chat => Err(Cause::Fault(BINARY)),
            Message::Binary(bytes) => {
                self.messages += 1;
                self.echo(Message::Binary(bytes))
            }
            // Each one makes us write a pong, so in the chat it counts like a message. tungstenite has the pong
            // ready and hands it to the stream with the next read.
            Message::Ping(_) if self.in_chat => match self.rate.message(Instant::now()) {
                Verdict::Excessive => Err(Cause::Fault(TOO_FAST)),
                Verdict::Allowed | Verdict::Warned => Ok(()),
            },
            Message::Ping(_) => Ok(()),
            Message::Pong(_) => {
                if let Some((sent, _)) = self.ping.take() {
                    debug!(
                        "{}: pong after {:.1} ms",
                        self.client,
                        sent.elapsed().as_secs_f64() * 1e3
                    );
                }
                Ok(())
            }
            // tungstenite has a reply ready, but the broadcaster writes it: nothing may come behind a close frame,
            // and only the broadcaster knows what else is on its way to this client.
            Message::Close(frame) => Err(Cause::Client(frame.map(CloseReason::from))),
            Message::Frame(_) => Ok(()),
        }
    }

    fn echo(&mut self, message: Message) -> Result<(), Cause> {
        self.websocket
            .send(message)
            .map_err(|error| self.cause(error))
    }

    /// Nothing came for the time of `--ping`. The first time we ask; after the second we believe that nobody is
    /// there. Any byte counts as a sign of life, as a long message may be on its way.
    fn silence(&mut self) -> Result<(), Cause> {
        let received = self.websocket.get_ref().received();
        if self.ping.is_some_and(|(_, before)| before == received) {
            return Err(Cause::Fault(NO_PONG));
        }
        self.ping = Some((Instant::now(), received));
        self.websocket
            .send(Message::Ping(Bytes::new()))
            .map_err(|error| self.cause(error))
    }

    fn tell(&self, incoming: Incoming) -> Result<(), Cause> {
        self.to_broadcaster
            .send(incoming)
            .map_err(|_| Cause::Cut(TcpEnd::Failed("the server has ended".to_owned())))
    }

    /// What an error of tungstenite or of the socket means for the connection.
    fn cause(&self, error: Error) -> Cause {
        match error {
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(ClientFault(fault)) => Cause::Fault(fault.clone()),
                None => Cause::Cut(TcpEnd::Failed(error.to_string())),
            },
            // tungstenite's name for the end of the stream; a real reset is an `Io` error.
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Cut(TcpEnd::Fin),
            Error::Utf8(_) => Cause::Fault(NOT_UTF8),
            Error::Capacity(_) => Cause::Fault(CloseReason {
                code: close::MESSAGE_TOO_BIG,
                reason: format!("a message may have {} bytes here", self.options.max_message)
                    .into(),
            }),
            error => {
                let mut reason = error.to_string();
                reason.truncate(reason.floor_char_boundary(close::MAX_REASON));
                Cause::Fault(CloseReason {
                    code: close::PROTOCOL_ERROR,
                    reason: reason.into(),
                })
            }
        }
    }
}

fn is_time_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
