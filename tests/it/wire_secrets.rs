//! What no watcher may see: private messages of other users, sessions, keys, cookies. Searches the raw bytes of the feeds.

use std::net::Shutdown;

use crate::common::raw::{CLOSE, RawClient, TEXT, ask, frame, frame_masked_by, handshake, request};
use crate::common::wire::{OTHER_KEY, TEACHER, WIRE_KEY, Watcher};
use crate::common::{Client, Server};
use serde_json::json;

/// Part of every private text here; in ASCII, so that it is the same in JSON.
const PRIVATE: &str = "psst-only-for-Luis";

#[test]
fn the_teacher_never_sees_private_text_in_any_form() {
    private_messages_of_every_kind(&Server::start(&FLAGS));
}

#[test]
#[cfg(feature = "redis")]
#[ignore = "needs redis-server: run by make test"]
fn the_teacher_never_sees_private_text_that_waits_for_redis() {
    let redis = crate::common::redis::Redis::start();
    private_messages_of_every_kind(&Server::start_sharing(&redis.url(), &FLAGS));
}

const FLAGS: [&str; 6] = ["--teacher-key", TEACHER, "--rate", "0", "--log", "debug"];

fn private_messages_of_every_kind(server: &Server) {
    let mut teacher = Watcher::open(server, TEACHER);
    let mut own = Watcher::open(server, WIRE_KEY);
    let mut luis = RawClient::open(server, "/ws?name=Luis");
    let welcome: serde_json::Value = serde_json::from_slice(&luis.wait_for(TEXT)).expect("a welcome");
    let mut ana = RawClient::open(server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    ana.wait_for(TEXT);

    let escaped: String = PRIVATE.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let long = format!("{PRIVATE}{}", "x".repeat(5000));
    for private in [
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis"}}"#),
        format!(r#"{{"to":"Luis","type":"message","text":"{PRIVATE}"}}"#),
        format!(r#"{{"type":"message","text":"{escaped}","to":"Luis"}}"#),
        format!(r#"{{"type":"message","text":"{long}","to":"Luis"}}"#),
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis","ref":"r1"}}"#),
        // Sent twice.
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis","ref":"r1"}}"#),
        // White space and byte order marks before the object mean nothing.
        format!(r#" {{"type":"message","text":"{PRIVATE}","to":"Luis"}}"#),
        format!("\r\n\t{{\"type\":\"message\",\"text\":\"{PRIVATE}\",\"to\":\"Luis\"}}"),
        format!("\u{feff}{{\"type\":\"message\",\"text\":\"{PRIVATE}\",\"to\":\"Luis\"}}"),
        format!("\u{a0}\u{feff} {{\"type\":\"message\",\"text\":\"{PRIVATE}\",\"to\":\"Luis\"}}"),
        // Refused, but private text all the same.
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Nobody"}}"#),
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":7}}"#),
        format!(r#"{{"type":"message","text":"a","code":"{PRIVATE}","to":"Luis"}}"#),
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis""#),
        format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis","to":null}}"#),
    ] {
        ana.send(&frame(TEXT, private.as_bytes()));
        ana.send(&frame_masked_by([0; 4], TEXT, private.as_bytes()));
        let middle = private.len() / 2;
        ana.send(&frame(0x01, &private.as_bytes()[..middle]));
        ana.send(&frame(0x80, &private.as_bytes()[middle..]));
    }
    ana.send(&frame(TEXT, b"for all to see"));
    while !luis.wait_for(TEXT).windows(14).any(|bytes| bytes == b"for all to see") {}
    // Sent again to a client that comes back.
    let field = |name: &str| welcome[name].as_str().expect("a text").to_owned();
    let (session, epoch) = (field("session"), field("epoch"));
    luis.socket.shutdown(Shutdown::Both).expect("it is open");
    let path = format!("/ws?session={session}&epoch={epoch}&after=0");
    let mut luis = RawClient::open(server, &path);
    while !luis.wait_for(TEXT).windows(14).any(|bytes| bytes == b"for all to see") {}
    // Cut off in the middle.
    let cut = frame(TEXT, format!(r#"{{"type":"message","text":"{PRIVATE}","to":"Luis"}}"#).as_bytes());
    ana.send(&cut[..cut.len() - 3]);
    ana.socket.shutdown(Shutdown::Write).expect("it is open");
    let mut closed = 0;
    while closed < 2 {
        closed += usize::from(teacher.event()["type"] == "closed");
    }
    own.until_closed();

    assert!(String::from_utf8_lossy(&teacher.raw).contains(&hex("for all to see")));
    for secret in [PRIVATE, &escaped[..24], &session, &field("wire"), WIRE_KEY, TEACHER] {
        teacher.assert_never_saw(secret);
        assert!(!server.log().iter().any(|line| line.contains(secret)), "{secret} in the log");
    }
    // Also in the masked bytes: the masking key is in the feed, too.
    let masked = &frame(TEXT, PRIVATE.as_bytes())[6..];
    let masked: String = masked.iter().map(|byte| format!("{byte:02x}")).collect();
    for shift in 0..4 {
        let part = &masked[2 * shift..2 * shift + 16];
        assert!(!String::from_utf8_lossy(&teacher.raw).contains(part));
    }
    // A member's own feed shows its own messages, but no session.
    assert!(String::from_utf8_lossy(&own.raw).contains(&hex(PRIVATE)));
    own.assert_never_saw(WIRE_KEY);
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn cookies_tokens_and_keys_are_hidden_in_valid_and_malformed_heads() {
    let server = Server::start(&["--teacher-key", TEACHER]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let mut own = Watcher::open(&server, WIRE_KEY);
    let secrets = "Cookie: a=S3CRET\r\ncOOKIE:S3CRET; b=S3CRET\r\nAuthorization: Basic S3CRET\r\n\
                   X-Api-Token: S3CRET\r\nReferer: http://localhost/?key=S3CRET&name=Ana\r\n";
    let with = |head: String| head.replacen("\r\n", &format!("\r\n{secrets}"), 1);
    let path = format!("/ws?wire={WIRE_KEY}&session=S3CRET&key=S3CRET&name=Ana");
    let mut client = RawClient::open_with(&server, with(handshake(&path)).as_bytes());
    client.wait_for(TEXT);
    assert_eq!(ask(&server, with(request("GET", &path, ""))).status, 426);
    let broken = with(request("GET", &path, "Broken : x\r\n"));
    assert_eq!(ask(&server, broken).status, 400);
    let folded = request("GET", &path, "Cookie: a\r\n S3CRET\r\n\tS3CRET\r\n");
    assert_eq!(ask(&server, folded).status, 400);
    let in_target =
        with(request("GET", &format!("http://localhost{path}"), "")).replace("HTTP/1.1", "HTTP/7");
    assert_eq!(ask(&server, in_target).status, 400);
    // Nor the bytes after a head.
    let body = "Content-Length: 99999999\r\n\r\nS3CRET";
    let too_long = request("POST", "/echo", "").replace("\r\n\r\n", &format!("\r\n{body}"));
    assert_eq!(ask(&server, too_long).status, 413);
    assert_eq!(ask(&server, "BROKEN\r\n\r\nS3CRET").status, 400);
    for _ in 0..6 {
        teacher.wait_for("refused");
    }
    // An answer is seen before it is reported: two connections may be reported in either order.
    while own.wait_for("refused")["status"] != 426 {}
    for watcher in [&teacher, &own] {
        watcher.assert_never_saw("S3CRET");
        watcher.assert_never_saw(WIRE_KEY);
        assert!(String::from_utf8_lossy(&watcher.raw).contains("name=Ana"));
    }
}

#[test]
fn no_watcher_sees_a_connection_without_its_key() {
    let server = Server::start(&[]);
    let mut stranger = Watcher::open(&server, OTHER_KEY);
    let mut ana = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    ana.say("hola");
    ana.message();
    ana.leave();
    let mut own = RawClient::open(&server, &format!("/echo?wire={OTHER_KEY}"));
    own.send(&frame(CLOSE, b""));
    let events = stranger.until_closed();
    assert!(events.iter().all(|event| event["conn"] == json!(3)), "{events:#?}");
}

#[test]
fn a_watcher_of_one_key_sees_nothing_private_of_others_and_knows_what_is_private_of_its_own() {
    let server = Server::start(&[]);
    let mut own = Watcher::open(&server, WIRE_KEY);
    let mut ana = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    ana.wait_for("welcome");
    let mut luis = Client::join(&server, "Luis");
    let mut eva = Client::join(&server, "Eva");
    luis.say(r#"{"type":"message","text":"only-for-Eva","to":"Eva"}"#);
    assert_eq!(eva.message().1, "only-for-Eva");
    luis.say(r#"{"type":"message","text":"only-for-Ana","to":"Ana"}"#);
    assert_eq!(ana.message().1, "only-for-Ana");
    ana.say(r#"{"type":"message","text":"only-from-Ana","to":"Luis"}"#);
    while luis.message().1 != "only-from-Ana" {}
    luis.say("for all");
    while ana.message().1 != "for all" {}
    ana.leave();
    let events = own.until_closed();
    own.assert_never_saw("only-for-Eva");
    let private = |text: &str| {
        let with_text = events.iter().filter(|event| {
            [&event["payload"], &event["plain"]].iter().any(|hex| hex.as_str().unwrap_or("").contains(text))
        });
        with_text.map(|event| event["private"] == true).collect::<Vec<bool>>()
    };
    // From here on a page can leave it out of a file.
    assert_eq!(private(&hex("only-for-Ana")), [true]);
    assert_eq!(private(&hex("only-from-Ana")), [true, true], "as it was sent, and its copy");
    assert_eq!(private(&hex("for all")), [false]);
}

/// A sign-in as a page sends it.
#[cfg(feature = "accounts")]
fn sign_in(server: &Server, key: &str, password: &str) -> crate::common::raw::Answer {
    let body = json!({ "name": "Ana", "password": password }).to_string();
    let headers =
        format!("Content-Type: application/json\r\nX-Wire-Key: {key}\r\nContent-Length: {}\r\n", body.len());
    ask(server, request("POST", "/login", &headers) + &body)
}

#[test]
#[cfg(feature = "accounts")]
fn a_sign_in_is_shown_to_its_own_key_without_password_and_cookie_and_without_their_lengths() {
    use crate::common::users::{Users, password_of};

    let users = Users::new(&["Ana"]);
    let server = Server::start(&["--users", &users.path(), "--teacher-key", TEACHER]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let answer = sign_in(&server, WIRE_KEY, &password_of("Ana"));
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    let value = cookie.split(['=', ';']).nth(1).expect("its value").to_owned();
    let with_cookie = format!("Cookie: classroom-session={value}\r\n");
    let watch = |key: &str| {
        let head = handshake(&format!("/wire?key={key}"));
        let mut client =
            RawClient::open_with(&server, head.replacen("\r\n", &format!("\r\n{with_cookie}"), 1).as_bytes());
        client.wait_for(TEXT);
        Watcher { client, raw: Vec::new() }
    };
    let (mut own, mut stranger) = (watch(WIRE_KEY), watch(OTHER_KEY));

    assert_eq!(sign_in(&server, WIRE_KEY, &password_of("Ana")).status, 200);
    let shown = own.wait_for("exchanged");
    assert_eq!(shown["status"], 200);
    let (head, response) = (shown["request"].as_str().unwrap(), shown["response"].as_str().unwrap());
    assert!(head.starts_with("POST /login HTTP/1.1\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(response.contains("Set-Cookie: ") && response.ends_with("\r\n\r\n"), "{response}");
    // Wrong passwords of two lengths look the same.
    let mut refused = ["x", "a much longer password than that"].map(|password| {
        assert_eq!(sign_in(&server, WIRE_KEY, password).status, 401);
        let event = own.wait_for("refused");
        assert_eq!(
            (&event["status"], &event["why"]),
            (&json!(401), &json!("The name or the password is wrong."))
        );
        event["request"].clone()
    });
    assert_eq!(refused[0], refused[1]);
    // Who asks without the key is seen by no one.
    let me = |more: &str| ask(&server, request("GET", "/me", &format!("{with_cookie}{more}"))).status;
    assert_eq!(me(""), 200);
    assert_eq!(me(&format!("X-Wire-Key: {WIRE_KEY}\r\n")), 200);
    let shown = own.wait_for("exchanged");
    assert!(shown["request"].as_str().unwrap().starts_with("GET /me"), "{shown}");
    // Each length of what follows `Authorization` looks the same, too.
    refused = ["QQ==", "QUFBQUFBQUFBQUFBQUFBOmE="].map(|credentials| {
        let more = format!("Authorization: Basic {credentials}\r\nX-Wire-Key: {WIRE_KEY}\r\n");
        assert_eq!(ask(&server, request("GET", "/ws", &more)).status, 426);
        own.wait_for("refused")["request"].clone()
    });
    assert_eq!(refused[0], refused[1]);

    // The teacher sees the four refusals, and of the others nothing.
    for status in [401, 401, 426, 426] {
        let event = teacher.event();
        assert_eq!((&event["type"], &event["status"]), (&json!("refused"), &json!(status)));
    }
    stranger.client.send(&frame(CLOSE, b""));
    while let Some((first, payload)) = stranger.client.frame() {
        assert_eq!(first, CLOSE, "{}", String::from_utf8_lossy(&payload));
    }
    for watcher in [&own, &teacher] {
        for secret in [&value, &password_of("Ana"), WIRE_KEY, "a much longer", "QUFB", "QQ=="] {
            watcher.assert_never_saw(secret);
        }
    }
}

#[test]
fn a_watcher_is_told_which_server_it_watches() {
    let server = Server::start(&[]);
    let mut client = RawClient::open(&server, &format!("/wire?key={WIRE_KEY}"));
    let watching: serde_json::Value = serde_json::from_slice(&client.wait_for(TEXT)).expect("an event");
    let health = ask(&server, request("GET", "/health", ""));
    let health: serde_json::Value = serde_json::from_slice(&health.body).expect("an object");
    assert!(watching["server"].is_string());
    assert_eq!(watching["server"], health["server"]);
}
