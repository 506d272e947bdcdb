//! Recordings: what is kept and shown again is what was seen, and a broken file is only a sentence.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page, quoted};
use crate::page::*;

const STEPS: &str = "[...document.querySelectorAll('#diagram .step')].map(step =>
    [step.dataset.from, step.dataset.kind, step.dataset.state, step.textContent].join(' '))";
/// All that the inspector shows of a connection.
const SHOWN_PARTS: &str = "['track', 'request', 'response', 'proof', 'frames', 'totals', 'close-facts'].map(id => find(id).textContent)";

/// Of it, what does not change while the connection goes on.
const HANDSHAKE: &str = "['request', 'response', 'proof'].map(id => find(id).textContent)";

fn inspect(browser: &Browser, server: &Server) -> Page {
    let page = browser.open(&server.url(), "en", 1920, 1080);
    sees_state(&page, "open");
    page.evaluate("view.isOpen || showPanel('inspector', true)");
    page.visit(&server.url());
    sees_state(&page, "open");
    page.wait_for("document.querySelectorAll('#diagram .step').length > 3", "the diagram");
    page.give(&["inspector/recording", "inspector/keep"]);
    page
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn every_kind_of_close_looks_the_same_live_and_replayed() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    for how in ["leave", "close", "drop", "bad_frame", "bad_utf8"] {
        let page = inspect(&browser, &server);
        page.evaluate("state.comesBack = false");
        say(&page, "hola");
        sees_own(&page, "hola", "delivered");
        match how {
            "leave" => page.evaluate("find('leave').click()"),
            how => page.evaluate(&format!("send({{ type: 'show', what: '{how}', code: 4321 }})")),
        };
        page.wait_for(
            "latestOwnLine().closed !== null && latestOwnLine().told",
            "its end, on the wire and in JavaScript",
        );
        page.wait_for(
            &format!("({STEPS}).at(-1).includes('told') && !latestOwnLine().changed"),
            "all of it drawn",
        );
        let live = page.evaluate(STEPS);
        let parts = page.evaluate(SHOWN_PARTS);
        let recording = page.evaluate("recordingOf([latestOwnLine()], location.host)");
        let recording = recording.as_str().expect("a file");

        // In another page, whose chat is closed.
        let other = inspect(&browser, &server);
        other.click("#leave");
        sees_state(&other, "closed");
        other.evaluate(&format!("show({})", quoted(recording)));
        other.wait_for("find('recording-note').textContent.includes('A recording from')", "whose it is");
        other.wait_for(
            &format!("JSON.stringify({STEPS}) === {}", quoted(&live.to_string())),
            &format!("{how}: the same steps"),
        );
        assert_eq!(other.evaluate(SHOWN_PARTS), parts, "{how}");
        other.give(&["inspector/player"]);
        other.evaluate("player.slowness = 1e6");
        other.click("#play-close");
        other.wait_for(&format!("({STEPS}).length === 1"), "its close in slow motion");
        if how == "bad_frame" {
            other.screenshot("recording");
        }
        other.click("#recording-note button");
        other.wait_for("find('recording-note').textContent === ''", "what happens now");
        assert_no_console_errors(&other);
        other.close();
        page.close();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_recording_has_no_private_text_and_no_secret() {
    const SECRET: &str = "psst, only for Ana";
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server);
    page.evaluate("send({ type: 'name', name: 'Ana' })");
    page.wait_for("state.you === 'Ana'", "the name");
    let mut luis = Client::join(&server, "Luis");
    luis.say(&format!(r#"{{"type":"message","text":"{SECRET}","to":"Ana"}}"#));
    luis.say("hola to all");
    sees_message(&page, "Luis", "hola to all");
    page.evaluate("send({ type: 'message', text: 'answer in private', to: 'Luis' })");
    page.wait_for("find('frames').textContent.includes('answer in private')", "both in the live view");
    let recording = page.evaluate("recordingOf(ownFeed.lines.values(), location.host)").to_string();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(recording.contains(&hex("hola to all")));
    let secrets = page.evaluate("[state.place.session, state.wireKey]");
    let secrets = secrets.as_array().expect("secrets").iter().map(|secret| secret.as_str().expect("a text"));
    for secret in secrets.chain([SECRET, "answer in private"]) {
        assert!(!recording.contains(secret) && !recording.contains(&hex(secret)), "{secret}");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_broken_recording_is_one_sentence_and_nothing_else() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server);
    let whole = page.evaluate("recordingOf(ownFeed.lines.values(), location.host)");
    let whole = whole.as_str().expect("a file").to_owned();
    let before = page.evaluate(HANDSHAKE);
    let head = r#"{"recording":"websocket-classroom","version":1,"server":"x","at":"y"}"#;
    let frame = |change: &str, to: &str| {
        let frame = r#"{"type":"frame","conn":1,"us":1,"from":"server","fin":true,"rsv":0,"opcode":1,"kind":"text","length":1,"bits":7,"header":"8101","payload":"41"}"#;
        assert!(frame.contains(change));
        format!("{head}\n{}\n", frame.replace(change, to))
    };
    let lines: Vec<&str> = whole.lines().collect();
    let cut = &whole[..whole.len() - 20];
    let long = format!("{head}\n{}", "{\"type\":\"lost\",\"conn\":1,\"count\":1}\n".repeat(20_001));
    let deep = format!("{head}\n{}\n", "[".repeat(100_000));
    for (file, sentence) in [
        (String::new(), "no recording"),
        ("hola".to_owned(), "no recording"),
        ("{}".to_owned(), "no recording"),
        ("null\nnull".to_owned(), "no recording"),
        (lines[1..].join("\n"), "no recording"),
        (head.replace('1', "2"), "version 2"),
        (head.replace("\"version\":1", "\"version\":{\"a\":1}"), "version"),
        (cut.to_owned(), "broken"),
        (deep, "broken"),
        (long, "too long"),
        (frame("\"conn\":1,", ""), "line 2"),
        (frame("\"conn\":1", "\"conn\":\"1\""), "line 2"),
        (frame("\"us\":1", "\"us\":-1"), "line 2"),
        (frame("\"us\":1", "\"us\":1e999"), "line 2"),
        (frame("server", "someone"), "line 2"),
        (frame("\"bits\":7", "\"bits\":8"), "line 2"),
        (frame("\"8101\"", "\"\""), "line 2"),
        (frame("\"8101\"", "\"zz01\""), "line 2"),
        (frame("\"8101\"", "\"····\""), "line 2"),
        (frame("\"41\"", "\"4\""), "line 2"),
        (frame("\"41\"", "[65]"), "line 2"),
        (frame("\"kind\":\"text\"", "\"kind\":{\"toString\":1}"), "line 2"),
        (frame("\"frame\"", "\"__proto__\""), "line 2"),
        (frame("\"frame\"", "\"constructor\""), "line 2"),
        (frame("\"frame\"", "\"watching\""), "line 2"),
        (format!("{head}\n{{\"type\":\"opened\",\"conn\":1}}\n"), "line 2"),
    ] {
        page.evaluate(&format!("show({})", quoted(&file)));
        let note = page.evaluate("find('recording-note').textContent");
        let note = note.as_str().expect("a note");
        assert!(note.contains(sentence), "{file:.80}: {note}");
        assert_eq!(page.evaluate("view.recorded"), serde_json::Value::Null, "{file:.80}");
    }
    // What is of the right form but makes no sense is shown as far as it can be.
    for odd in [
        format!("{head}\n"),
        frame("\"kind\":\"text\"", "\"kind\":\"close\""),
        frame("\"length\":1", "\"length\":9e15"),
        frame("\"kind\":\"text\"", "\"kind\":\"<img src=x onerror=executed=1>\""),
        format!("{head}\n{{\"type\":\"told\",\"conn\":1,\"code\":7,\"reason\":\"x\",\"wasClean\":true}}\n"),
    ] {
        page.evaluate(&format!("show({})", quoted(&odd)));
        page.wait_for("find('recording-note').textContent.includes('A recording from')", "that it is shown");
    }
    page.evaluate("closeRecording()");
    page.wait_for("find('recording-note').textContent === ''", "what happens now");
    page.wait_for(
        &format!("JSON.stringify({HANDSHAKE}) === {}", quoted(&before.to_string())),
        "the live view as it was",
    );
    assert_eq!(page.evaluate("typeof executed"), "undefined");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_recording_of_the_checker_is_shown() {
    let server = Server::start(&["--rate", "0"]);
    let file = std::env::temp_dir().join(format!("checker-{}.jsonl", std::process::id()));
    let path = file.to_str().expect("UTF-8");
    let url = format!("{}ws", server.url().replacen("http", "ws", 1));
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_websocket-check"))
        .args([&url, "--only", "handshake,fault-unmasked,close-tcp", "--record", path])
        .output()
        .expect("the checker runs");
    assert!(checked.status.success(), "{checked:?}");
    let recording = std::fs::read_to_string(&file).expect("a recording");
    let _ = std::fs::remove_file(&file);
    let browser = Browser::start();
    let page = inspect(&browser, &server);
    page.evaluate(&format!("show({})", quoted(&recording)));
    page.wait_for("find('recording-note').textContent.includes('A recording from')", "that it is one");
    // What breaks a rule is shown first.
    page.wait_for(&format!("({STEPS}).some(step => step.includes('broken'))"), "the frame without a mask");
    page.wait_for(
        "find('lines').selectedOptions[0].textContent.includes('fault-unmasked: holds')",
        "its promise",
    );
    page.screenshot("recording-of-the-checker");
    assert_no_console_errors(&page);
}
