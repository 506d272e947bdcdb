//! Reads one line of standard input: a password, where nobody types it in a terminal.
//!
//! Called by `enrolment` on the command line's main thread.

use std::io::{self, BufRead};

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
