//! What a session makes of a client's bytes: which messages it understands, and where the conversation is over.

use std::collections::HashSet;

use websocket_classroom::chat::Command;
use websocket_classroom::tap::{Privacy, ReadTap};
use websocket_classroom::websocket::frame::FrameScanner;

use super::super::frames::Sent;
use super::{MAX_MESSAGE, fault, headers};

pub struct Conversation {
    /// Where each text message ends that is understood, and what is said of it.
    understood: Vec<(usize, Privacy)>,
    /// The frames that all may read, by their numbers: each is a text message by itself.
    public: HashSet<usize>,
    /// Bytes from here on are not read as messages.
    over: usize,
}

impl Conversation {
    pub fn of(stream: &[u8]) -> Conversation {
        let fault = fault([stream]).map(|(at, ..)| at);
        let sent = Sent::of(&stream[..fault.unwrap_or(stream.len())]);
        let over = if sent.is_closed() { Some(sent.at) } else { fault };
        let (mut understood, mut public) = (Vec::new(), HashSet::new());
        for message in sent.messages {
            let text = String::from_utf8(message.payload).ok();
            let text = text.filter(|text| message.is_text && text.len() <= MAX_MESSAGE);
            let Some(text) = text else {
                return Conversation { understood, public, over: message.end };
            };
            let (_, privacy) = Command::parse(&text);
            understood.push((message.end, privacy));
            if message.is_single && privacy == Privacy::Public {
                public.insert(message.frame);
            }
        }
        Conversation { understood, public, over: over.unwrap_or(stream.len()) }
    }

    /// All may read this frame of the client.
    pub fn is_public(&self, number: usize) -> bool {
        self.public.contains(&number)
    }

    /// Shows the tap of a member of the chat all of it. Returns how many bytes were read before it was over.
    pub fn pass<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>, tap: &mut dyn ReadTap) -> usize {
        let mut scanner = FrameScanner::default();
        let mut understood = self.understood.iter().peekable();
        let (mut read, mut at) = (0, 0);
        for piece in pieces {
            at += piece.len();
            if read >= self.over && read > 0 {
                tap.rest(piece);
                continue;
            }
            tap.read(piece, &scanner);
            headers(&mut scanner, [piece]);
            while let Some((_, privacy)) = understood.next_if(|(end, _)| *end <= at) {
                tap.understood(*privacy);
            }
            read = at;
        }
        tap.end();
        read
    }
}
