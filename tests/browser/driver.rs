//! Drives a real Chromium over its DevTools protocol: tabs, typing, clicks, screenshots. Blocking, no async.
//!
//! Chromium listens on a free port and prints its address. One WebSocket goes there; every command is a JSON
//! object with an `id`, every answer repeats it, and events come with the
//! tab's `sessionId`. The protocol: <https://chromedevtools.github.io/devtools-protocol/>.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// How long a page may take to show what a test waits for.
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
/// How long Chromium may take to start or to answer; longer than a page's deadline, which it waits out.
const CHROMIUM_DEADLINE: Duration = Duration::from_secs(60);

/// A browser without a past: its cookies, storage and cache begin empty, and go with it when it is dropped.
/// Chromium itself goes on, for the next test: it calls this a browser context, and people an incognito window.
pub struct Browser {
    connection: Rc<RefCell<Connection>>,
    user_agent: String,
    context: String,
    /// Here until the drop.
    process: Option<Process>,
    /// Started with a flag that is for this test alone.
    alone: bool,
}

/// Chromiums that no test is using.
static IDLE: Mutex<Vec<Process>> = Mutex::new(Vec::new());

impl Browser {
    /// Takes an idle Chromium or starts one; fails with advice where there is none.
    pub fn start() -> Browser {
        let idle = IDLE.lock().expect("no test panics while it holds this").pop();
        Browser::connect(idle.unwrap_or_else(|| Process::start(None)), false)
    }

    #[cfg(feature = "tls")]
    /// A Chromium of its own. It trusts the certificates of this key: the base64 of the SHA-256 of its SubjectPublicKeyInfo.
    pub fn start_trusting(key: &str) -> Browser {
        let flag = format!("--ignore-certificate-errors-spki-list={key}");
        Browser::connect(Process::start(Some(flag)), true)
    }

    fn connect(process: Process, alone: bool) -> Browser {
        let mut connection = Connection::open(&process.address);
        let mut call =
            |method, with| connection.call(None, method, with).unwrap_or_else(|error| panic!("{error}"));
        let user_agent = text_of(&call("Browser.getVersion", json!({}))["userAgent"]);
        let context = call("Target.createBrowserContext", json!({ "disposeOnDetach": true }));
        let context = text_of(&context["browserContextId"]);
        let connection = Rc::new(RefCell::new(connection));
        Browser { connection, user_agent, context, process: Some(process), alone }
    }

    /// Opens `url` in a new tab, as a reader of `language` with a light window of this size has it.
    pub fn open(&self, url: &str, language: &str, width: u32, height: u32) -> Page {
        self.open_in_colours(url, language, width, height, "light")
    }

    /// The same with a colour scheme: `light` or `dark`.
    pub fn open_in_colours(&self, url: &str, language: &str, width: u32, height: u32, colours: &str) -> Page {
        let create = json!({ "url": "about:blank", "browserContextId": self.context });
        let target = text_of(&self.call("Target.createTarget", create)["targetId"]);
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text_of(&self.call("Target.attachToTarget", attach)["sessionId"]);
        let page = Page { connection: Rc::clone(&self.connection), session, target };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            page.call(domain, json!({}));
        }
        page.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        // This, and not --lang, is what navigator.languages and the header Accept-Language follow.
        page.call(
            "Emulation.setUserAgentOverride",
            json!({ "userAgent": self.user_agent, "acceptLanguage": language }),
        );
        page.call(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": width, "height": height,
                "deviceScaleFactor": 1, "mobile": width < 600,
            }),
        );
        page.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": colours }] }),
        );
        page.visit(url);
        page
    }

    /// Opens `url` in a browser in which this script has run first: without a function that old ones do not have.
    pub fn open_with_script(&self, url: &str, script: &str) -> Page {
        let page = self.open("about:blank", "en", 1280, 800);
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
        page.go(url);
        page
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        self.connection.borrow_mut().call(None, method, parameters).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let with = json!({ "browserContextId": self.context });
        let disposed = self.connection.borrow_mut().call(None, "Target.disposeBrowserContext", with);
        // A test that failed may have left it in any state.
        if disposed.is_ok() && !self.alone && !thread::panicking() {
            let process = self.process.take().expect("it is here until the drop");
            IDLE.lock().expect("no test panics while it holds this").push(process);
        }
    }
}

/// One tab. Stays open until `close` or until its browser ends.
pub struct Page {
    connection: Rc<RefCell<Connection>>,
    session: String,
    target: String,
}

