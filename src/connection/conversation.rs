//! Step 2, the persistent connection: both sides speak whenever they like, until one of them closes.
//!
//! Runs on the WebSocket's thread, which waits in `read` nearly all of the time. What is understood goes to the
//! broadcaster; nothing must be written here but through the stream.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use log::debug;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Message, WebSocket};

use super::guard::{MAX_CONTROL_PAYLOAD, too_long};
use super::rate::{RateLimit, Verdict};
use super::stream::{ClientFault, ClientStream};
use super::wiretap::Wiretap;
use crate::broadcaster::{Cause, Endpoint, Incoming, Received, TcpEnd};
use crate::chat::{Command, Demonstration, Refusal};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use crate::options::Options;

/// Room for a frame's header, in bytes, on top of the longest payload in tungstenite's write buffer, which is handed on
/// at once.
const WRITE_BUFFER_HEADROOM: usize = 16;

/// Bytes that tungstenite reads at once. It keeps a buffer of this size for every client; `ahead` makes up for its smallness.
const READ_BUFFER: usize = 1280;

/// For how long nothing is read from a client that asked to see that. No fuzzer does.
const PAUSE: Duration =
    if cfg!(any(test, fuzzing)) { Duration::ZERO } else { Duration::from_secs(10) };

/// How many times faster than a member of the chat an echo may be.
const ECHO_RATE: u32 = 10;

const BINARY: CloseReason = CloseReason::new(
    close::UNSUPPORTED_DATA,
    "the chat takes text only; binary frames are for /echo",
);
const ONLY_LISTEN: CloseReason =
    CloseReason::new(close::UNSUPPORTED_DATA, "the inspector only tells and takes no messages");
const TOO_FAST: CloseReason =
    CloseReason::new(close::POLICY_VIOLATION, "too many messages a second");
const WRONG_CODE: CloseReason =
    CloseReason::new(close::PROTOCOL_ERROR, "a close code that must not be sent (RFC 6455, 7.4)");
const NOT_UTF8: CloseReason =
    CloseReason::new(close::INVALID_PAYLOAD, "the text is not valid UTF-8");

pub struct Conversation<'a> {
    client: ClientId,
    websocket: WebSocket<Box<ClientStream>>,
    to_broadcaster: &'a Sender<Incoming>,
    endpoint: &'a Endpoint,
    options: &'a Options,
    rate: RateLimit,
    messages: u64,
    /// The ping that was sent last: when, and how many bytes had come by then.
    ping: Option<(Instant, u64)>,
}

impl<'a> Conversation<'a> {
    pub fn new(
        client: ClientId,
        stream: Box<ClientStream>,
        endpoint: &'a Endpoint,
        to_broadcaster: &'a Sender<Incoming>,
        options: &'a Options,
    ) -> Self {
        // The guard knows more exactly which frame may be how long.
        let longest_frame = options.max_message.max(MAX_CONTROL_PAYLOAD);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(longest_frame + WRITE_BUFFER_HEADROOM)
            .max_message_size(Some(options.max_message))
            .max_frame_size(Some(longest_frame));
        let rate = match endpoint {
            Endpoint::Chat(_) => options.rate,
            Endpoint::Echo | Endpoint::Wire(_) => options.rate.saturating_mul(ECHO_RATE),
        };
        Conversation {
            client,
            websocket: WebSocket::from_raw_socket(stream, Role::Server, Some(config)),
            to_broadcaster,
            endpoint,
            options,
            rate: RateLimit::new(rate, Instant::now()),
            messages: 0,
            ping: None,
        }
    }

    /// What came in so far.
    pub fn received(&self) -> Received {
        Received { messages: self.messages, bytes: self.websocket.get_ref().received() }
    }

    /// Bytes that were read ahead and will not become a message.
    pub fn rest(&mut self) -> Vec<u8> {
        self.websocket.get_mut().rest()
    }

    /// The rest of the stream is nobody's message, but may be looked at.
    pub fn wiretap(&mut self) -> &mut Wiretap {
        self.websocket.get_mut().wiretap()
    }

    /// Listens until the conversation is over, and says how its closing begins.
    ///
    /// The thread waits here nearly all of the time, so what this takes of the stack, an idle client takes: what it calls
    /// stays out of it.
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

