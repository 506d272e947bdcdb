//! Step 3 as the broadcaster keeps book of it: who began, who answered, who ended TCP, and what may be done next.
//!
//! A WebSocket is closed twice over: by a close frame in each direction, then by TCP's end in each direction (RFC 6455,
//! section 7.1). No socket and no clock here; the broadcaster does what this book allows.

use std::fmt;
use std::io::{self, ErrorKind};

use bytes::Bytes;
use tungstenite::protocol::frame::{CloseFrame, Frame};

use super::incoming::Received;
use crate::close::{self, CloseReason};
use crate::wire::{Amount, Closed, Party};

/// How the closing of a connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The client sent a close frame; `None` if it carried no code.
    Client(Option<CloseReason>),
    /// The client is at fault: it is told why, and nothing it still sends is read (RFC 6455, 7.1.7).
    Fault(CloseReason),
    /// The client answered no ping. It is told, should it still be there; the others hear that it was cut off.
    NoPong,
    /// The server wants to end it: the client is given the time to answer.
    Server(CloseReason),
    /// TCP ended without a close frame.
    Cut(TcpEnd),
    /// The server ends TCP without a close frame: only when the client wants to see that.
    Dropped,
}

/// How the client's direction of TCP ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpEnd {
    /// In order, by a FIN.
    Fin,
    /// It had not ended when our patience did, so we ended it.
    Abandoned,
    /// The client's side forgot about the connection at once.
    Reset,
    /// By another error of reading or writing, in the system's words.
    Failed(String),
    /// The connection's thread failed before it came to that.
    Unknown,
}

impl From<&io::Error> for TcpEnd {
    fn from(error: &io::Error) -> TcpEnd {
        match error.kind() {
            ErrorKind::ConnectionReset => TcpEnd::Reset,
            _ => TcpEnd::Failed(error.to_string()),
        }
    }
}

const NO_PONG: CloseReason = CloseReason::new(close::NO_PONG, "no answer to our ping in time");

impl Cause {
    /// What the others are told in a `left` event.
    pub fn told(&self) -> CloseReason {
        match self {
            Cause::Client(Some(reason)) | Cause::Fault(reason) | Cause::Server(reason) => {
                reason.clone()
            }
            Cause::Client(None) => CloseReason::new(close::NO_STATUS, ""),
            Cause::NoPong => CloseReason::new(close::ABNORMAL, "no answer to our ping in time"),
            Cause::Cut(_) | Cause::Dropped => CloseReason::new(close::ABNORMAL, ""),
        }
    }

    /// Which side began.
    pub fn by(&self) -> Party {
        match self {
            Cause::Client(_) => Party::Client,
            Cause::Fault(_) | Cause::NoPong | Cause::Server(_) | Cause::Dropped => Party::Server,
            Cause::Cut(_) => Party::Nobody,
        }
    }

    /// What stands in the close frame, or is said in its place.
    pub fn reason(&self) -> CloseReason {
        match self {
            Cause::NoPong => NO_PONG,
            cause => cause.told(),
        }
    }

    /// The close frame that the server sends; `None` where there is nobody to read one.
    pub fn frame(&self) -> Option<Bytes> {
        match self {
            Cause::Client(reason) => Some(close_frame(reason.as_ref())),
            Cause::Fault(reason) | Cause::Server(reason) => Some(close_frame(Some(reason))),
            Cause::NoPong => Some(close_frame(Some(&NO_PONG))),
            Cause::Cut(_) | Cause::Dropped => None,
        }
    }
}

/// Our direction: what we still send.
#[derive(Debug, PartialEq, Eq)]
enum Ours {
    Open,
    /// The last frame is queued.
    Closing(Cause),
    /// TCP's end is sent behind it.
    Ended(Cause),
}

/// Both directions of one connection.
#[derive(Debug)]
pub struct Closing {
    ours: Ours,
    /// The client sent a close frame, as its own wish or as an answer to ours.
    close_frame_came: bool,
    /// In its place came what ends all reading.
    answered_with_a_fault: bool,
    /// Ours is with the kernel, and everything before it.
    close_frame_sent: bool,
    /// The connection's thread is done: what came in, and how the client's direction of TCP ended.
    their_end: Option<(Received, TcpEnd)>,
    /// We ended TCP in both directions before the client had ended its own.
    abandoned: bool,
    /// Who ended TCP first.
    tcp_ended_by: Option<Party>,
}

impl Closing {
    /// Nothing of it has begun.
    pub fn not_begun() -> Self {
        Closing {
            ours: Ours::Open,
            close_frame_came: false,
            answered_with_a_fault: false,
            close_frame_sent: false,
            their_end: None,
            abandoned: false,
            tcp_ended_by: None,
        }
    }

