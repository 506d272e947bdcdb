//! `--record`: what went over the wire, as JSON lines with the events of the inspector's feed (docs/recording.md).
//!
//! Called by every connection; keeps all in memory and writes the file at the end. Texts of others and secrets are left out.

use std::fs;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use crate::frame::{CLOSE, Frame, PING, PONG, TEXT};

/// Bytes of a payload that are kept.
const PAYLOAD: usize = 64;
/// What comes after is counted, not kept.
const MAX_EVENTS: usize = 20_000;
const MAX_FILE: usize = 16 << 20;

pub struct Recorder {
    began: Instant,
    first: Value,
    /// What our own texts contain; all other text is hidden.
    token: String,
    kept: Option<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lines: String,
    events: usize,
    lost: u64,
}

impl Recorder {
    pub fn new(wanted: bool, server: &str, token: &str) -> Recorder {
        let began = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let first =
            json!({"recording": "websocket-classroom", "version": 1, "server": server, "began": began});
        let kept = wanted.then(Mutex::default);
        Recorder { began: Instant::now(), first, token: token.to_owned(), kept }
    }

    /// One event of the feed; `connection` 0 is the checker itself.
    pub fn event(&self, connection: u64, what: &Value) {
        let Some(mut kept) = self.kept.as_ref().map(lock) else { return };
        let line = json!({"at": micros(self.began), "connection": connection, "what": what}).to_string();
        if kept.events >= MAX_EVENTS || kept.lines.len() + line.len() > MAX_FILE - 1024 {
            kept.lost += 1;
            return;
        }
        kept.lines.push_str(&line);
        kept.lines.push('\n');
        kept.events += 1;
    }

    /// A frame as the feed tells of it. `plain` is what the mask hides.
    pub fn frame(&self, connection: u64, since: Instant, from: &str, frame: &Frame) {
        if self.kept.is_none() {
            return;
        }
        let is_ours = String::from_utf8_lossy(&frame.payload).contains(&self.token);
        let shown = is_ours || from == "client" || frame.opcode >= CLOSE || frame.payload.is_empty();
        let kind = match frame.opcode {
            0 => "continuation",
            TEXT => "text",
            2 => "binary",
            CLOSE => "close",
            PING => "ping",
            PONG => "pong",
            _ => "reserved",
        };
        let bits = match frame.header.get(1).map_or(0, |byte| byte & 0x7f) {
            126 => 16,
            127 => 64,
            _ => 7,
        };
        let mut what = json!({
            "type": "frame", "conn": connection, "us": micros(since), "from": from, "fin": frame.fin, "rsv": frame.rsv,
            "opcode": frame.opcode, "kind": kind, "length": frame.payload.len(), "bits": bits, "header": hex(&frame.header),
        });
        let plain = &frame.payload[..frame.payload.len().min(PAYLOAD)];
        if !shown {
            what["hidden"] = true.into();
        } else if let Some(mask) = frame.mask {
            let masked: Vec<u8> =
                plain.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            what["mask"] = hex(&mask).into();
            what["payload"] = hex(&masked).into();
            what["plain"] = hex(plain).into();
        } else {
            what["payload"] = hex(plain).into();
        }
        self.event(connection, &what);
    }

    /// Writes the file.
    pub fn write(&self, path: &str) -> io::Result<()> {
        let Some(kept) = self.kept.as_ref().map(lock) else { return Ok(()) };
        let mut text = format!("{}\n{}", self.first, kept.lines);
        if kept.lost > 0 {
            let lost = json!({"type": "lost", "count": kept.lost});
            let line = json!({"at": micros(self.began), "connection": 0, "what": lost});
            text.push_str(&format!("{line}\n"));
        }
        fs::write(path, text)
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A head without cookies, authorisation and what stands behind a `?`.
pub fn without_secrets(head: &str) -> String {
    let line = |(number, line): (usize, &str)| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let is_secret = ["cookie", "set-cookie", "authorization"].contains(&name.trim());
        match line.split_once('?') {
            _ if is_secret => format!("{name}: *"),
            Some((path, query)) if number == 0 => {
                let version = query.rsplit_once(' ').map_or("", |(_, version)| version);
                format!("{path}?* {version}")
            }
            _ => line.to_owned(),
        }
    };
    head.split("\r\n").enumerate().map(line).collect::<Vec<_>>().join("\r\n")
}
