//! One TCP connection with a WebSocket, and what its recording tells of it: from the handshake to the end of TCP.
//!
//! Shared by the threads that use it. Nothing here decides anything; `client` does.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::frame::{CLOSE, CONTINUATION, Frame, TEXT};
use crate::head::{Answer, KEY, accept, request};
use crate::recording::{Recorder, hex, without_secrets};
use crate::target::{ANSWER, Target, unreachable};
use crate::verdict::Failure;

/// Between two pieces of a request.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest header of a frame.
const HEADER: usize = 14;

pub struct Connection {
    pub stream: TcpStream,
    number: u64,
    began: Instant,
    recorder: Arc<Recorder>,
    so_far: Mutex<SoFar>,
}

/// What the end tells of all that was before it.
#[derive(Default)]
struct SoFar {
    /// Messages and bytes.
    from_client: [usize; 2],
    to_client: [usize; 2],
    close: Option<Close>,
    is_closed: bool,
}

struct Close {
    by: &'static str,
    code: u16,
    reason: String,
    answered: bool,
}

impl Connection {
    /// Sends a request in `pieces` pieces, and reads the head of its answer.
    pub fn ask(
        target: &Target,
        mut stream: TcpStream,
        lines: &[String],
        pieces: usize,
    ) -> Result<(Connection, Answer), Failure> {
        let began = Instant::now();
        let asked = request(lines);
        let failed = |error| Failure::Unknown(unreachable(target, &error));
        target.spend(asked.len()).map_err(failed)?;
        for (number, piece) in asked.as_bytes().chunks(asked.len().div_ceil(pieces)).enumerate() {
            // So that TCP brings them one by one.
            thread::sleep(if number == 0 { Duration::ZERO } else { PAUSE });
            stream.write_all(piece).map_err(failed)?;
        }
        let asked_us = began.elapsed().as_micros() as u64;
        let answer = Answer::read(&stream, target.within(ANSWER)).map_err(Failure::DoesNot)?;
        let number = target.websockets.fetch_add(1, Ordering::Relaxed) + 1;
        let (recorder, so_far) = (Arc::clone(&target.recorder), Mutex::default());
        let connection = Connection { stream, number, began, recorder, so_far };
        connection.tell_answer(target, &asked, asked_us, &answer);
        Ok((connection, answer))
    }

    fn tell_answer(&self, target: &Target, asked: &str, asked_us: u64, answer: &Answer) {
        let is_right = answer.fault().or_else(|| answer.accept_fault()).is_none();
        let asks_for_upgrade = asked.to_ascii_lowercase().contains("\r\nupgrade:");
        let mut event = json!({
            "at": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            "peer": self.stream.local_addr().map(|address| address.to_string()).unwrap_or_default(),
            "local": target.address.to_string(), "request": without_secrets(asked),
            "response": without_secrets(&answer.head), "asked_us": asked_us, "answered_us": self.us(),
        });
        if is_right {
            let (sha1, accept) = accept();
            let opened = [
                ("endpoint", json!("chat")),
                ("key", json!(KEY)),
                ("sha1", json!(hex(&sha1))),
                ("accept", json!(accept)),
                ("late", json!(false)),
                ("sent", json!(0)),
            ];
            opened.into_iter().for_each(|(field, value)| event[field] = value);
            return self.tell("opened", event);
        }
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        event["status"] = answer.status.into();
        self.tell(if asks_for_upgrade { "refused" } else { "exchanged" }, event);
    }

    /// Microseconds since TCP was there.
    fn us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    fn tell(&self, kind: &str, fields: Value) {
        let mut event = fields;
        event["type"] = kind.into();
        event["conn"] = self.number.into();
        event["us"] = self.us().into();
        self.recorder.event(event);
    }

    /// A frame that was sent, or that came.
    pub fn frame(&self, from: &'static str, frame: &Frame) {
        if !self.recorder.is_on() {
            return;
        }
        self.recorder.frame(self.number, self.us(), from, frame);
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = if from == "client" { &mut so_far.from_client } else { &mut so_far.to_client };
        counts[0] += usize::from(frame.fin && matches!(frame.opcode, CONTINUATION | TEXT | 2));
        counts[1] += frame.header.len() + frame.payload.len();
        match &mut so_far.close {
            _ if frame.opcode != CLOSE => {}
            Some(close) if close.by != from && !close.answered => {
                close.answered = true;
                self.tell("answered", json!({}));
            }
            Some(_) => {}
            none => {
                let (code, reason) = (frame.close_code(), frame.payload.get(2..).unwrap_or_default());
                let reason = String::from_utf8_lossy(reason).into_owned();
                self.tell("closing", json!({"by": from, "code": code, "reason": reason}));
                *none = Some(Close { by: from, code, reason, answered: false });
            }
        }
    }

    /// Bytes with which no frame may begin.
    pub fn broken(&self, from: &str, bytes: &[u8], why: &str) {
        let header = hex(&bytes[..bytes.len().min(HEADER)]);
        self.tell("broken", json!({"from": from, "header": header, "why": why}));
    }

    /// The end of TCP: `by` client or server, `tcp` fin or reset.
    pub fn closed(&self, by: &'static str, tcp: &str, detail: &str) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut so_far.is_closed, true) {
            return;
        }
        let none = Close { by, code: 1006, reason: String::new(), answered: false };
        let close = so_far.close.as_ref().unwrap_or(&none);
        let amount = |[messages, bytes]: [usize; 2]| json!({"messages": messages, "bytes": bytes});
        self.tell(
            "closed",
            json!({
                "by": close.by, "code": close.code, "reason": close.reason, "answered": close.answered,
                "tcp_by": by, "tcp": tcp, "detail": detail,
                "from_client": amount(so_far.from_client), "to_client": amount(so_far.to_client),
            }),
        );
    }

    /// Ends TCP in both directions. If something is unread, that is a reset.
    pub fn end(&self) {
        let is_unread = self.stream.set_nonblocking(true).is_ok()
            && self.stream.peek(&mut [0]).is_ok_and(|read| read > 0);
        self.closed("client", if is_unread { "reset" } else { "fin" }, "the checker ended TCP");
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}
