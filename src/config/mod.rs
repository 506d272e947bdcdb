//! The command line: which flags there are, and the [`Options`] that they set.
//!
//! Called by `main` before any thread exists. Every flag stands once, in the table of `flags`.

mod flags;
mod host_name;
mod options;
mod punycode;

pub use flags::{FLAGS, Flag};
pub use options::{Address, Enrolment, Options, WrongFlag};

use std::ffi::OsString;
use std::path::PathBuf;

use crate::token::short_secret;
use flags::Kind;

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    Serve(Box<Options>),
    Enrol(Enrolment, PathBuf),
    Help,
    Version,
}

/// Reads the command line without the program's name.
///
/// # Errors
/// The first wrong flag or value, in one line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, WrongFlag> {
    let mut options = Box::<Options>::default();
    for flag in FLAGS.iter().filter(|flag| !flag.default.is_empty()) {
        flag.set(&mut options, flag.default)?;
    }
    let mut parser = lexopt::Parser::from_args(arguments);
    loop {
        let name = match parser.next() {
            Ok(None) => break,
            Ok(Some(lexopt::Arg::Long("help") | lexopt::Arg::Short('h'))) => {
                return Ok(Request::Help);
            }
            Ok(Some(lexopt::Arg::Long("version") | lexopt::Arg::Short('V'))) => {
                return Ok(Request::Version);
            }
            Ok(Some(lexopt::Arg::Long(name))) => name.to_owned(),
            Ok(Some(other)) => return Err(WrongFlag(other.unexpected().to_string())),
            Err(error) => return Err(WrongFlag(error.to_string())),
        };
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            return Err(WrongFlag(format!("there is no flag --{name}")));
        };
        if let Some(feature) = flag.feature.filter(|_| !flag.is_offered()) {
            let text = format!("--{name} needs a build with the feature {feature}");
            return Err(WrongFlag(text));
        }
        if let Kind::Switch { .. } = flag.kind {
            flag.set(&mut options, "")?;
            continue;
        }
        let value =
            parser.value().map_err(|_| WrongFlag(format!("--{name} needs a value: {}", flag.bound())))?;
        let value = value.to_str().ok_or_else(|| WrongFlag(format!("--{name}: the value is not UTF-8")))?;
        flag.set(&mut options, value)?;
    }
    match (options.enrolment.take(), options.users.take()) {
        (None, users) => {
            let teacher_key = options.teacher_key.take().or_else(short_secret);
            Ok(Request::Serve(Box::new(Options { users, teacher_key, ..*options })))
        }
        (Some(enrolment), Some(users)) => Ok(Request::Enrol(enrolment, users)),
        (Some(_), None) => {
            Err(WrongFlag("adding people needs the file of their list: --users FILE".to_owned()))
        }
    }
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = concat!(
        "websocket-classroom ",
        env!("CARGO_PKG_VERSION"),
        ": a chat server that a class can see\n\n",
        "usage: websocket-classroom [--flag value]...\n\n"
    )
    .to_owned();
    for flag in FLAGS.iter().filter(|flag| flag.is_offered()) {
        let default = if flag.default.is_empty() { "none" } else { flag.default };
        text +=
            &format!("  {}\n      {}\n      default {default}; {}\n", flag.usage(), flag.help, flag.bound());
    }
    text + "  --help\n  --version\n"
}

#[cfg(test)]
mod tests;