impl Page {
    /// Goes to `url` and waits until it has loaded. Going to the same address again is a reload.
    pub fn visit(&self, url: &str) {
        self.go(url);
        self.evaluate(PARTS);
    }

    /// Gives a test further parts of our page, which it loads only when they are wanted.
    pub fn give(&self, files: &[&str]) {
        self.evaluate(&format!(
            "Promise.all({}.map(file => import(new URL(`page/${{file}}.js`, document.baseURI).href).then(module => {{
                for (const name of Object.keys(module)) {{
                    Object.defineProperty(globalThis, name, {{ get: () => module[name], configurable: true }});
                }}
            }})))",
            json!(files)
        ));
    }

    fn go(&self, url: &str) {
        let navigation = self.call("Page.navigate", json!({ "url": url }));
        if let Some(error) = navigation["errorText"].as_str() {
            panic!("Chromium could not open {url}: {error}");
        }
        self.wait_for_event(|event| {
            event["method"] == "Page.lifecycleEvent"
                && event["params"]["name"] == "load"
                && event["params"]["loaderId"] == navigation["loaderId"]
        });
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{error}\n  in: {expression}"))
    }

    /// Looks at the page until a JavaScript condition holds; what it throws counts as "not yet". When the
    /// deadline passes the test fails, saying `what` was awaited, with a screenshot and the page's text.
    pub fn wait_for(&self, condition: &str, what: &str) {
        // A hidden tab draws nothing.
        self.bring_to_front();
        self.wait_in_background_for(condition, what);
    }

    /// The same, but the tab stays as it is, perhaps hidden.
    pub fn wait_in_background_for(&self, condition: &str, what: &str) {
        let mut outcome = self.try_evaluate(&awaiting(condition));
        // A page that is being left or reloaded is not the right one.
        while outcome.as_ref().is_err_and(|error| error.contains("target navigated")) {
            outcome = self.try_evaluate(&awaiting(condition));
        }
        if outcome == Ok(Value::Null) {
            return;
        }
        let reason = outcome.map_or_else(|error| error, |reason| text_of(&reason));
        let screenshot = self.try_screenshot(&format!("failed-{}", file_name(what)));
        let text = self.try_evaluate("document.body.innerText");
        panic!(
            "the page did not show {what}: {reason}\n  condition: {condition}\n  screenshot: {}\n  console: {:?}\n  text of the page:\n{}",
            screenshot.map_or_else(|error| error, |path| path.display().to_string()),
            self.console_errors(),
            text.map_or_else(|error| error, |text| text_of(&text)),
        );
    }

    /// Clicks into a field, replaces what is there by `text` as a keyboard would, and presses Enter.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.fill(selector, text);
        self.press_enter();
    }

    /// Clicks into a field and replaces what is there by `text`.
    pub fn fill(&self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate(&format!("document.querySelector({}).select()", quoted(selector)));
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Presses the Enter key in the field that has the focus.
    pub fn press_enter(&self) {
        for kind in ["keyDown", "keyUp"] {
            self.call(
                "Input.dispatchKeyEvent",
                json!({
                    "type": kind, "key": "Enter", "code": "Enter", "text": "\r",
                    "windowsVirtualKeyCode": 13, "nativeVirtualKeyCode": 13,
                }),
            );
        }
    }

    /// Clicks the middle of an element with the mouse, as soon as a person could: visible and not covered.
    pub fn click(&self, selector: &str) {
        let find = format!(
            "const element = document.querySelector({});
             element.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});
             const box = element.getBoundingClientRect();
             const middle = {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
             const there = document.elementFromPoint(middle.x, middle.y);",
            quoted(selector)
        );
        self.wait_for(
            &format!("(() => {{ {find} return !element.disabled && element.contains(there); }})()"),
            &format!("{selector} where the mouse can press it"),
        );
        // The page may grow between the look and the press: then the press misses, presses nothing, and is tried once more.
        for _ in 0..5 {
            let aim = format!(
                "globalThis.hit = false;
                 addEventListener('click', (event) => {{
                     globalThis.hit = event.target.closest({}) !== null;
                     if (hit) return;
                     event.stopImmediatePropagation();
                     event.preventDefault();
                 }}, {{ once: true, capture: true }});",
                quoted(selector)
            );
            let middle = self.evaluate(&format!("(() => {{ {find} {aim} return middle; }})()"));
            for (kind, button, clicks) in
                [("mouseMoved", "none", 0), ("mousePressed", "left", 1), ("mouseReleased", "left", 1)]
            {
                self.call(
                    "Input.dispatchMouseEvent",
                    json!({
                        "type": kind, "button": button, "clickCount": clicks,
                        "x": middle["x"], "y": middle["y"],
                    }),
                );
            }
            if self.evaluate("globalThis.hit") != json!(false) {
                return;
            }
        }
        panic!("{selector} moves away from the mouse");
    }

    /// The window from now on: its size in CSS pixels, and how many of the screen's are one of them (2 at 200 % zoom).
    pub fn resize(&self, width: u32, height: u32, scale: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Forced colours, as in the system's high contrast.
    pub fn force_colours(&self) {
        let features = json!([{ "name": "forced-colors", "value": "active" }, { "name": "prefers-color-scheme", "value": "dark" }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Presses a key that writes nothing, such as `Escape` or `ArrowDown`.
    pub fn press(&self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            let code = match key {
                "Tab" => 9,
                "Escape" => 27,
                "ArrowDown" => 40,
                "ArrowUp" => 38,
                "Home" => 36,
                "End" => 35,
                _ => 0,
            };
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code }),
            );
        }
    }

    /// Makes this the tab that a person looks at; the others are hidden then, and know it.
    pub fn bring_to_front(&self) {
        self.call("Page.bringToFront", json!({}));
    }

    /// Lets the page's clock run on by this much at once: its timers fire, nobody waits. The clock
    /// stays artificial afterwards, so nothing can be awaited in this tab any more.
    pub fn let_time_pass(&self, time: Duration) {
        self.call(
            "Emulation.setVirtualTimePolicy",
            json!({ "policy": "advance", "budget": time.as_millis() as u64 }),
        );
        self.wait_for_event(|event| event["method"] == "Emulation.virtualTimeBudgetExpired");
    }

    /// Closes the tab, as a click on its cross does.
    pub fn close(self) {
        self.connection
            .borrow_mut()
            .call(None, "Target.closeTarget", json!({ "targetId": self.target }))
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Saves what the tab shows as `target/screenshots/NAME.png`.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        self.try_screenshot(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same of one element alone, which is in view, in three quarters of its size.
    pub fn screenshot_of(&self, selector: &str, name: &str) -> PathBuf {
        let area = self.evaluate(&format!(
            "(() => {{ const {{ x, y, width, height }} = document.querySelector({}).getBoundingClientRect(); return {{ x, y, width, height, scale: 0.75 }}; }})()",
            quoted(selector)
        ));
        self.save_screenshot(name, json!({ "format": "png", "clip": area }))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the developer tools' console shows in red: exceptions, `console.error`, what the page's
    /// Content-Security-Policy blocked, what did not load.
    pub fn console_errors(&self) -> Vec<String> {
        // Events keep their order: once this is answered, all that happened before has been read.
        let _ = self.try_evaluate("0");
        self.connection
            .borrow()
            .events
            .iter()
            .filter(|event| event["sessionId"] == self.session.as_str())
            .filter_map(console_error)
            .collect()
    }

    /// The handshakes that this tab has sent so far: the header of each that this name has, by what its path begins with.
    pub fn handshake_headers(&self, path: &str, header: &str) -> Vec<String> {
        let _ = self.try_evaluate("0");
        let connection = self.connection.borrow();
        let of_this_tab = |event: &&Value| event["sessionId"] == self.session.as_str();
        let events = || connection.events.iter().filter(of_this_tab);
        let created = |event: &&Value| {
            let url = text_of(&event["params"]["url"]);
            event["method"] == "Network.webSocketCreated" && url.contains(path)
        };
        let sockets: Vec<&Value> =
            events().filter(created).map(|event| &event["params"]["requestId"]).collect();
        events()
            .filter(|event| event["method"] == "Network.webSocketWillSendHandshakeRequest")
            .filter(|event| sockets.contains(&&event["params"]["requestId"]))
            .map(|event| text_of(&event["params"]["request"]["headers"][header]))
            .collect()
    }

    /// The addresses of all WebSockets that this tab has opened so far.
    pub fn socket_addresses(&self) -> Vec<String> {
        let _ = self.try_evaluate("0");
        let connection = self.connection.borrow();
        let events = connection.events.iter().filter(|event| event["sessionId"] == self.session.as_str());
        let created = events.filter(|event| event["method"] == "Network.webSocketCreated");
        created.map(|event| text_of(&event["params"]["url"])).collect()
    }

    /// The payloads of all WebSocket frames that this tab has received so far.
    pub fn frames(&self) -> Vec<String> {
        let _ = self.try_evaluate("0");
        self.connection
            .borrow()
            .events
            .iter()
            .filter(|event| event["sessionId"] == self.session.as_str())
            .filter(|event| event["method"] == "Network.webSocketFrameReceived")
            .map(|event| text_of(&event["params"]["response"]["payloadData"]))
            .collect()
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.connection.borrow_mut().call(Some(&self.session), method, parameters)
    }

    fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let answer = self.try_call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        )?;
        match exception_text(&answer["exceptionDetails"]) {
            Some(exception) => Err(exception),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    fn try_screenshot(&self, name: &str) -> Result<PathBuf, String> {
        self.save_screenshot(name, json!({ "format": "png" }))
    }

    fn save_screenshot(&self, name: &str, with: Value) -> Result<PathBuf, String> {
        self.try_call("Page.bringToFront", json!({}))?;
        let answer = self.try_call("Page.captureScreenshot", with)?;
        let image = from_base64(&text_of(&answer["data"]))?;
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        let path = directory.join(format!("{name}.png"));
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&path, image))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    fn wait_for_event(&self, wanted: impl Fn(&Value) -> bool) {
        self.connection
            .borrow_mut()
            .wait_for_event(|event| event["sessionId"] == self.session.as_str() && wanted(event));
    }
}

/// Gives tests the parts of our page by name: `state`, `send`, `ownFeed`… The page itself has no globals. The inspector's parts are
/// there if the server has them, which the page learns from `/health`.
pub const PARTS: &str = "(async () => {
    if (document.querySelector('script[type=module]') === null) return;
    const part = (path) => import(new URL(`page/${path}`, document.baseURI).href);
    const give = (module) => {
        for (const name of Object.keys(module)) {
            Object.defineProperty(globalThis, name, { get: () => module[name], configurable: true });
        }
    };
    for (const path of ['state', 'connection', 'panels', 'outbox', 'time', 'text', 'draw/elements']) give(await part(`${path}.js`));
    while (!state.asked) await new Promise((resolve) => { setTimeout(resolve, 5); });
    if (!state.features?.includes('inspector')) return;
    for (const path of ['feed', 'draw', 'decode', 'demonstrations', 'main']) give(await part(`inspector/${path}.js`));
})()";