    #[inline(never)]
    fn hear(&mut self, message: Message) -> Result<(), Cause> {
        match message {
            Message::Text(text) => {
                self.messages += 1;
                match self.endpoint {
                    Endpoint::Chat(_) => self.say(&text),
                    Endpoint::Echo => self.echo(Message::Text(text)),
                    Endpoint::Wire(_) => Err(Cause::Fault(ONLY_LISTEN)),
                }
            }
            Message::Binary(bytes) => match self.endpoint {
                Endpoint::Chat(_) => Err(Cause::Fault(BINARY)),
                Endpoint::Echo => {
                    self.messages += 1;
                    self.echo(Message::Binary(bytes))
                }
                Endpoint::Wire(_) => Err(Cause::Fault(ONLY_LISTEN)),
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
            // tungstenite has a reply ready, but the broadcaster writes it: nothing may come behind a close frame,
            // and only the broadcaster knows what else is on its way to this client.
            Message::Close(frame) => Err(closed_by(frame)),
            Message::Frame(_) => Ok(()),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Cause> {
        let said = Command::parse(text);
        let pauses = matches!(said, Ok(Command::Show(Demonstration::Pause)));
        let said = match self.rate.message(text.len(), Instant::now) {
            Verdict::Allowed => said,
            Verdict::Warned => {
                let reference = said.map_or_else(|refusal| refusal.reference, Command::reference);
                Err(Refusal::too_fast(self.options.rate, reference))
            }
            Verdict::Excessive => return Err(Cause::Fault(TOO_FAST)),
        };
        let pauses = pauses && said.is_ok();
        self.tell(Incoming::Said { client: self.client, said })?;
        if pauses {
            // What the client sends meanwhile waits in the kernel's buffers, then with the client.
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// A ping, or a pong that nobody asked for: each costs us work, so it counts like a message.
    fn control_frame(&mut self) -> Result<(), Cause> {
        match (self.rate.message(0, Instant::now), self.endpoint) {
            (Verdict::Excessive, _) => Err(Cause::Fault(TOO_FAST)),
            (Verdict::Warned, Endpoint::Chat(_)) => {
                let said = Err(Refusal::too_fast(self.options.rate, None));
                self.tell(Incoming::Said { client: self.client, said })
            }
            (Verdict::Warned | Verdict::Allowed, _) => Ok(()),
        }
    }

    /// There is no way to warn on an echo, so it may go on twice as long before it ends.
    fn echo(&mut self, message: Message) -> Result<(), Cause> {
        match self.rate.message(0, Instant::now) {
            Verdict::Excessive => Err(Cause::Fault(TOO_FAST)),
            Verdict::Allowed | Verdict::Warned => {
                self.websocket.send(message).map_err(|error| self.cause(error))
            }
        }
    }

    /// Nothing came for the time of `--ping`. The first time we ask; after the second we believe that nobody is
    /// there. Any byte counts as a sign of life, as a long message may be on its way.
    #[inline(never)]
    fn silence(&mut self) -> Result<(), Cause> {
        let received = self.websocket.get_ref().received();
        if self.ping.is_some_and(|(_, before)| before == received) {
            return Err(Cause::NoPong);
        }
        self.ping = Some((Instant::now(), received));
        self.websocket.send(Message::Ping(Bytes::new())).map_err(|error| self.cause(error))
    }

    fn tell(&self, incoming: Incoming) -> Result<(), Cause> {
        self.to_broadcaster
            .send(incoming)
            .map_err(|_| Cause::Cut(TcpEnd::Failed("the server has ended".to_owned())))
    }

    /// What an error of tungstenite or of the socket means for the connection.
    #[inline(never)]
    fn cause(&self, error: Error) -> Cause {
        match error {
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(ClientFault(fault)) => Cause::Fault(fault.clone()),
                None => Cause::Cut(TcpEnd::from(&error)),
            },
            // tungstenite's name for the end of the stream; a real reset is an `Io` error.
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Cause::Cut(TcpEnd::Fin),
            Error::Utf8(_) => Cause::Fault(NOT_UTF8),
            Error::Capacity(_) => Cause::Fault(too_long(self.options.max_message)),
            Error::Protocol(fault) => {
                Cause::Fault(CloseReason::composed(close::PROTOCOL_ERROR, fault.to_string()))
            }
            // Nothing that a client could cause.
            ours => Cause::Fault(CloseReason::composed(close::INTERNAL_ERROR, ours.to_string())),
        }
    }
}

fn is_time_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The client sent a close frame. In place of one whose code nobody may send (RFC 6455, 7.4) tungstenite hands out this
/// code and reason; a client that sends the very same two gets the same answer either way.
fn closed_by(frame: Option<CloseFrame>) -> Cause {
    match frame {
        Some(frame)
            if frame.code == CloseCode::Protocol
                && frame.reason.as_str() == "Protocol violation" =>
        {
            Cause::Fault(WRONG_CODE)
        }
        Some(frame) => {
            let reason = frame.reason.as_str().to_owned();
            Cause::Client(Some(CloseReason::composed(frame.code.into(), reason)))
        }
        None => Cause::Client(None),
    }
}
