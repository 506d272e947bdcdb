//! The list of users, as the file of `--users` has it: one `name:hash` per line, or `name:hash:teacher`.
//!
//! Turns text into accounts and back, on any thread. Must never touch a file. Empty lines and lines that begin with `#` are
//! comments: a changed list keeps them.

use std::collections::HashMap;
use std::fmt;

use super::password::Hashed;
use crate::chat::{Name, NameKey};

/// The most accounts that a list may have.
pub const MAX_ACCOUNTS: usize = 10_000;

/// The longest list in bytes: room for as many of the longest lines.
pub const MAX_LIST: usize = 4 << 20;

/// At the end of a line: this user is a teacher.
const MARK: &str = ":teacher";

/// A user who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: Name,
    pub hashed: Hashed,
    /// It has the mark of a teacher.
    pub is_teacher: bool,
}

/// All accounts, in the order of the file.
#[derive(Debug, Default)]
pub struct AccountList {
    accounts: Vec<Account>,
    positions: HashMap<NameKey, usize>,
}

/// The first line that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for WrongLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

/// Parses an account's name: a name for the chat, but without a colon. The colon ends the name in the file and in
/// `Authorization: Basic` (RFC 7617, section 2).
///
/// # Errors
/// What is wrong with it.
pub fn account_name(text: &str) -> Result<Name, &'static str> {
    let name = Name::parse(text).map_err(|bad| bad.explanation())?;
    if name.as_str().contains(':') || name.as_str().starts_with('#') {
        return Err("an account's name has no colon and does not begin with #");
    }
    Ok(name)
}

/// A line of the file that is an account; `None` for a comment.
fn account_line(line: &str) -> Option<Result<Account, &'static str>> {
    let line = line.trim();
    if is_comment(line) {
        return None;
    }
    let unmarked = line.strip_suffix(MARK);
    let (line, is_teacher) = (unmarked.unwrap_or(line).trim_end(), unmarked.is_some());
    // The last colon: a hash has none.
    let Some((name, hash)) = line.rsplit_once(':') else {
        return Some(Err("it is not like name:$argon2id$…"));
    };
    let account = account_name(name).and_then(|name| {
        let hashed = Hashed::parse(hash.trim())?;
        Ok(Account { name, hashed, is_teacher })
    });
    Some(account)
}

/// The line is empty or a comment.
pub fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// The lines of a text, without the byte order mark that some editors write first.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_prefix('\u{feff}').unwrap_or(text).lines()
}

impl AccountList {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The first wrong line. Then no part of the list may be used.
    pub fn parse(text: &str) -> Result<AccountList, WrongLine> {
        let mut list = AccountList::default();
        let mut line_of: HashMap<NameKey, usize> = HashMap::new();
        for (line, text) in (1..).zip(lines(text)) {
            let wrong = |reason: String| WrongLine { line, reason };
            let Some(account) = account_line(text) else { continue };
            let account = account.map_err(|reason| wrong(reason.to_owned()))?;
            let key = account.name.key();
            if let Some(first) = line_of.insert(key.clone(), line) {
                return Err(wrong(format!("the name is that of line {first}, or looks like it")));
            }
            if list.len() == MAX_ACCOUNTS {
                return Err(wrong(format!("there can be {MAX_ACCOUNTS} accounts, not more")));
            }
            list.positions.insert(key, list.len());
            list.accounts.push(account);
        }
        Ok(list)
    }

    pub fn get(&self, key: &NameKey) -> Option<&Account> {
        self.accounts.get(*self.positions.get(key)?)
    }

    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// An account that depends only on this number; `None` if the list is empty.
    pub fn pick(&self, number: u64) -> Option<&Account> {
        let position = number.checked_rem(self.accounts.len() as u64)?;
        self.accounts.get(position as usize)
    }

    pub fn keys(&self) -> impl Iterator<Item = &NameKey> {
        self.positions.keys()
    }
}

/// The text with these accounts. Each replaces the line with its name, or is added at the end. All other lines stay.
pub fn with_accounts(text: &str, accounts: &[Account]) -> String {
    let mut missing: HashMap<NameKey, &Account> =
        accounts.iter().map(|account| (account.name.key(), account)).collect();
    let as_line = |account: &Account, is_teacher: bool| {
        let mark = if is_teacher || account.is_teacher { MARK } else { "" };
        format!("{}:{}{mark}\n", account.name, account.hashed)
    };
    let mut changed = String::with_capacity(text.len() + 128 * accounts.len());
    for line in text.split_inclusive('\n') {
        let old = match account_line(line.trim_start_matches('\u{feff}')) {
            Some(Ok(account)) => Some(account),
            _ => None,
        };
        let new = old.as_ref().and_then(|old| missing.remove(&old.name.key()));
        match new {
            // Another password does not change the mark.
            Some(account) => changed += &as_line(account, old.is_some_and(|old| old.is_teacher)),
            None => changed += line,
        }
    }
    if !changed.is_empty() && !changed.ends_with('\n') {
        changed.push('\n');
    }
    for account in accounts {
        if missing.remove(&account.name.key()).is_some() {
            changed += &as_line(account, false);
        }
    }
    changed
}

#[cfg(test)]
mod tests;
