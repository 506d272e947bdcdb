//! Asks for a password in a terminal without showing it.
//!
//! Called by `enrolment` on the command line's main thread. Switches the terminal's echo off with `stty`, which every Unix has.
//! Must switch it on again however the program ends, also after Ctrl-C.

use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio, exit};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

/// The terminal of standard input.
pub struct Terminal {
    /// Its settings at the start, as `stty -g` prints them.
    before: String,
}

/// The echo is off while this exists.
struct NoEcho<'a>(&'a Terminal);

impl Terminal {
    /// Reads the settings. From now on, a signal that ends the program also restores them.
    ///
    /// # Errors
    /// If there is no `stty`, or no thread.
    pub fn open() -> io::Result<Terminal> {
        let before = stty(&["-g"])?;
        let terminal = Terminal { before: before.clone() };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP])?;
        thread::Builder::new().spawn(move || {
            // Ctrl-Z would leave the shell without echo, so it is ignored.
            if let Some(signal) = signals.forever().find(|signal| *signal != SIGTSTP) {
                Terminal { before }.restore();
                exit(128 + signal);
            }
        })?;
        Ok(terminal)
    }

    /// Prints a question and reads a line without showing it.
    ///
    /// # Errors
    /// If the echo cannot be switched off, or the input ends.
    pub fn ask_without_echo(&self, question: &str) -> io::Result<String> {
        let no_echo = NoEcho(self);
        stty(&["-echo"])?;
        let mut out = io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let line = read_line(&mut io::stdin().lock());
        drop(no_echo);
        // The terminal did not show the line's end either.
        writeln!(out)?;
        line
    }

    fn restore(&self) {
        if stty(&[&self.before]).is_err() {
            let _ = writeln!(io::stderr(), "type `stty echo` to see again what you type");
        }
    }
}

impl Drop for NoEcho<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Reads one line, without its end. Twice as long as a password may be: longer input is refused, but memory is bounded.
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

/// Runs `stty` on the terminal of standard input. Returns its output.
fn stty(arguments: &[&str]) -> io::Result<String> {
    let output =
        Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("stty failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
