//! Asks for a password in a terminal without showing it.
//!
//! For the command line alone. The terminal is told not to show what is typed by `stty`, which every Unix has, and told
//! otherwise again however the asking ends, also by Ctrl-C.

use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio, exit};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// The terminal as it was; dropping it brings that back.
struct Silence {
    before: String,
    signals: Handle,
}

/// Asks, and reads a line.
///
/// # Errors
/// If the terminal cannot be made silent, or its input ends.
pub fn ask_silently(question: &str) -> io::Result<String> {
    let silence = Silence::begin()?;
    let mut out = io::stderr();
    write!(out, "{question}")?;
    out.flush()?;
    let line = read_line(&mut io::stdin().lock());
    drop(silence);
    // The end of the line was not shown, either.
    writeln!(out)?;
    line
}

/// A line without its end; at most as long as a password may be, with room to tell that it is longer.
///
/// # Errors
/// If there is none, or it is not UTF-8.
pub fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    let longest = 2 * super::password::MAX_PASSWORD as u64;
    if io::Read::take(input, longest).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

impl Silence {
    fn begin() -> io::Result<Silence> {
        let before = stty(&["-g"])?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let restored = before.clone();
        thread::Builder::new().spawn(move || {
            if let Some(signal) = signals.forever().next() {
                restore(&restored);
                exit(128 + signal);
            }
        })?;
        let silence = Silence { before, signals: handle };
        stty(&["-echo"])?;
        Ok(silence)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        restore(&self.before);
        self.signals.close();
    }
}

fn restore(before: &str) {
    if stty(&[before]).is_err() {
        let _ = writeln!(io::stderr(), "type `stty echo` to see again what you type");
    }
}

/// Runs `stty` on the terminal of standard input, and returns what it says.
fn stty(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("stty")
        .args(arguments)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("stty failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
