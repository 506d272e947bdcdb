//! The cases of the Autobahn test suite that concern a server without compression: its groups 1 to 7, 9 and 10, 301 cases
//! under their numbers there, done to `/echo`.
//!
//! It is stricter than the suite: a violation must end with the right code and in order, where the suite also lets a bare
//! end of TCP pass; and cases that the suite does not judge have an outcome here.

mod closing;
mod framing;
mod limits;
mod utf8;

use crate::common::Server;
use crate::common::raw::{CLOSE, RawClient, assert_not_reset, frame};

/// A frame's first byte and its payload.
type Frame<'a> = (u8, &'a [u8]);

/// How bytes are cut into writes.
#[derive(Clone, Copy)]
enum Chop {
    /// Not at all.
    Whole,
    /// A write for each frame.
    Frames,
    /// Writes of this many bytes.
    Octets(usize),
}

/// How a case ends.
#[derive(Clone, Copy)]
enum End {
    /// We close with 1000.
    Ours,
    /// There was a close frame in the case, which is answered with this code; 1005 is none.
    Answered(u16),
    /// The server fails the connection with this code.
    Fails(u16),
}

use Chop::{Frames, Octets, Whole};
use End::{Answered, Fails, Ours};

/// One case.
struct Case {
    number: String,
    chop: Chop,
    sent: Vec<Vec<u8>>,
    heard: Vec<(u8, Vec<u8>)>,
    end: End,
}

fn case(number: &str, chop: Chop, sent: &[Frame], heard: &[Frame], end: End) -> Case {
    Case {
        number: number.to_owned(),
        chop,
        sent: sent.iter().map(|(first, payload)| frame(*first, payload)).collect(),
        heard: heard.iter().map(|(first, payload)| (*first, payload.to_vec())).collect(),
        end,
    }
}

fn server() -> Server {
    Server::start(&["--rate", "0", "--max-message", "16777216", "--log", "info"])
}

/// A client whose writes go out as they are.
fn open(server: &Server) -> RawClient {
    let client = RawClient::open(server, "/echo");
    client.socket.set_nodelay(true).expect("an option of TCP");
    client
}

fn run(cases: &[Case]) {
    let server = server();
    cases.iter().for_each(|case| play(&server, case));
}

/// Does one case on a connection of its own.
fn play(server: &Server, case: &Case) {
    let mut client = open(server);
    send(&mut client, case.chop, &case.sent);
    for (first, payload) in &case.heard {
        let heard = client.frame();
        // Payloads are too long to be shown.
        let heard_first = heard.as_ref().map(|(first, _)| *first);
        let is_right = heard.is_some_and(|heard| heard == (*first, payload.clone()));
        assert!(is_right, "{}: {heard_first:x?} comes, perhaps with another payload", case.number);
    }
    ends(server, &case.number, client, case.end);
}

fn send(client: &mut RawClient, chop: Chop, frames: &[Vec<u8>]) {
    match chop {
        Whole => client.send(&frames.concat()),
        Frames => frames.iter().for_each(|frame| client.send(frame)),
        Octets(size) => frames.concat().chunks(size).for_each(|chop| client.send(chop)),
    }
}

/// Nothing comes but this end, and the log has it.
#[track_caller]
fn ends(server: &Server, number: &str, mut client: RawClient, end: End) {
    if let Ours = end {
        client.send(&frame(CLOSE, b"\x03\xe8"));
    }
    let (code, by) = match end {
        Ours => (1000, "client"),
        Answered(code) => (code, "client"),
        Fails(code) => (code, "server"),
    };
    let (first, payload) = client.frame().unwrap_or_else(|| panic!("{number}: a bare end of TCP"));
    assert_eq!(first, CLOSE, "{number}: {payload:?}");
    let told = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
    assert_eq!(told, code, "{number}: {:?}", String::from_utf8_lossy(&payload));
    assert_eq!(client.frame(), None, "{number}: nothing comes behind a close frame");
    assert_not_reset(server, &client.socket);
    let port = client.socket.local_addr().expect("a connected socket has an address").port();
    let conn = server.log_prefix(port);
    let line = server.wait_for_log(&format!("{conn} closing begun"));
    let by = format!("closing begun by the {by}: ");
    assert!(line.contains(&by) && line.contains(&code.to_string()), "{number}: {line}");
}