/// A JavaScript literal that is exactly this text.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A promise of null as soon as the condition holds, or of the reason why it did not before the deadline.
/// The condition is looked at after each change of the document.
pub fn awaiting(condition: &str) -> String {
    format!(
        "new Promise(resolve => {{
            let reason = 'it stayed false';
            const holds = () => {{
                try {{ return Boolean({condition}); }} catch (error) {{ reason = String(error); return false; }}
            }};
            if (holds()) return resolve(null);
            const finish = outcome => {{
                observer.disconnect();
                clearInterval(now_and_then);
                clearTimeout(deadline);
                resolve(outcome);
            }};
            const look = () => {{ if (holds()) finish(null); }};
            const observer = new MutationObserver(look);
            // Some changes are no mutations: a field's value, a size, a variable.
            const now_and_then = setInterval(look, 50);
            const deadline = setTimeout(() => finish(reason), {});
            observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
        }})",
        PAGE_DEADLINE.as_millis()
    )
}

/// An event as a line of the console, if it is one in red.
fn console_error(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => exception_text(&parameters["exceptionDetails"]),
        "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
            let entry = &parameters["entry"];
            Some(format!("{} {}", text_of(&entry["text"]), text_of(&entry["url"])))
        }
        "Runtime.consoleAPICalled" if parameters["type"] == "error" => {
            Some(format!("console.error {}", parameters["args"]))
        }
        _ => None,
    }
}

