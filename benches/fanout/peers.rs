//! Other servers, on Node, for `make bench-peers`: each a chat of a few lines, as its documentation shows it.
//!
//! Their packages are installed into `target/bench-peers`, and the scripts run there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: [&str; 2] = ["ws@8.18.3", "socket.io@4.8.1"];

#[derive(Clone, Copy, PartialEq)]
pub enum Peer {
    Ws,
    SocketIo,
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::SocketIo => "socket.io",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Ws => include_str!("peers/ws.mjs"),
            Self::SocketIo => include_str!("peers/socketio.mjs"),
        }
    }

    pub fn script(self) -> PathBuf {
        folder().join(format!("{}.mjs", self.name()))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-peers")
}

/// Puts scripts and packages in place; needs Node and npm, and the first time a network.
pub fn install() -> io::Result<()> {
    let folder = folder();
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), r#"{"private":true}"#)?;
    for peer in [Peer::Ws, Peer::SocketIo] {
        fs::write(peer.script(), peer.source())?;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error"]).args(PACKAGES);
    match npm.current_dir(&folder).status()? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(format!("npm install: {status}"))),
    }
}
