//! What a person does: each step is drawn by chance.

use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;

use crate::letters::{Letter, SECRET};
use crate::person::Person;
use crate::stage::PATIENCE;
use crate::tally::Fault;

#[derive(Debug, Clone, Copy)]
pub enum Step {
    Chat,
    ChatInABurst,
    Whisper,
    Write,
    /// Says goodbye, and comes back.
    Leave,
    Reset,
    ResetWithinAFrame,
    /// The message may have arrived or not.
    ResetBehindAFrame,
    /// Comes back while the old connection still stands.
    Move,
    /// Does not read for a moment.
    Stall,
    /// So long that the server cuts it off: while it is silent, or while it sends.
    FallSilent,
    TalkWithoutListening,
}

/// How often each comes.
pub const STEPS: [(u64, Step); 12] = [
    (200, Step::Chat),
    (8, Step::ChatInABurst),
    (40, Step::Whisper),
    (10, Step::Write),
    (10, Step::Leave),
    (8, Step::Reset),
    (8, Step::ResetWithinAFrame),
    (8, Step::ResetBehindAFrame),
    (6, Step::Move),
    (10, Step::Stall),
    (1, Step::FallSilent),
    (2, Step::TalkWithoutListening),
];

/// Seconds of not reading after which the server must have cut the client off: `--ping` twice, or what fills the kernel's buffers and
/// 20 s in which nothing is taken.
const LONG_STALL: (f64, f64) = (45.0, 60.0);

/// What is said, beside its number.
const PIECES: [&str; 8] =
    ["hola ", "¿qué tal? ", "👋🏽 ", "\"quoted\\\" ", "two\nlines ", "<b>no tag</b> ", "漢字 ", "tab\there "];

impl Person<'_> {
    pub fn take(&mut self, step: Step) {
        let stage = self.stage;
        match step {
            Step::Chat => self.chat(),
            Step::ChatInABurst => (0..5).for_each(|_| self.chat()),
            Step::Whisper => self.whisper(),
            Step::Write => self.client.send(json!({"type": "typing"}).to_string()),
            Step::Leave => {
                stage.tally.count("left and came back");
                self.is_away();
                for event in self.client.leave() {
                    self.hear(event);
                }
                self.stay_away(0.0, 10.0);
            }
            Step::Reset => {
                stage.tally.count("reset");
                self.is_away();
                self.client.reset();
                self.stay_away(0.0, 5.0);
            }
            Step::ResetWithinAFrame | Step::ResetBehindAFrame => {
                let bytes = match step {
                    Step::ResetWithinAFrame => self.random.below(100) as usize,
                    _ => usize::MAX,
                };
                stage.tally.count(match step {
                    Step::ResetWithinAFrame => "reset within a frame",
                    _ => "reset behind a frame",
                });
                self.is_away();
                let text = self.next_text();
                self.client.say_and_reset(None, &text, bytes);
                self.stay_away(0.0, 5.0);
            }
            Step::Move => self.go_on_elsewhere(),
            Step::Stall => {
                stage.tally.count("stalled for a moment");
                stage.sleep(stage.moment(self.random, 1.0, 8.0));
            }
            Step::FallSilent => self.stall_for_long(false),
            Step::TalkWithoutListening => self.stall_for_long(true),
        }
    }

    fn chat(&mut self) {
        let text = self.next_text();
        self.client.say(None, &text);
    }

    fn next_text(&mut self) -> String {
        self.said += 1;
        let (least, most) =
            self.random.weighted(&[(700, (0, 60)), (270, (60, 300)), (27, (500, 3000)), (3, (4000, 16_000))]);
        let length = (least + self.random.below(most - least)) as usize;
        let mut text = format!("{} ", self.said);
        while text.len() < length {
            text += *self.random.pick(&PIECES[..]);
        }
        text + "."
    }

    fn whisper(&mut self) {
        let other = self.random.below(self.stage.board.len() as u64) as usize;
        let presence = self.stage.presence(other);
        let Some(to) = presence.name.clone().filter(|_| other != self.number) else {
            return self.chat();
        };
        let from = self.client.name().to_owned();
        let text = format!("{SECRET}{from}>{to} {};", self.diary.sent.len());
        self.client.say(Some(&to), &text);
        self.sent.insert(self.client.last_ref(), (text.clone(), other, presence));
        self.diary.sent.insert(text, Letter { from, to, id: None, refused: false });
    }

    /// The old connection hears nothing but that it is over.
    fn go_on_elsewhere(&mut self) {
        self.stage.tally.count("came back while still here");
        let begun = Instant::now();
        let Some(mut old) = self.client.websocket.take() else { return };
        self.be_back();
        old.get_ref().0.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let name = self.client.name();
        loop {
            match old.read() {
                Ok(Message::Close(Some(frame))) => {
                    let code = frame.code.into();
                    self.stage.tally.ended(code);
                    return assert_eq!(code, 4501, "{name}: {frame}");
                }
                Ok(_) => {}
                Err(error) => {
                    return self.stage.fault_since(begun, Fault::Broken, || {
                        format!("{name}: the old connection is not told why: {error}")
                    });
                }
            }
        }
    }

    fn stall_for_long(&mut self, talks: bool) {
        let time = self.random.seconds(LONG_STALL.0, LONG_STALL.1);
        let until = Instant::now() + time;
        // The server's time-outs do not get shorter by our hurry.
        if until > self.stage.end {
            return self.chat();
        }
        self.stage.tally.count(if talks { "talked without listening" } else { "fell silent" });
        self.is_away();
        while Instant::now() < until && !self.stage.is_over() {
            self.stage.sleep(Duration::from_secs(4));
            if talks {
                self.chat();
            }
        }
        self.confirm_all();
        self.is_here();
    }

    fn stay_away(&mut self, least: f64, most: f64) {
        let time = self.stage.moment(self.random, least, most);
        self.stage.sleep(time);
        self.be_back();
        self.is_here();
    }
}
