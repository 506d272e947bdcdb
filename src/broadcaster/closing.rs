//! Step 3 as a state machine: who began to close, who answered, who ended TCP, and what may be done next.
//!
//! A WebSocket is closed twice: by a close frame in each direction, then by TCP's end in each direction (RFC 6455, section
//! 7.1). No socket and no clock here; the broadcaster does what this state allows.

use std::fmt;

use super::cause::{Cause, Party, Received, TcpEnd};

/// The closing of one connection, both directions. The default is: open.
#[derive(Debug, Default)]
pub struct Closing {
    /// Set when it begins. What began first stays the cause.
    cause: Option<Cause>,
    /// How far our direction is.
    ours: Ours,
    /// What the client sent after our close frame.
    answer: Answer,
    /// The connection's thread is done: what came in, and how the client's direction of TCP ended.
    theirs: Option<(Received, TcpEnd)>,
    /// Which side ended TCP first.
    tcp_ended_by: Option<Party>,
    /// The server ended both directions at the deadline.
    forced: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Ours {
    /// Frames may still be sent; once closing has begun, the close frame is the last of them.
    #[default]
    Open,
    /// Ended in order: the kernel has the close frame and everything before it, and FIN follows.
    Sent,
    /// Ended before everything was sent.
    Cut,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    None,
    /// A close frame.
    CloseFrame,
    /// A fault or silence ended the reading: no close frame will be received.
    Unreadable,
}

impl Closing {
    pub fn has_begun(&self) -> bool {
        self.cause.is_some()
    }

    /// The close frame is about to be queued.
    pub fn begin(&mut self, cause: Cause) {
        self.cause.get_or_insert(cause);
    }

    /// The client's close frame has come, after ours.
    pub fn answered(&mut self) {
        self.answer = Answer::CloseFrame;
    }

    /// The client is at fault or silent while we wait for its answer: nothing that it still sends is read (RFC 6455, 7.1.7).
    pub fn no_answer_will_come(&mut self) {
        self.answer = Answer::Unreadable;
    }

    /// Whether our direction may end once everything is sent: not while the client may still answer our close frame.
    pub fn may_end_ours(&self) -> bool {
        match &self.cause {
            _ if self.ours != Ours::Open => false,
            None => false,
            Some(Cause::Server(_)) => self.answer != Answer::None || self.theirs.is_some(),
            // Our close frame is itself the answer, or no answer will be read.
            Some(_) => true,
        }
    }

    /// The kernel has the last byte, and our direction of TCP is ended.
    pub fn sent_all(&mut self) {
        self.ours = Ours::Sent;
        self.tcp_ended_by.get_or_insert(Party::Server);
    }

    /// Our direction of TCP is ended, even if frames are still queued.
    pub fn ended_ours(&mut self) {
        if self.ours == Ours::Open {
            self.ours = Ours::Cut;
        }
        self.tcp_ended_by.get_or_insert(Party::Server);
    }

    /// The server ended both directions, since the client's time was over.
    pub fn forced(&mut self) {
        self.forced = true;
        self.ended_ours();
    }

    /// The connection's thread is done.
    pub fn tcp_ended(&mut self, received: Received, tcp: TcpEnd) {
        // A read that we ended ourselves looks like the client's FIN.
        let tcp = if self.forced && tcp == TcpEnd::Fin { TcpEnd::Forced } else { tcp };
        self.tcp_ended_by.get_or_insert(Party::Client);
        self.theirs = Some((received, tcp));
    }

    /// How the client's direction ended, once it has.
    pub fn tcp_end(&self) -> Option<&TcpEnd> {
        self.theirs.as_ref().map(|(_, tcp)| tcp)
    }

    /// Which side ended TCP first.
    pub fn tcp_ended_by(&self) -> Option<Party> {
        self.tcp_ended_by
    }

    /// What came in, once that is known.
    pub fn received(&self) -> Received {
        self.theirs.as_ref().map(|(received, _)| *received).unwrap_or_default()
    }

    /// Why the closing began, if it has begun.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Which side began.
    pub fn by(&self) -> Option<Party> {
        self.cause().map(Cause::by)
    }

    /// The close frame that answers the first one was received, or sent.
    pub fn is_answered(&self) -> bool {
        match &self.cause {
            Some(Cause::Client(_)) => self.ours == Ours::Sent,
            Some(Cause::Server(_)) => self.answer == Answer::CloseFrame,
            // After a fault or silence nothing more is read, so no answer is seen.
            _ => false,
        }
    }
}

/// `closed by the server: 1001 (going away), answered by the client`
impl fmt::Display for Closing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cause) = &self.cause else { return write!(formatter, "open") };
        write!(formatter, "closed {cause}")?;
        match (cause, &self.theirs) {
            (Cause::Cut(_) | Cause::Dropped, _) => Ok(()),
            (Cause::Client(_), _) if self.is_answered() => {
                write!(formatter, ", answered by the server")
            }
            (_, _) if self.is_answered() => write!(formatter, ", answered by the client"),
            (_, Some((_, tcp))) => write!(formatter, "; {tcp}"),
            (_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
