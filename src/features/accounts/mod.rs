//! Who may come in, with `--users FILE`: the tutorial's first challenge. Without the flag, none of this runs.
//!
//! ```text
//! connections' ── name, password ──► authentication ──► password check    Argon2, one at a time
//!   threads    ── cookie ──────────►   (owns all)   ◄── matches or not
//!              ◄── admission ───────         ▲
//!                                         │ new list
//!                                    users file
//! ```
//!
//! Attached at three joints: it decides who may open a WebSocket, adds the routes `/login`, `/logout` and `/me`, and has
//! connections closed on the broadcaster's thread.
//!
//! Read in this order: `password` and `list` (what the file stores), `file` (the server reads it), `enrolment` and
//! `rewrite` (the command line changes it), `sessions` (who is signed in), `attempts` (how often a password may be
//! wrong), `login` (the messages between threads), `authentication` (decides), `password_check` (the slow part), `sign_in`
//! (HTTP). `shared_sign_ins` is for servers that share a chat.

mod attempts;
mod authentication;
pub mod enrolment;
mod file;
mod list;
mod login;
mod password;
mod password_check;
mod rewrite;
mod sessions;
mod shared_sign_ins;
mod sign_in;

#[cfg(test)]
mod tests;

pub use attempts::{ADDRESS_BUDGET, Attempt, Budget, NAME_BUDGET};
pub use login::CookieHash;
pub use shared_sign_ins::SharedSignIns;

use std::io;
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{info, warn};

use attempts::MAX_WAITING_CHECKS;
use authentication::{Authentication, MAX_WAITING_MESSAGES};
use list::AccountList;
use login::{Accounts, Revoked, ToAuthentication};

use crate::broadcaster::{CLOSE_DEADLINE, Control, Incoming};
use crate::chat::Input;
use crate::config::Options;
use crate::http::{Call, Reply, Response, Route};
use crate::joints::Joints;

/// Attaches the accounts. Their threads start when the server does.
///
/// # Errors
/// In one line: the list of users cannot be read, or a line of it is wrong.
pub fn attach(
    joints: &mut Joints,
    options: &Options,
    to_broadcaster: &Sender<Incoming>,
    shared: Option<Box<dyn SharedSignIns>>,
) -> Result<(), String> {
    joints.http.features.push("accounts");
    let has_users = options.users.is_some();
    joints.http.health.push(("sign_in", Box::new(move || has_users.into())));
    let Some(path) = options.users.clone() else { return Ok(()) };
    let (list, text) = file::read_list(&path).map_err(|error| format!("the list of users, {error}"))?;
    let (to_authentication, messages) = bounded(MAX_WAITING_MESSAGES);
    let accounts = Accounts(to_authentication);
    let (for_threads, to_broadcaster) = (accounts.clone(), to_broadcaster.clone());
    joints.start.push(Box::new(move || {
        let on_revoked = move |revoked| {
            let job = Box::new(move |control: &mut dyn Control| close_revoked(control, revoked));
            to_broadcaster.send(Incoming::Run(job)).is_ok()
        };
        start(path, list, text, shared, for_threads.0, messages, on_revoked)
    }));
    joints.banner.websocat_flags.push_str("--basic-auth NAME:PASSWORD ");
    joints.connection.authentication = Some(Box::new(accounts.clone()));
    joints.http.routes.extend([
        route("/login", &["POST"], &accounts, sign_in::sign_in),
        route("/logout", &["POST"], &accounts, sign_in::sign_out),
        route("/me", &["GET", "HEAD"], &accounts, sign_in::who_am_i),
    ]);
    Ok(())
}

fn route(
    path: &'static str,
    methods: &'static [&'static str],
    accounts: &Accounts,
    handler: fn(&Accounts, &Call<'_>) -> Response,
) -> Route {
    let accounts = accounts.clone();
    let handler = Box::new(move |call: &Call<'_>| Reply::Response(handler(&accounts, call)));
    Route { path, methods, is_public: false, handler }
}

/// Starts the three threads.
fn start(
    path: PathBuf,
    list: AccountList,
    text: String,
    shared: Option<Box<dyn SharedSignIns>>,
    to_authentication: Sender<ToAuthentication>,
    messages: Receiver<ToAuthentication>,
    on_revoked: impl Fn(Revoked) -> bool + Send + 'static,
) -> io::Result<()> {
    match list.len() {
        0 => warn!("the list of users has no accounts yet: {}", path.display()),
        users => info!("on the list of users, {}: {users}", path.display()),
    }
    let (to_check, checks) = bounded(MAX_WAITING_CHECKS);
    let thread = |name: &str| thread::Builder::new().name(name.to_owned());
    let authentication = Authentication::new(list, to_check, shared, on_revoked);
    thread("authentication").spawn(move || authentication.run(&messages))?;
    let checked = to_authentication.clone();
    thread("password check").spawn(move || password_check::run(&checks, &checked))?;
    let on_change = move |list| to_authentication.send(ToAuthentication::NewList(list)).is_ok();
    thread("users file").spawn(move || file::watch(&path, &text, on_change)).map(drop)
}

/// Closes the connections whose admission was revoked. Runs on the broadcaster's thread.
fn close_revoked(control: &mut dyn Control, revoked: Revoked) {
    control.close_revoked(false);
    // Feeds are closed last: they show how the other connections are closed, and that is the lesson.
    control.later(CLOSE_DEADLINE, Box::new(|control| control.close_revoked(true)));
    let origin = control.server();
    let Revoked { gone, signed_out } = revoked;
    if !gone.is_empty() {
        let _ = control.submit(Input::AccountsGone { accounts: gone, origin });
    }
    for account in signed_out {
        let _ = control.submit(Input::SignedOut { account, origin });
    }
}
