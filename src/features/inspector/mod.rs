//! The inspector: shows what goes over the wire, frame by frame, in the log and to watchers on `/wire`. The command `show` makes
//! special frames happen.
//!
//! Attached at five joints: it captures connections, adds the routes `/wire` and `/news` and the command `show`, lets a handshake
//! wait that asks for it, and sends jobs to the broadcaster's thread. Must never change a byte of a captured connection. Without watchers it does almost nothing.
//!
//! ```text
//! connection's thread ── read tap ──► broadcaster ── send tap ──► inspector's thread ── finished frames ──► broadcaster ──► watcher
//!                                     (passes it on)                (owns the lists)
//! ```
//!
//! Read in this order: `captured` (a connection's record), `frame_tap`, `read_tap` and `send_tap` (find its frames), `note` (the
//! channel to the inspector's thread), `registry`, `tracker`, `describe`, `event` and `outbox` (what watchers get), `access` (who may
//! watch what), `secrets` (what is hidden), `drawing` (frames in the log), `demonstration` (the command `show`), `slow_handshake`, `news` (a run of ten pieces) and
//! `news_address` (the same by HTTP).

mod access;
mod captured;
mod demonstration;
mod describe;
mod drawing;
mod event;
mod frame_tap;
mod hex;
mod news;
mod news_address;
mod note;
mod outbox;
mod read_tap;
mod registry;
mod secrets;
mod send_tap;
mod slow_handshake;
mod tracker;

pub use captured::Captured;
pub use drawing::draw_all;
pub use frame_tap::{FrameTap, Tapped};
pub use read_tap::InspectorReadTap;

use std::sync::Arc;
use std::thread;

use crossbeam_channel::Sender;
use log::info;

use access::Scope;
use captured::header;
use demonstration::show;
use news::News;
use note::{Observation, ToInspector};
use outbox::Outbox;
use registry::Inspector;
use send_tap::InspectorSendTap;
use slow_handshake::slow_handshake;

use crate::admission::Needs;
use crate::broadcaster::{Cause, Control, Endpoint, Incoming};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::config::Options;
use crate::http::{Call, Reply, Response, Route, page_files, parameter};
use crate::joints::Joints;
use crate::tap::{Capture, Opening, Purpose, Taps};
use crate::token::Token;

/// The header by which a request of plain HTTP is shown to those who watch this key. Unlike an address it is in no log.
const KEY_HEADER: &str = "x-wire-key";

const NOT_SIGNED_IN: CloseReason = CloseReason::new(
    close_code::SIGNED_OUT,
    "not_signed_in: to watch with this key you have to sign in first",
);

/// Attaches the inspector. Its thread starts when the server does.
pub fn attach(joints: &mut Joints, options: &Options, to_broadcaster: &Sender<Incoming>) {
    let (to_inspector, notes) = note::channel();
    let outbox = Outbox::new(to_broadcaster.clone(), options.backlog);
    let server = server_id();
    let watched = server.clone();
    joints.start.push(Box::new(move || {
        let inspector = thread::Builder::new().name("inspector".to_owned());
        inspector.spawn(move || Inspector::new(watched, outbox).run(&notes)).map(drop)
    }));
    let teacher_key = options.teacher_key.clone();
    joints.http.features.push("inspector");
    joints.http.page_files.extend(page_files! {
        "page/inspector/close.js" "page/inspector/decode.js" "page/inspector/demonstrations.js" "page/inspector/diagram.js" "page/inspector/draw.js"
        "page/inspector/feed.js" "page/inspector/frames.js" "page/inspector/handshake.js" "page/inspector/main.js"
        "page/inspector/javascript.js" "page/inspector/keep.js" "page/inspector/measure.js" "page/inspector/network.js" "page/inspector/news.js" "page/inspector/player.js" "page/inspector/recording.js" "page/inspector/story.js" "page/style/inspector.css"
    });
    let health = server.clone();
    joints.http.health.push(("server", Box::new(move || health.clone().into())));
    let news = News::new(server);
    joints.connection.commands.push(show(Arc::clone(&news)));
    joints.http.before.push(slow_handshake());
    joints.http.routes.push(Route {
        path: "/news",
        methods: &["GET", "HEAD"],
        is_public: true,
        handler: Box::new(move |call| Reply::Response(news_address::news(call, &news))),
    });
    let to_broadcaster = to_broadcaster.clone();
    joints.connection.capture =
        Some(Box::new(InspectorCapture { to_inspector: to_inspector.clone(), to_broadcaster }));
    joints.http.routes.push(Route {
        path: "/wire",
        methods: &["GET", "HEAD"],
        is_public: true,
        handler: Box::new(move |call| wire(call, teacher_key.as_deref(), &to_inspector)),
    });
}

