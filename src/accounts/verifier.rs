//! The thread that compares passwords, one at a time: each takes 19 MiB of memory and some 20 ms on purpose, and a flood
//! of them must cost no more than that.
//!
//! Fed by the gatekeeper through a short queue, which that fills without waiting. Knows nothing of names.

use crossbeam_channel::{Receiver, Sender};
use log::debug;

use super::gatekeeper::{Ask, Trial};
use super::password::{CannotHash, Hashed, Password, Workspace};

/// Passwords that may wait to be compared: two classes that sign in at the same moment. More are answered 503.
pub const QUEUE: usize = 64;

/// One comparison to make.
pub struct Comparison {
    pub password: Password,
    /// What it is compared with: of a name that nobody has, a hash that nothing fits and that costs the same.
    pub hashed: Hashed,
    pub trial: Trial,
}

/// One that was made.
pub struct Compared {
    pub hashed: Hashed,
    pub trial: Trial,
    pub fits: Result<bool, CannotHash>,
}

/// The thread's loop; ends when nobody is left who could ask.
pub fn run(comparisons: &Receiver<Comparison>, to_gatekeeper: &Sender<Ask>) {
    let mut workspace = Workspace::default();
    for Comparison { password, hashed, trial } in comparisons {
        let fits = hashed.fits(&password, &mut workspace);
        debug!("a password was compared: Argon2id, {}", hashed.cost());
        let compared = Compared { hashed, trial, fits };
        if to_gatekeeper.send(Ask::Compared(Box::new(compared))).is_err() {
            return;
        }
    }
}
