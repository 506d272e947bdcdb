//! `--record`: what went over the wire, as JSON lines with the events of the inspector's feed (docs/recording.md).
//!
//! Called by every connection; keeps all in memory and writes the file at the end. Texts of others and secrets are left out.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::frame::{CLOSE, Frame, PING, PONG, TEXT};

/// Bytes of a payload that are kept.
const PAYLOAD: usize = 64;
/// What comes after is counted, not kept.
const MAX_EVENTS: usize = 19_000;
/// The page reads 8 MiB.
const MAX_FILE: usize = 7 << 20;

pub struct Recorder {
    first: Value,
    /// What our own texts contain; all other text is hidden.
    token: String,
    kept: Option<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    events: Vec<Value>,
    bytes: usize,
    lost: u64,
    /// The promise that is checked, and the verdicts of those before it.
    promise: &'static str,
    verdicts: HashMap<&'static str, &'static str>,
}

impl Recorder {
    pub fn new(wanted: bool, server: &str, token: &str) -> Recorder {
        let at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let first = json!({"recording": "websocket-classroom", "version": 1, "server": server, "at": at});
        Recorder { first, token: token.to_owned(), kept: wanted.then(Mutex::default) }
    }

    pub fn is_on(&self) -> bool {
        self.kept.is_some()
    }

    /// The connections that come now are opened for this promise.
    pub fn begin(&self, promise: &'static str) {
        if let Some(mut kept) = self.kept.as_ref().map(lock) {
            kept.promise = promise;
        }
    }

    pub fn end(&self, promise: &'static str, verdict: &'static str) {
        if let Some(mut kept) = self.kept.as_ref().map(lock) {
            kept.verdicts.insert(promise, verdict);
        }
    }

    /// One event of the feed. The first of a connection has the promise, too.
    pub fn event(&self, mut event: Value) {
        let Some(mut kept) = self.kept.as_ref().map(lock) else { return };
        if let Some(field) = named_by(&event) {
            event[field] = kept.promise.into();
        }
        let bytes = event.to_string().len() + 1;
        if kept.events.len() >= MAX_EVENTS || kept.bytes + bytes > MAX_FILE {
            kept.lost += 1;
            return;
        }
        kept.bytes += bytes;
        kept.events.push(event);
    }

    /// A frame as the feed tells of it. `plain` is what the mask hides.
    pub fn frame(&self, conn: u64, us: u64, from: &str, frame: &Frame) {
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
        let mut event = json!({
            "type": "frame", "conn": conn, "us": us, "from": from, "fin": frame.fin, "rsv": frame.rsv,
            "opcode": frame.opcode, "kind": kind, "length": frame.payload.len(), "bits": bits, "header": hex(&frame.header),
        });
        let plain = &frame.payload[..frame.payload.len().min(PAYLOAD)];
        if !shown {
            event["hidden"] = true.into();
            event["payload"] = "··".repeat(plain.len()).into();
        } else if let Some(mask) = frame.mask {
            let masked: Vec<u8> =
                plain.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            event["mask"] = hex(&mask).into();
            event["payload"] = hex(&masked).into();
            event["plain"] = hex(plain).into();
        } else {
            event["payload"] = hex(plain).into();
        }
        self.event(event);
    }

    /// Writes the file. Each connection is now called after its promise and the verdict.
    pub fn write(&self, path: &str) -> io::Result<()> {
        let Some(mut kept) = self.kept.as_ref().map(lock) else { return Ok(()) };
        let Kept { events, verdicts, .. } = &mut *kept;
        for event in events {
            let Some(field) = named_by(event) else { continue };
            let promise = event[field].as_str().unwrap_or_default();
            let verdict = verdicts.get(promise).copied().unwrap_or("unknown");
            event[field] = format!("{promise}: {verdict}").into();
        }
        let last = kept.events.last().map_or(json!(0), |event| event["conn"].clone());
        let lost = (kept.lost > 0).then(|| json!({"type": "lost", "conn": last, "count": kept.lost}));
        let lines = [&self.first].into_iter().chain(&kept.events).chain(&lost);
        fs::write(path, lines.map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// The field of a connection's first event that names its promise.
fn named_by(event: &Value) -> Option<&'static str> {
    match event["type"].as_str()? {
        "opened" => Some("name"),
        "refused" => Some("why"),
        _ => None,
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn hex(bytes: &[u8]) -> String {
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
