//! The thread that checks passwords, one at a time: each takes 19 MiB of memory and some 20 ms on purpose, and a flood of them must
//! cost no more than that.
//!
//! Fed by the authentication's thread through a short queue, which that fills without waiting. Knows nothing of names.

use crossbeam_channel::{Receiver, Sender};
use log::debug;

use super::login::{Check, Checked, Question};
use super::password::Workspace;

/// The thread's loop; ends when no one is left who could ask.
pub fn run(checks: &Receiver<Check>, to_authentication: &Sender<Question>) {
    let mut workspace = Workspace::default();
    for Check { password, hashed, login } in checks {
        let matches = hashed.matches(&password, &mut workspace);
        debug!("a password was compared: Argon2id, {}", hashed.cost());
        let checked = Checked { hashed, login, matches };
        if to_authentication.send(Question::Checked(Box::new(checked))).is_err() {
            return;
        }
    }
}