    pub fn has_begun(&self) -> bool {
        self.ours != Ours::Open
    }

    /// The last frame is about to be queued. What began first stays the cause.
    pub fn begin(&mut self, cause: Cause) {
        self.close_frame_came |= matches!(cause, Cause::Client(_));
        if self.ours == Ours::Open {
            self.ours = Ours::Closing(cause);
        }
    }

    /// The client is at fault while we wait for its answer: nothing that it still sends is read (RFC 6455, 7.1.7).
    pub fn no_answer_can_come(&mut self) {
        self.answered_with_a_fault = true;
    }

    /// The connection's thread reads no more.
    pub fn their_end_came(&mut self, received: Received, tcp: TcpEnd) {
        // A read that we ended ourselves looks like the client's FIN.
        let tcp = if self.abandoned && tcp == TcpEnd::Fin { TcpEnd::Abandoned } else { tcp };
        self.tcp_ended_by.get_or_insert(Party::Client);
        self.their_end = Some((received, tcp));
    }

    pub fn their_end_has_come(&self) -> bool {
        self.their_end.is_some()
    }

    /// What came in, once that is known.
    pub fn received(&self) -> Received {
        self.their_end.as_ref().map(|(received, _)| *received).unwrap_or_default()
    }

    /// Once everything is sent, our direction may end: not while the client may still answer our wish to close.
    pub fn may_end_ours(&self) -> bool {
        match &self.ours {
            Ours::Open | Ours::Ended(_) => false,
            Ours::Closing(Cause::Server(_)) => {
                self.close_frame_came || self.answered_with_a_fault || self.their_end_has_come()
            }
            Ours::Closing(_) => true,
        }
    }

    /// The last byte is with the kernel, and our direction of TCP is ended.
    pub fn sent_all(&mut self) {
        self.close_frame_sent = true;
        self.ended_ours();
    }

    /// Our direction of TCP is ended, whatever was still to be sent.
    pub fn ended_ours(&mut self) {
        self.tcp_ended_by.get_or_insert(Party::Server);
        self.ours = match std::mem::replace(&mut self.ours, Ours::Open) {
            Ours::Closing(cause) | Ours::Ended(cause) => Ours::Ended(cause),
            Ours::Open => Ours::Open,
        };
    }

    /// Both directions are ended by us, whatever the client still does.
    pub fn abandoned(&mut self) {
        self.abandoned = true;
        self.ended_ours();
    }
}

impl Closing {
    /// The last frame of the side that did not begin has come, or gone.
    pub fn is_answered(&self) -> bool {
        match self.cause() {
            Some(Cause::Client(_)) => self.close_frame_sent,
            Some(Cause::Fault(_) | Cause::NoPong | Cause::Server(_)) => self.close_frame_came,
            Some(Cause::Cut(_) | Cause::Dropped) | None => false,
        }
    }

    /// Which side began, if it has begun.
    pub fn by(&self) -> Option<Party> {
        self.cause().map(Cause::by)
    }

    fn cause(&self) -> Option<&Cause> {
        match &self.ours {
            Ours::Open => None,
            Ours::Closing(cause) | Ours::Ended(cause) => Some(cause),
        }
    }

    /// All of it for those who watch; `sent` went to the client.
    pub fn shown(&self, sent: Amount) -> Closed {
        let received = self.received();
        let tcp = self.their_end.as_ref().map_or(&TcpEnd::Unknown, |(_, tcp)| tcp);
        let nothing = Cause::Cut(TcpEnd::Unknown);
        let cause = self.cause().unwrap_or(&nothing);
        Closed {
            by: cause.by(),
            reason: cause.reason(),
            answered: self.is_answered(),
            tcp_by: self.tcp_ended_by,
            tcp: match tcp {
                TcpEnd::Fin => "fin",
                TcpEnd::Abandoned => "abandoned",
                TcpEnd::Reset => "reset",
                TcpEnd::Failed(_) => "failed",
                TcpEnd::Unknown => "unknown",
            },
            detail: tcp.to_string(),
            from_client: Amount { messages: received.messages, bytes: received.bytes },
            to_client: sent,
        }
    }
}

/// `closed by the server: 1001 (going away), answered by the client`
impl fmt::Display for Closing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Ours::Closing(cause) | Ours::Ended(cause)) = &self.ours else {
            return write!(formatter, "open");
        };
        write!(formatter, "closed {cause}")?;
        match (cause, &self.their_end) {
            (Cause::Client(_), _) if self.close_frame_sent => {
                write!(formatter, ", answered by the server")
            }
            (Cause::Cut(_) | Cause::Dropped, _) => Ok(()),
            (Cause::Fault(_) | Cause::NoPong | Cause::Server(_), _) if self.close_frame_came => {
                write!(formatter, ", answered by the client")
            }
            (_, Some((_, tcp))) => write!(formatter, "; {tcp}"),
            (_, None) => Ok(()),
        }
    }
}

