//! What is secret for certain is shown to no one else, whatever stands around it.

use bytes::{Bytes, BytesMut};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::json;
use sha2::{Digest, Sha256};
use websocket_classroom::broadcaster::Party;
use websocket_classroom::chat::Command;
use websocket_classroom::features::inspector::{Captured, draw_all};
use websocket_classroom::tap::{Frames, Privacy, Purpose};
use websocket_classroom::websocket::frame::{FrameScanner, put_text_frame};

use super::super::frames::masked;
use super::watched::{Watched, opening};

/// Bytes of a secret that would tell too much.
const HINT: usize = 6;

pub fn check(around: &[u8]) {
    // Nothing holds its own hash.
    let secret = &BASE64URL_NOPAD.encode(&Sha256::digest(around))[..22];
    let words = String::from_utf8_lossy(around);
    check_request(secret, around);

    let mut watched = Watched::begin();
    let text = format!("{secret}{words}");
    let text = json!({ "type": "message", "text": text, "to": words.as_ref() }).to_string();
    let private = watched.connection(Purpose::Chat, |read, _| {
        read.read(&masked(0x81, text.as_bytes()), &FrameScanner::default());
        read.understood(Command::parse(&text).1);
        read.end();
    });
    let welcome = welcome(secret, &words);
    let welcomed = watched.connection(Purpose::Chat, |_, send| {
        send.sent(&Frames::new(welcome.clone(), Privacy::Public), 0, welcome.len());
    });
    let log = draw_all(Party::Server, &welcome).concat().replace(' ', "");
    hides(secret, log.as_bytes(), "the log");

    let seen = watched.end();
    let teacher = &seen[&private].teacher;
    assert!(teacher.len() == 1 && teacher[0]["hidden"] == true, "{teacher:?}");
    let welcomes = [&seen[&welcomed].own, &seen[&welcomed].teacher];
    for event in welcomes.into_iter().flatten() {
        let payload = event["payload"].as_str().expect("a payload");
        hides(secret, payload.as_bytes(), "a welcome");
    }
}

fn check_request(secret: &str, around: &[u8]) {
    let secret_bytes = secret.as_bytes();
    let parts = [b"GET /ws?session=", secret_bytes, b"&", around, b"\nCookie: ", secret_bytes, b"\r\n\r\n"];
    let request = parts.concat();
    let length = request.len();
    let captured = Captured::new(opening(1, request), Some(Purpose::Chat), None);
    // Only where a password may be, its length is hidden, too.
    let words = String::from_utf8_lossy(around).to_ascii_lowercase();
    if !["authorization", "content-length"].iter().any(|name| words.contains(name)) {
        assert_eq!(captured.opening.request.len(), length, "lengths stay true");
    }
    hides(secret, &captured.opening.request, "the request");
}

/// A welcome that holds the secret, as a frame.
fn welcome(secret: &str, words: &str) -> Bytes {
    let welcome = json!({ "you": words, "users": [words] }).to_string();
    let welcome = welcome.replacen('{', "{\"type\":\"welcome\",", 1);
    let end = format!(",\"session\":\"{secret}\",\"wire\":\"{secret}\"}}");
    let welcome = welcome.strip_suffix('}').expect("an object").to_owned() + &end;
    let mut frame = BytesMut::new();
    put_text_frame(welcome.as_bytes(), &mut frame);
    frame.freeze()
}

/// The secret is nowhere in it, neither as it is nor in hexadecimal.
fn hides(secret: &str, shown: &[u8], what: &str) {
    let hex = HEXLOWER.encode(secret.as_bytes());
    for hint in [&secret[..HINT], &hex[..2 * HINT]] {
        let found = shown.windows(hint.len()).any(|bytes| bytes == hint.as_bytes());
        assert!(!found, "{what} shows the secret: {}", String::from_utf8_lossy(shown));
    }
}