fn exception_text(details: &Value) -> Option<String> {
    let text = details["text"].as_str()?;
    let description = text_of(&details["exception"]["description"]);
    Some(format!("{text} {description}"))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn file_name(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(8)
        .collect();
    words.join("-")
}

/// DevTools sends images as base64: four letters are three bytes.
fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().take_while(|&letter| letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(format!("no base64 letter: {:?}", char::from(letter))),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}

/// The one WebSocket to Chromium, which all tabs share.
struct Connection {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    /// All events, in order.
    events: Vec<Value>,
}

impl Connection {
    fn open(address: &str) -> Connection {
        let host = address
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_else(|| panic!("Chromium printed no WebSocket address: {address}"));
        let stream = TcpStream::connect(host)
            .unwrap_or_else(|error| panic!("cannot connect to Chromium at {host}: {error}"));
        let any_size = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = tungstenite::client::client_with_config(address, stream, Some(any_size))
            .unwrap_or_else(|error| panic!("Chromium refused the WebSocket {address}: {error}"));
        Connection { socket, last_id: 0, events: Vec::new() }
    }

    /// Sends a command, to a tab or to the browser, and waits for its answer.
    fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Result<Value, String> {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        self.socket
            .send(Message::text(command.to_string()))
            .map_err(|error| format!("Chromium is gone before {method}: {error}"))?;
        let deadline = Instant::now() + CHROMIUM_DEADLINE;
        loop {
            let answer =
                self.read(deadline).map_err(|error| format!("Chromium did not answer {method}: {error}"))?;
            if answer["id"] != self.last_id {
                self.events.push(answer);
            } else if answer["error"].is_null() {
                return Ok(answer["result"].clone());
            } else {
                return Err(format!("Chromium refused {method}: {}", answer["error"]));
            }
        }
    }

    /// Waits until such an event has come; an earlier one counts.
    fn wait_for_event(&mut self, wanted: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + CHROMIUM_DEADLINE;
        while !self.events.iter().any(&wanted) {
            match self.read(deadline) {
                Ok(event) => self.events.push(event),
                Err(error) => panic!("Chromium did not tell the event that was awaited: {error}"),
            }
        }
    }

    fn read(&mut self, deadline: Instant) -> Result<Value, String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("not within {CHROMIUM_DEADLINE:?}"));
            }
            self.socket.get_ref().set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    return serde_json::from_str(&text).map_err(|error| error.to_string());
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    // A child that ends may interrupt a read that has a time-out.
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// The running Chromium, and a shell that ends it and removes its profile as soon as its standard input ends: also when the
/// tests end while it is idle, or are killed.
struct Process {
    shell: Child,
    profile: PathBuf,
    /// Where DevTools listens: `ws://127.0.0.1:…`.
    address: String,
    /// Its lines; they end when the last of Chromium's processes has ended, and the shell.
    standard_error: Receiver<String>,
}

