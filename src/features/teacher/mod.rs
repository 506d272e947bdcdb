//! The teacher's hand: who has the key may take back messages, mute and keep out members, and stop newcomers; members raise their
//! hands.
//!
//! Attached at four joints: it adds the commands, the address `/teacher` and a line of the banner, and refuses newcomers before the
//! handshake. It decides who is a teacher, and submits what teachers do as inputs of the chat: the chat does it, in
//! one order on all servers. Must never log or print the key.
//!
//! Read in this order: `commands` (what a member may send), `link` (a link that works once).

mod commands;
mod link;

use std::io::{self, Write};
use std::net::IpAddr;

use log::info;

use crate::chat::{Door, JoinRequest};
use crate::config::Options;
use crate::http::{Before, Call, Reply, Response, Route, page_files, parameter};
use crate::joints::Joints;

use link::Links;

/// Attaches the teacher's hand. Without random numbers and without `--teacher-key` there is none.
pub fn attach(joints: &mut Joints, options: &Options) {
    let Some(key) = options.teacher_key.clone() else { return };
    let links = Links::default();
    joints.http.features.push("teacher");
    joints.http.page_files.extend(page_files! {
        "page/teacher/ask.js" "page/teacher/draw.js" "page/teacher/key.js" "page/teacher/main.js" "page/teacher/menu.js"
        "page/teacher/parts.js" "page/teacher/room.js" "page/style/teacher.css"
    });
    joints.http.before.push(newcomers(joints.door.clone()));
    joints.connection.commands.extend(commands::all(key.clone()));
    // The part after # stays in the browser: it is never sent or logged.
    let code = links.issue().map_or_else(|| "#teach".to_owned(), |code| format!("#teach={code}"));
    joints
        .banner
        .lines
        .push(("teacher", format!("{code}  (once, within a minute, on this machine; then /#teach)")));
    let is_encrypted = joints.banner.is_encrypted;
    joints.http.routes.push(Route {
        path: "/teacher",
        methods: &["POST"],
        is_public: false,
        handler: Box::new(move |call| {
            Reply::Response(match call.request.body.is_empty() {
                true => new_link(call, &links, is_encrypted),
                false => exchange(call, &links, &key),
            })
        }),
    });
}

/// Refuses clients that the teacher does not admit. A client that says the rest in its first message is closed after that, so that its page can
/// say why.
fn newcomers(door: Door) -> Before {
    Box::new(move |call| {
        let query = &call.request.query;
        let is_chat = matches!(call.request.path.as_str(), "/" | "/ws") && call.wants_websocket();
        if !is_chat || JoinRequest::is_in_message(query) {
            return None;
        }
        if door.is_closed_to(call.peer.ip()) {
            let text = "The teacher admits no one from this address for a time.";
            return Some(Response::refusal(403, text));
        }
        let is_new = parameter(query, "session").is_none();
        let text = "At the moment the teacher admits no one new: try again later.";
        (door.is_locked() && is_new).then(|| Response::refusal(503, text))
    })
}

fn is_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let own = || if_addrs::get_if_addrs().unwrap_or_default();
    address.is_loopback() || own().iter().any(|own| own.ip() == address)
}

/// `/teacher` without a code: a page on this machine wants a new link. It stands in the terminal, for the teacher.
fn new_link(call: &Call<'_>, links: &Links, is_encrypted: bool) -> Response {
    if !is_this_machine(call.peer.ip()) {
        return refused(call);
    }
    let Some(code) = links.issue_again() else {
        return Response::refusal(
            429,
            format!("A new link is printed every {} s at most.", link::PAUSE.as_secs()),
        );
    };
    let scheme = if is_encrypted { "https" } else { "http" };
    let line = format!("  teacher   {scheme}://{}/#teach={code}\n", call.host);
    // If standard output is closed, there is no one to read it.
    let _ = io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush());
    Response::text(202, "The server's terminal shows a new link: it works once, within a minute.")
}

/// `/teacher`: the code of a link becomes the key. All that is wrong has one answer.
fn exchange(call: &Call<'_>, links: &Links, key: &str) -> Response {
    let code = String::from_utf8_lossy(&call.request.body);
    if is_this_machine(call.peer.ip()) && links.redeem(code.trim()) {
        info!("{}: has opened the teacher's link", call.client);
        return Response::json(&serde_json::json!({ "key": key }));
    }
    refused(call)
}

fn refused(call: &Call<'_>) -> Response {
    info!("{}: a teacher's link was refused", call.client);
    let text = "The link works once, within a minute, on the server's own machine: there /#teach prints a new one in the terminal.";
    Response::refusal(403, text)
}
