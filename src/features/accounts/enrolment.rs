//! Adds users to the list: `--add-user` for one, `--add-users` for a class.
//!
//! `main` calls it instead of starting a server, on the main thread. Must never print a password.

use std::collections::HashSet;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use super::list::{Account, MAX_ACCOUNTS, account_name, is_comment, lines, with_accounts};
use super::password::{Hashed, MAX_PASSWORD, Password, Workspace};
use super::rewrite::rewrite;
use crate::chat::Name;
use crate::config::Enrolment;
use crate::system::Terminal;

/// Longest class list in bytes.
const MAX_CLASS_LIST: u64 = 4 << 20;

/// What the first line of a spreadsheet calls its two columns, in English and Spanish. Of the first column its first word counts:
/// `Nombre y apellidos`.
const NAME_HEADINGS: [&str; 20] = [
    "name",
    "names",
    "user",
    "users",
    "username",
    "user_name",
    "login",
    "account",
    "student",
    "students",
    "full",
    "nombre",
    "nombres",
    "usuario",
    "usuaria",
    "usuario/a",
    "alumno",
    "alumna",
    "alumno/a",
    "estudiante",
];
const PASSWORD_HEADINGS: [&str; 9] =
    ["password", "passwords", "pass", "passwd", "pwd", "contraseña", "contraseñas", "contrasena", "clave"];

/// Adds the users that the command line names. Returns the text to print.
///
/// # Errors
/// In one line. Then the file is unchanged.
pub fn enrol(enrolment: &Enrolment, path: &Path) -> Result<String, String> {
    match enrolment {
        Enrolment::One(name) => add_user(name, path),
        Enrolment::Class => add_users(path),
    }
}

/// Adds one user, or changes the user's password. Asks for the password: in a terminal twice, against typing errors.
fn add_user(name: &str, path: &Path) -> Result<String, String> {
    let name = account_name(name).map_err(|wrong| format!("--add-user {name:?}: {wrong}"))?;
    let typed = if io::stdin().is_terminal() {
        ask_twice(&name)?
    } else {
        read_line(&mut io::stdin().lock())
            .map_err(|error| format!("no password on standard input: {error}"))?
    };
    let password = Password::parse(&typed).map_err(str::to_owned)?;
    if password.is_short() {
        warn_short(&format!("the password of {name}"));
    }
    add_accounts(path, vec![(name, password)])
}

fn ask_twice(name: &Name) -> Result<String, String> {
    let failed = |error: io::Error| {
        format!("no password from this terminal ({error}); it can also come on standard input")
    };
    let terminal = Terminal::open().map_err(failed)?;
    let typed = terminal
        .ask_without_echo(&format!("Password for {name}: "), |input| read_line(input))
        .map_err(failed)?;
    if terminal.ask_without_echo("The same again: ", |input| read_line(input)).map_err(failed)? != typed {
        return Err("the two passwords differ; nothing was changed".to_owned());
    }
    Ok(typed)
}

/// Adds all users of a class list on standard input, or none.
fn add_users(path: &Path) -> Result<String, String> {
    let input = io::stdin();
    if input.is_terminal() {
        let _ = writeln!(io::stderr(), "one user per line, like name,password; Ctrl-D ends the list");
    }
    let mut bytes = Vec::new();
    let read = input.lock().take(MAX_CLASS_LIST + 1).read_to_end(&mut bytes);
    let length = read.map_err(|error| format!("standard input: {error}"))?;
    if length as u64 > MAX_CLASS_LIST {
        return Err(format!("standard input: more than {MAX_CLASS_LIST} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "standard input: not UTF-8".to_owned())?;
    let users = class_list(&text)?;
    let short = users.iter().filter(|(_, password)| password.is_short()).count();
    if short > 0 {
        warn_short(&format!("{short} of the {} passwords", users.len()));
    }
    add_accounts(path, users)
}

/// The line is the titles of the columns, not a user.
fn is_heading(name: &str, password: &str) -> bool {
    let (name, password) = (name.to_lowercase(), password.to_lowercase());
    let first_word = name.split_whitespace().next().unwrap_or_default();
    NAME_HEADINGS.contains(&first_word) && PASSWORD_HEADINGS.contains(&password.as_str())
}

/// Reads lines like `name,password`. A password with a comma could not be told from a third column, so it is refused.
fn class_list(text: &str) -> Result<Vec<(Name, Password)>, String> {
    let mut users: Vec<(Name, Password)> = Vec::new();
    let mut known = HashSet::new();
    let mut heading = None;
    let no_comments = (1..).zip(lines(text)).filter(|(_, line)| !is_comment(line.trim()));
    for (place, (number, line)) in no_comments.enumerate() {
        let wrong = |reason: &str| format!("standard input, line {number}: {reason}");
        let is_like = "it is not like name,password";
        let (name, password) = line.split_once(',').ok_or_else(|| wrong(is_like))?;
        let (name, password) = (name.trim(), password.trim());
        if name.starts_with('"') || password.starts_with('"') {
            return Err(wrong("quotation marks would be a part of it: leave them out"));
        }
        if name.contains([';', '\t']) {
            return Err(wrong(is_like));
        }
        if password.contains(',') {
            return Err(wrong("it has more than two columns (a password with a comma takes --add-user)"));
        }
        if place == 0 && is_heading(name, password) {
            heading = Some(number);
            continue;
        }
        let name = account_name(name).map_err(wrong)?;
        let password = Password::parse(password).map_err(wrong)?;
        if !known.insert(name.key()) {
            return Err(wrong("the name was there before, or one that looks like it"));
        }
        if users.len() == MAX_ACCOUNTS {
            return Err(wrong("too many users"));
        }
        users.push((name, password));
    }
    if users.is_empty() {
        return Err("standard input: the list is empty; a line is like name,password".to_owned());
    }
    if let Some(number) = heading {
        let _ = writeln!(io::stderr(), "websocket-classroom: line {number} is the heading, not a user");
    }
    Ok(users)
}

fn add_accounts(path: &Path, users: Vec<(Name, Password)>) -> Result<String, String> {
    let mut workspace = Workspace::default();
    let account = |(name, password): (Name, Password)| {
        let hashed = Hashed::new(&password, &mut workspace)
            .map_err(|_| "the password cannot be hashed: no memory or no randomness".to_owned())?;
        Ok(Account { name, hashed, is_teacher: false })
    };
    // Hashing is slow: done before the file is locked.
    let accounts = users.into_iter().map(account).collect::<Result<Vec<_>, String>>()?;
    let list = rewrite(path, |text| with_accounts(text, &accounts))?;
    let who = match &accounts[..] {
        [one] => format!("{} may", one.name),
        several => format!("{} people may", several.len()),
    };
    Ok(format!("{who} sign in now; {} on the list {}\n", list.len(), path.display()))
}

fn warn_short(what: &str) {
    let _ = writeln!(
        io::stderr(),
        "websocket-classroom: {what}: shorter than {} characters, so easily guessed",
        super::password::SHORT_PASSWORD
    );
}

/// Reads one line, without its end. Twice as long as a password may be: longer input is refused, but memory is bounded.
///
/// # Errors
/// If there is none, or it is not UTF-8.
fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    let longest = 2 * MAX_PASSWORD as u64;
    if io::Read::take(input, longest).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

#[cfg(test)]
mod tests;