/// Who and why: `by the client: 1001 (going away)`.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Client(Some(reason)) => write!(formatter, "by the client: {reason}"),
            Cause::Client(None) => {
                write!(formatter, "by the client: close frame without a code (1005)")
            }
            Cause::Fault(reason) | Cause::Server(reason) => {
                write!(formatter, "by the server: {reason}")
            }
            Cause::NoPong => write!(formatter, "by the server: {NO_PONG}"),
            Cause::Dropped => {
                write!(
                    formatter,
                    "by the server without a close frame (1006), as the client wished"
                )
            }
            Cause::Cut(end) => write!(formatter, "without a close frame (1006): {end}"),
        }
    }
}

impl fmt::Display for TcpEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpEnd::Fin => write!(formatter, "the client ended TCP"),
            TcpEnd::Abandoned => {
                write!(formatter, "the client did not end TCP in time, so the server did")
            }
            TcpEnd::Reset => write!(formatter, "the client reset TCP"),
            TcpEnd::Failed(error) => write!(formatter, "TCP failed: {error}"),
            TcpEnd::Unknown => write!(formatter, "nobody saw how TCP ended"),
        }
    }
}

/// The bytes of a close frame as a server sends it: unmasked; without a reason an empty one (RFC 6455, 5.5.1).
fn close_frame(reason: Option<&CloseReason>) -> Bytes {
    let payload = reason
        .map(|reason| CloseFrame { code: reason.code().into(), reason: reason.reason().into() });
    let frame = Frame::close(payload);
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing into memory cannot fail; were it to, nothing is sent rather than half a frame.
    if frame.format(&mut bytes).is_err() {
        bytes.clear();
    }
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: CloseReason = CloseReason::new(close::GOING_AWAY, "bye");

    #[test]
    fn a_close_frame_carries_its_code_in_network_order_and_its_reason() {
        assert_eq!(&close_frame(Some(&BYE))[..], b"\x88\x05\x03\xe9bye");
        assert_eq!(&close_frame(None)[..], b"\x88\x00");
    }

    #[test]
    fn the_clients_wish_is_answered_and_our_end_follows_at_once() {
        let mut closing = Closing::not_begun();
        closing.begin(Cause::Client(Some(BYE)));
        assert!(closing.has_begun() && closing.may_end_ours());
        closing.sent_all();
        assert!(!closing.may_end_ours());
        closing.their_end_came(Received::default(), TcpEnd::Fin);
        assert_eq!(
            closing.to_string(),
            "closed by the client: 1001 (going away), reason \"bye\", answered by the server"
        );
    }

    #[test]
    fn our_own_wish_waits_for_the_answer_or_for_the_end() {
        for answered in [true, false] {
            let mut closing = Closing::not_begun();
            closing.begin(Cause::Server(BYE));
            assert!(!closing.may_end_ours());
            if answered {
                closing.begin(Cause::Client(Some(BYE)));
            } else {
                closing.their_end_came(Received::default(), TcpEnd::Fin);
            }
            assert!(closing.may_end_ours());
            let end = if answered { ", answered by the client" } else { "; the client ended TCP" };
            assert!(closing.to_string().ends_with(end), "{closing}");
        }
    }

    #[test]
    fn our_own_wish_does_not_wait_for_an_answer_that_nobody_would_read() {
        let mut closing = Closing::not_begun();
        closing.begin(Cause::Server(BYE));
        closing.no_answer_can_come();
        assert!(closing.may_end_ours() && !closing.is_answered());
    }

    #[test]
    fn an_end_that_we_forced_is_not_told_as_the_clients() {
        let mut closing = Closing::not_begun();
        closing.begin(Cause::Fault(BYE));
        closing.abandoned();
        closing.their_end_came(Received::default(), TcpEnd::Fin);
        assert!(closing.to_string().ends_with("so the server did"), "{closing}");
    }

    #[test]
    fn a_reset_is_told_as_a_reset() {
        let mut closing = Closing::not_begun();
        closing.begin(Cause::Fault(BYE));
        closing.abandoned();
        closing.their_end_came(Received::default(), TcpEnd::Failed("reset".to_owned()));
        assert!(closing.to_string().ends_with("TCP failed: reset"), "{closing}");
    }

    #[test]
    fn an_answer_that_was_never_sent_is_not_told() {
        let mut closing = Closing::not_begun();
        closing.begin(Cause::Client(Some(BYE)));
        closing.ended_ours();
        closing.their_end_came(Received::default(), TcpEnd::Failed("reset".to_owned()));
        assert!(closing.to_string().ends_with("; TCP failed: reset"), "{closing}");
    }
}
