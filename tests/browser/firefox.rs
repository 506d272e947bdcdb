//! The page in Firefox, driven by WebDriver BiDi: the chat of two tabs, what the inspector shows, and how closes look there. What Firefox does
//! otherwise than Chromium stands in the tests' sentences, and in docs/systems.md.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::common::{PATIENCE, Server, with_patience};
use crate::driver::{PARTS, awaiting};

struct Firefox {
    process: Child,
    profile: PathBuf,
    websocket: WebSocket<TcpStream>,
    last: u64,
}

impl Firefox {
    fn start() -> Firefox {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let profile =
            std::env::temp_dir().join(format!("websocket-classroom-firefox-{}-{number}", std::process::id()));
        fs::create_dir_all(&profile).expect("a folder can be made");
        let firefox = ["firefox", "firefox-esr"].into_iter().find_map(|name| {
            let mut command = Command::new(name);
            command.args(["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile"]);
            command.arg(&profile).env("LANG", "en_US.UTF-8").stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::piped()).spawn().ok()
        });
        let mut process = firefox.expect("Firefox is installed: `apt-get install firefox-esr` on Debian");
        let mut lines = BufReader::new(process.stderr.take().expect("it is piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split_once("WebDriver BiDi listening on ws://").map(|(_, address)| address.trim().to_owned())
        });
        let address = address.expect("Firefox says where it listens");
        // What else it says is read away, so that it never waits for us.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let socket = with_patience(TcpStream::connect(&address).expect("Firefox accepts"), 3 * PATIENCE);
        let (websocket, _) = tungstenite::client(format!("ws://{address}/session"), socket)
            .unwrap_or_else(|error| panic!("Firefox's handshake: {error}"));
        let mut firefox = Firefox { process, profile, websocket, last: 0 };
        firefox.call("session.new", json!({ "capabilities": {} }));
        firefox
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let command = json!({ "id": self.last, "method": method, "params": params }).to_string();
        self.websocket.send(Message::text(command)).expect("Firefox takes a command");
        loop {
            let message = self.websocket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.last {
                assert_eq!(answer["type"], "success", "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// A new tab with this page.
    fn open(&mut self, url: &str) -> Tab {
        let created = self.call("browsingContext.create", json!({ "type": "tab" }));
        let tab = Tab(created["context"].as_str().expect("a tab").to_owned());
        self.visit(&tab, url);
        tab
    }

    fn visit(&mut self, tab: &Tab, url: &str) {
        self.call("browsingContext.navigate", json!({ "context": tab.0, "url": url, "wait": "complete" }));
        self.evaluate(tab, PARTS);
        self.wait_for(tab, "document.querySelector('#state').dataset.state === 'open'", "an open connection");
    }

    /// The value of a JavaScript expression; a promise is awaited.
    fn evaluate(&mut self, tab: &Tab, expression: &str) -> Value {
        let params = json!({
            "expression": format!("(async () => JSON.stringify(await ({expression})) ?? 'null')()"),
            "target": { "context": tab.0 }, "awaitPromise": true,
        });
        let answer = self.call("script.evaluate", params);
        let text = answer["result"]["value"].as_str();
        serde_json::from_str(text.unwrap_or_else(|| panic!("{expression}: {answer}"))).expect("JSON")
    }

    fn wait_for(&mut self, tab: &Tab, condition: &str, what: &str) {
        self.call("browsingContext.activate", json!({ "context": tab.0 }));
        let outcome = self.evaluate(tab, &awaiting(condition));
        if outcome != Value::Null {
            let text = self.evaluate(tab, "document.body.innerText");
            panic!("Firefox did not show {what}: {outcome}\n{condition}\n{text}");
        }
    }

    /// Types it, and Enter.
    fn say(&mut self, tab: &Tab, text: &str) {
        const ENTER: char = '\u{e007}';
        self.call("browsingContext.activate", json!({ "context": tab.0 }));
        self.evaluate(tab, "(find('message').focus(), null)");
        let press = |key: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let keys: Vec<Value> = text.chars().chain([ENTER]).flat_map(press).collect();
        let keyboard = json!([{ "type": "key", "id": "keyboard", "actions": keys }]);
        self.call("input.performActions", json!({ "context": tab.0, "actions": keyboard }));
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

struct Tab(String);

#[test]
#[ignore = "needs Firefox: run by make test"]
fn two_tabs_chat_and_the_inspector_shows_what_firefox_sends() {
    let server = Server::start(&[]);
    let mut firefox = Firefox::start();
    let (ana, luis) = (firefox.open(&server.url()), firefox.open(&server.url()));
    firefox.say(&ana, "hola from Firefox");
    firefox.wait_for(&luis, "find('log').textContent.includes('hola from Firefox')", "the other's message");
    firefox.evaluate(&ana, "(view.isOpen || showPanel('inspector', true), null)");
    firefox.visit(&ana, &server.url());
    firefox.wait_for(&ana, "find('proof').children.length === 8", "the proof of the handshake");
    firefox.wait_for(&ana, "/User-Agent: Mozilla.*Firefox/.test(find('request').textContent)", "its request");
    firefox.say(&ana, "a masked text");
    firefox.wait_for(&ana, "find('frames').textContent.includes('a masked text')", "the frame");
    let masked =
        "[...latestOwnLine().rows].filter(row => row.from === 'client').every(row => row.mask !== undefined)";
    assert_eq!(firefox.evaluate(&ana, masked), true);
}

#[test]
#[ignore = "needs Firefox: run by make test"]
fn closes_look_in_firefox_as_they_are() {
    let server = Server::start(&[]);
    let mut firefox = Firefox::start();
    let tab = firefox.open(&server.url());
    // A broken frame, a broken text: Firefox fails the connection as it must, but without a close frame of its own.
    for (what, code, was_clean, logged) in [
        ("close", 4321, true, "answered by the client"),
        ("drop", 1006, false, "closed by the server without a close frame (1006)"),
        ("bad_frame", 1006, false, "closed without a close frame (1006): the client ended TCP"),
        ("bad_utf8", 1006, false, "closed without a close frame (1006): the client ended TCP"),
    ] {
        firefox.evaluate(&tab, "(state.comesBack = false, globalThis.ended = null, state.socket.addEventListener('close', ({ code, wasClean }) => { ended = { code, wasClean }; }), null)");
        firefox.evaluate(&tab, &format!("(send({{ type: 'show', what: '{what}', code: 4321 }}), null)"));
        firefox.wait_for(&tab, "ended !== null", what);
        let ended = firefox.evaluate(&tab, "ended");
        assert_eq!((&ended["code"], &ended["wasClean"]), (&json!(code), &json!(was_clean)), "{what}");
        server.wait_for_log(logged);
        firefox.visit(&tab, &server.url());
    }
}