/// Which server this is, of several behind one address: eight digits, new at each start.
fn server_id() -> String {
    let mut bytes = [0; 4];
    // Without random numbers its process tells servers of one machine apart.
    let id = getrandom::fill(&mut bytes).map_or(std::process::id(), |()| u32::from_le_bytes(bytes));
    format!("{id:08x}")
}

/// `/wire`: a WebSocket that shows what happens on other connections. The key is in the address, or in the first message.
fn wire(call: &Call<'_>, teacher_key: Option<&str>, to_inspector: &ToInspector) -> Reply {
    if !call.wants_websocket() {
        return call.upgrade_required();
    }
    let (watcher, to_inspector) = (call.client, to_inspector.clone());
    let Some(key) = parameter(&call.request.query, "key") else {
        let teacher_key = teacher_key.map(str::to_owned);
        let parse = move |text: &str| {
            let scope = Scope::parse_message(text, teacher_key.as_deref())?;
            Ok(feed(watcher, scope, to_inspector))
        };
        let endpoint = Endpoint::FirstMessage(Purpose::Feed, Some(Box::new(parse)));
        return Reply::WebSocket { endpoint, needs: Needs::AdmissionOrFirstMessage };
    };
    let Some(scope) = Scope::parse(&key, teacher_key) else {
        return Reply::Response(Response::refusal(
            403,
            "To watch takes a key: /wire?key=KEY with the \"wire\" of your chat's welcome, or the teacher's key.",
        ));
    };
    // The teacher needs no account.
    let needs = if matches!(scope, Scope::Everyone) { Needs::Nothing } else { Needs::Admission };
    Reply::WebSocket { endpoint: feed(watcher, scope, to_inspector), needs }
}

fn feed(watcher: ClientId, scope: Scope, to_inspector: ToInspector) -> Endpoint {
    Endpoint::Feed(Box::new(move |control: &mut dyn Control| {
        match scope {
            Scope::Everyone => info!("{watcher}: watches everyone, with the teacher's key"),
            Scope::Key(_) if control.lacks_admission(watcher) => {
                return control.close(watcher, Cause::Server(NOT_SIGNED_IN));
            }
            Scope::Key(_) => info!("{watcher}: watches the connections of its key"),
        }
        to_inspector.watch(watcher, scope);
    }))
}

/// The key that a request brings: in its address, or in a header, which proxies do not log.
fn wire_key(opening: &Opening) -> Option<Token> {
    let key = parameter(&opening.query, "wire").or_else(|| captured::header(&opening.request, KEY_HEADER));
    key.and_then(|key| Token::parse(&key))
}

struct InspectorCapture {
    to_inspector: ToInspector,
    to_broadcaster: Sender<Incoming>,
}

impl Capture for InspectorCapture {
    fn open(&self, opening: Opening, purpose: Purpose) -> Taps {
        let key = wire_key(&opening);
        let key = if purpose == Purpose::Chat { key.or_else(Token::random) } else { key };
        let welcome_field = key.as_ref().map(|key| ("wire", key.text()));
        let captured = Arc::new(Captured::new(opening, Some(purpose), key));
        let to_inspector = &self.to_inspector;
        to_inspector.report(&captured, captured.answered, Observation::Opened);
        let (shared, to) = (Arc::clone(&captured), to_inspector.clone());
        let to_broadcaster = self.to_broadcaster.clone();
        let report = move |at, observation| {
            let (captured, to_inspector) = (Arc::clone(&shared), to.clone());
            let job = Box::new(move |control: &mut dyn Control| {
                if let Observation::Keyed(key) = &observation {
                    control.set_welcome_field(captured.client(), ("wire", key.text()));
                }
                to_inspector.report(&captured, at, observation);
            });
            // The broadcaster may have ended during the shutdown.
            let _ = to_broadcaster.send(Incoming::Run(job));
        };
        let read = InspectorReadTap::new(Arc::clone(&captured), Box::new(report));
        let send = InspectorSendTap::new(captured, to_inspector.clone());
        Taps { read: Box::new(read), send: Box::new(send), welcome_field }
    }

    /// What was refused is shown as it is; of what was not, the heads to those who watch the key in its header.
    fn answered(&self, mut opening: Opening, status: u16) {
        let in_header = header(&opening.request, KEY_HEADER);
        let observation = match (status, &in_header) {
            (400.., _) => Observation::Refused(status),
            (_, None) => return,
            (_, Some(_)) => {
                let head = opening.response.windows(4).position(|end| end == b"\r\n\r\n");
                opening.response.truncate(head.map_or(0, |head| head + 4));
                Observation::Exchanged(status)
            }
        };
        let key = in_header.or_else(|| parameter(&opening.query, "wire"));
        let captured = Arc::new(Captured::new(opening, None, key.and_then(|key| Token::parse(&key))));
        self.to_inspector.report(&captured, captured.answered, observation);
    }
}
