//! How a line looks on a terminal, for a class that reads it from a projector: the time of day, and the sentence.
//!
//! Called by the log thread; asked once, at the start, what the terminal can show. Must never write.

use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter};

use crate::system;

const DAY: i64 = 24 * 60 * 60;

/// What this terminal gets.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Local time is so many seconds ahead of UTC.
    pub ahead: i64,
    pub colours: bool,
    /// From `debug` on: it names the file in the sources.
    pub modules: bool,
}

impl Terminal {
    /// The terminal on standard error; `None` if that is a file or a pipe, which gets the full form.
    pub fn of_standard_error(level: LevelFilter) -> Option<Terminal> {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
        system::is_stderr_terminal().then(|| Terminal {
            ahead: ahead_of_utc().unwrap_or(0),
            // https://no-color.org
            colours: !is_set("NO_COLOR") && !is_dumb,
            modules: level >= LevelFilter::Debug,
        })
    }

    /// `09:14:03 conn 3: joined the chat`
    pub fn line(&self, time: SystemTime, level: Level, module: &str, text: &str) -> String {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let clock = (seconds + self.ahead).rem_euclid(DAY);
        let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
        let (word, colour) = match level {
            Level::Error => ("error: ", "\x1b[31m"),
            Level::Warn => ("warning: ", "\x1b[33m"),
            _ => ("", ""),
        };
        let module = if self.modules { format!("[{module}] ") } else { String::new() };
        let (begin, end) = if self.colours && !colour.is_empty() { (colour, "\x1b[0m") } else { ("", "") };
        format!("{begin}{hours:02}:{minutes:02}:{seconds:02} {module}{word}{text}{end}\n")
    }
}

/// The system's time zone, by POSIX's `date`: the standard library does not know it. Asked once; a change to summer time shows after
/// the next start.
fn ahead_of_utc() -> Option<i64> {
    let date = Command::new("date").arg("+%z").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    parse_offset(std::str::from_utf8(&date.stdout).ok()?.trim())
}

/// Seconds of `+0530`.
fn parse_offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

#[cfg(test)]
mod tests;