impl Process {
    fn start(flag: Option<String>) -> Process {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let profile = std::env::temp_dir().join(format!(
            "websocket-classroom-chromium-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        let mut shell = spawn_chromium(&profile, flag);
        let standard_error = lines_of(shell.stderr.take().expect("stderr is piped"));
        let mut process = Process { shell, profile, address: String::new(), standard_error };
        process.address = process.wait_for_address();
        process
    }

    fn wait_for_address(&self) -> String {
        let deadline = Instant::now() + CHROMIUM_DEADLINE;
        let mut said = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.standard_error.recv_timeout(left) else {
                panic!("Chromium started but opened no DevTools address; it said:\n{said}");
            };
            if let Some(address) = line.strip_prefix("DevTools listening on ") {
                return address.trim().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
        if self.profile.exists() {
            eprintln!("{} could not be removed", self.profile.display());
        }
    }
}

/// Chromium's helper processes follow it, and may write to the profile until they have.
const SHELL: &str = r#"
"$@" < /dev/null &
read _
kill -9 $!
wait
for attempt in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$TMPDIR" 2> /dev/null && exit; sleep 0.2; done
"#;

/// Starts the Chromium that the variable CHROMIUM names, or else the first in the PATH.
fn spawn_chromium(profile: &Path, flag: Option<String>) -> Child {
    let candidates = match std::env::var("CHROMIUM") {
        Ok(chosen) => vec![chosen],
        Err(_) => ["chromium", "chromium-browser", "google-chrome"].map(String::from).to_vec(),
    };
    for candidate in &candidates {
        if !is_there(candidate) {
            continue;
        }
        return Command::new("sh")
            .args(["-c", SHELL, "sh", candidate])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(&flag)
            // What it leaves behind goes with the profile.
            .env("TMPDIR", profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {candidate}: {error}"));
    }
    panic!(
        "Chromium is missing (looked for: {}). Install it: `apt-get install chromium` on Debian, \
         `brew install --cask chromium` on a Mac; or set CHROMIUM to the path of a Chromium or Chrome.",
        candidates.join(", ")
    );
}

fn is_there(program: &str) -> bool {
    let version = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", program]).output();
    version.is_ok_and(|output| output.status.success())
}

fn lines_of(stream: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            // Read also without a receiver: Chromium must never wait for a full pipe.
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    receiver
}
