//! RFC 6455, sentence by sentence: each MUST that concerns a server has a test here, which quotes it, in a file for each
//! chapter. The table in docs/conformance.md names them all.
//!
//! Each test does what the sentence forbids, while a bystander chats on the same server.

mod closing;
mod control_frames;
mod extensions;
mod framing;
mod limits;
mod messages;
mod opening_handshake;
mod table;
mod utf8;

use std::io::Write;
use std::net::Shutdown;

use crate::common::bystander::{bystander, chat_on};
use crate::common::raw::{Answer, CLOSE, RawClient, TEXT, assert_not_reset, frame, read_answer, read_to_end};
use crate::common::{Client, Server};

/// The doors that lead to WebSockets of different kinds: the rules are the same.
const DOORS: [&str; 2] = ["/echo", "/ws?name=Wrong"];

/// A server, and a bystander in its chat who must not notice the attack.
struct Subject {
    server: Server,
    bystander: Client,
}

impl Subject {
    fn start(arguments: &[&str]) -> Subject {
        let server = Server::start(&[&["--rate", "0", "--log", "info"], arguments].concat());
        let bystander = bystander(&server);
        Subject { server, bystander }
    }

    fn echo(&self) -> RawClient {
        RawClient::open(&self.server, "/echo")
    }

    /// At every door these frames *fail the WebSocket connection* (7.1.7) with this code.
    #[track_caller]
    fn fails(&mut self, what: &str, frames: &[u8], code: u16) {
        for door in DOORS {
            let mut client = RawClient::open(&self.server, door);
            client.send(frames);
            self.has_failed(&format!("{what} at {door}"), client, code);
        }
    }

    /// It gets a close frame with the reason, TCP ends cleanly after it, the log has the same, and no other client notices.
    #[track_caller]
    fn has_failed(&mut self, what: &str, mut client: RawClient, code: u16) {
        let (told, reason) = client.wait_for_end();
        assert_eq!(told, code, "{what}: {reason}");
        assert!(!reason.is_empty(), "{what}: no reason is given");
        assert_not_reset(&self.server, &client.socket);
        let port = client.socket.local_addr().expect("a connected socket has an address").port();
        client.socket.shutdown(Shutdown::Both).expect("our direction is open");
        let conn = self.server.log_prefix(port);
        let line = self.server.wait_for_log(&format!("{conn} closing begun"));
        let words = format!("by the server: {code} (");
        assert!(line.contains(&words) && line.contains(&reason), "{what}: {line}");
        let line = self.server.wait_for_log(&format!("{conn} closed"));
        assert!(line.contains(&words) && line.contains("the client ended TCP"), "{what}: {line}");
        chat_on(&mut self.bystander);
    }

    /// This head is no handshake: it gets this status and a sentence, TCP ends in order behind that, the log says the
    /// same, and no other client notices.
    #[track_caller]
    fn refuses(&mut self, what: &str, head: impl AsRef<[u8]>, status: u16) -> Answer {
        let mut socket = self.server.connect();
        let port = socket.local_addr().expect("a connected socket has an address").port();
        socket.write_all(head.as_ref()).expect("the server takes bytes");
        let answer = read_answer(&mut socket, head.as_ref().starts_with(b"HEAD"));
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        socket.shutdown(Shutdown::Write).expect("our direction is open");
        assert_eq!(read_to_end(&mut socket), b"", "{what}: something comes behind the answer");
        assert_not_reset(&self.server, &socket);
        let conn = self.server.log_prefix(port);
        self.server.wait_for_log(&format!("{conn} ended"));
        let answered = format!("answered {status}");
        let lines = self.server.log();
        assert!(lines.iter().any(|line| line.contains(&conn) && line.contains(&answered)), "{what}");
        chat_on(&mut self.bystander);
        answer
    }

    /// Checks that the connection works: it echoes, and closes as the client requests.
    #[track_caller]
    fn goes_on(&mut self, what: &str, mut client: RawClient) {
        client.send(&frame(TEXT, b"still here"));
        assert_eq!(client.wait_for(TEXT), b"still here", "{what}");
        client.send(&frame(CLOSE, b"\x03\xe8"));
        assert_eq!(client.wait_for_end().0, 1000, "{what}");
        chat_on(&mut self.bystander);
    }
}
