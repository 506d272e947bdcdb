//! Attacks by HTTP: what is sent, and the answers that must come.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Mutex;

use crate::common::Server;
use crate::common::bystander::{Stories, each_while_somebody_chats, stories};
use crate::common::raw::{Answer, read_answer, read_to_end};

/// One connection's worth of it.
pub struct Attack {
    what: String,
    sent: Vec<u8>,
    /// The status of each answer, in order.
    statuses: Vec<u16>,
    /// Part of the last answer, if that is a refusal; of the log's next line, if it is a WebSocket.
    words: String,
    pace: Pace,
}

/// How the bytes are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// In one go; then the client ends its direction.
    AtOnce,
    /// The same, but each byte in a packet of its own.
    ByteByByte,
    /// In one go, and then nothing more comes.
    Hanging,
}

impl Attack {
    /// Refused with this status and these words.
    pub fn refused(sent: impl AsRef<[u8]>, status: u16, words: &str) -> Attack {
        Attack { words: words.to_owned(), ..Attack::answered(sent, &[status]) }
    }

    /// Answered so, one request after another.
    pub fn answered(sent: impl AsRef<[u8]>, statuses: &[u16]) -> Attack {
        let sent = sent.as_ref().to_vec();
        let what: String = String::from_utf8_lossy(&sent).chars().take(300).collect();
        let (statuses, words) = (statuses.to_vec(), String::new());
        Attack { what: format!("{what:?}"), sent, statuses, words, pace: Pace::AtOnce }
    }

    /// The last answer is a refusal with these words, or a WebSocket of which the log says them.
    pub fn saying(self, words: &str) -> Attack {
        Attack { words: words.to_owned(), ..self }
    }

    pub fn byte_by_byte(self) -> Attack {
        Attack { pace: Pace::ByteByByte, ..self }
    }

    pub fn hanging(self) -> Attack {
        Attack { pace: Pace::Hanging, ..self }
    }

    /// Sends it, reads all answers, and leaves when the server has nothing more to say.
    fn run(&self, server: &Server) -> (u16, Vec<Answer>) {
        let mut socket = server.connect();
        socket.set_nodelay(true).expect("it can be set");
        let port = socket.local_addr().expect("an address").port();
        let step = if self.pace == Pace::ByteByByte { 1 } else { usize::MAX };
        for bytes in self.sent.chunks(step.min(self.sent.len().max(1))) {
            socket.write_all(bytes).expect("the server takes bytes");
        }
        if self.pace != Pace::Hanging {
            socket.shutdown(Shutdown::Write).expect("our direction can be ended");
        }
        let came = read_to_end(&mut socket);
        let (mut rest, mut answers) = (&came[..], Vec::new());
        while rest.starts_with(b"HTTP/1.1 ") {
            let answer = read_answer(&mut rest, false);
            // What comes from then on are frames.
            let is_websocket = answer.status == 101;
            answers.push(answer);
            if is_websocket {
                return (port, answers);
            }
        }
        assert_eq!(rest, b"", "{}: no answer of ours", self.what);
        (port, answers)
    }

    /// What is wrong with the answers, if anything.
    fn fault(&self, answers: &[Answer]) -> Option<String> {
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let refusals = answers.iter().filter(|answer| answer.status >= 400);
        let sentences: Vec<String> = refusals.map(Answer::sentence).collect();
        let says = sentences.last().is_none_or(|last| last.contains(&self.words));
        let is_right = statuses == self.statuses && says;
        let Attack { what, statuses: expected, words, .. } = self;
        (!is_right).then(|| format!("{what}: {statuses:?} {sentences:?}, not {expected:?} {words:?}"))
    }

    /// One line for each answer, and the first and the last of the connection.
    fn assert_logged(&self, port: u16, log: &mut Stories, answers: &[Answer]) {
        let mut words = vec!["TCP connection from ".to_owned()];
        // A 100 is no answer yet.
        words.extend(answers.iter().filter(|answer| answer.status != 100).map(|answer| {
            let length = answer.head.len() + answer.body.len();
            match answer.status {
                101 => "answered 101".to_owned(),
                status @ 400.. => {
                    format!("answered {status}, {length} bytes: {}", answer.sentence())
                }
                status => format!("answered {status}, {length} bytes"),
            }
        }));
        match self.statuses.last() {
            Some(101) => {
                let begun = if self.words.is_empty() { "the echo" } else { &self.words };
                words.push(begun.to_owned());
                let cut = "without a close frame (1006): the client ended TCP";
                words.extend(["closing begun ", "closed "].map(|begin| format!("{begin}{cut}")));
            }
            _ => words.push("ended".to_owned()),
        }
        log.take(port, &words, &self.what);
    }
}

/// Runs all attacks while a bystander chats, then checks the log.
pub fn attack(server: Server, attacks: Vec<Attack>) {
    let done = Mutex::new(Vec::new());
    each_while_somebody_chats(&server, attacks, |attack| {
        let (port, answers) = attack.run(&server);
        done.lock().expect("no panic while locked").push((attack, port, answers));
    });
    let done = done.into_inner().expect("no panic while locked");
    let faults: Vec<String> = done.iter().filter_map(|(attack, _, answers)| attack.fault(answers)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut log = stories(server);
    for (attack, port, answers) in done {
        attack.assert_logged(port, &mut log, &answers);
    }
}
