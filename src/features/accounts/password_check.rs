//! The thread that checks passwords, one at a time. Each check takes 19 MiB of memory and about 20 ms on purpose. One thread bounds
//! that cost, also during a flood of sign-ins.
//!
//! The authentication's thread sends it work through a short queue and never waits for it. Must never know names.

use crossbeam_channel::{Receiver, Sender};
use log::debug;

use super::login::{Check, Checked, ToAuthentication};
use super::password::Workspace;

/// The thread's loop. Ends when all senders of checks have ended.
pub fn run(checks: &Receiver<Check>, to_authentication: &Sender<ToAuthentication>) {
    let mut workspace = Workspace::default();
    for Check { password, hashed, login } in checks {
        let matches = hashed.matches(&password, &mut workspace);
        debug!("a password was checked: Argon2id, {}", hashed.cost());
        let checked = Checked { hashed, login, matches };
        if to_authentication.send(ToAuthentication::Checked(Box::new(checked))).is_err() {
            return;
        }
    }
}
