//! Asks for a password in a terminal without showing it.
//!
//! For the command line alone. The terminal is told not to show what is typed by `stty`, which every Unix has, and told
//! otherwise again however the asking ends, also by Ctrl-C.

use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio, exit};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

/// The terminal of standard input.
pub struct Terminal {
    /// What it was set to, as `stty` says it.
    before: String,
}

/// While it exists, the terminal does not show what is typed.
struct Silence<'a>(&'a Terminal);

impl Terminal {
    /// Looks how it is set, and from now on sets it so again when a signal ends the program.
    ///
    /// # Errors
    /// If there is no `stty`, or no thread.
    pub fn open() -> io::Result<Terminal> {
        let before = stty(&["-g"])?;
        let terminal = Terminal { before: before.clone() };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP])?;
        thread::Builder::new().spawn(move || {
            // Ctrl-Z would leave the terminal silent: it does nothing here.
            if let Some(signal) = signals.forever().find(|signal| *signal != SIGTSTP) {
                Terminal { before }.restore();
                exit(128 + signal);
            }
        })?;
        Ok(terminal)
    }

    /// Asks, and reads a line.
    ///
    /// # Errors
    /// If the terminal cannot be made silent, or its input ends.
    pub fn ask_silently(&self, question: &str) -> io::Result<String> {
        let silence = Silence(self);
        stty(&["-echo"])?;
        let mut out = io::stderr();
        write!(out, "{question}")?;
        out.flush()?;
        let line = read_line(&mut io::stdin().lock());
        drop(silence);
        // The end of the line was not shown, either.
        writeln!(out)?;
        line
    }

    fn restore(&self) {
        if stty(&[&self.before]).is_err() {
            let _ = writeln!(io::stderr(), "type `stty echo` to see again what you type");
        }
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.restore();
    }
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

/// Runs `stty` on the terminal of standard input, and returns what it says.
fn stty(arguments: &[&str]) -> io::Result<String> {
    let output =
        Command::new("stty").args(arguments).stdin(Stdio::inherit()).stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("stty failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
