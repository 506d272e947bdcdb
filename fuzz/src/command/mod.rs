//! What people do in the chat, and which events their clients receive.
//!
//! Each line of the input is one thing that happens: `+1name=Ana` (person 1 joins with this query), `<1` (comes back, as the
//! session allows), `!1hola` (sends a text), `-11006` (leaves with this code), `t20000` (milliseconds pass), `x1` (a server is
//! gone). Where people sign in: `=1Ana` (person 1 joins as Ana), `@1Ana` (comes back as Ana), `oAna` (Ana signs out), `fAna`
//! (that account no longer exists).

mod mailbox;
mod model;
mod received;

use std::time::Duration;

use websocket_classroom::chat::{Command, JoinRequest, Name, Parsed, ServerId};
use websocket_classroom::close_code::{self, CloseReason};
use websocket_classroom::tap::Privacy;

use super::privacy::{may_be_private, object};
use model::{Cause, Model, PEOPLE, SERVERS};

/// Lines that are read.
const LINES: usize = 120;

/// Bytes of an explanation, and of a `ref`.
const EXPLANATION: usize = 200;
const REFERENCE: usize = 64;

pub fn command(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    // Either all sign in or none.
    let accounts = input.starts_with(['=', '@']);
    let mut model = Model::new();
    for line in input.split('\n').take(LINES) {
        happens(&mut model, line, accounts);
    }
}

fn happens(model: &mut Model, line: &str, accounts: bool) {
    let mut characters = line.chars();
    let (Some(what), Some(who)) = (characters.next(), characters.next()) else { return };
    let (person, rest) = (who as usize % PEOPLE, characters.as_str());
    model.longest = model.longest.max(line.len());
    match (what, accounts) {
        ('+', false) => model.join(person, JoinRequest::parse(rest)),
        ('<', false) => model.join(person, JoinRequest::parse(&(model.session(person) + rest))),
        ('=' | '@', true) => {
            let Ok(account) = Name::parse(rest) else { return };
            let query = if what == '@' { model.session(person) } else { String::new() };
            model.join(person, JoinRequest { account: Some(account), ..JoinRequest::parse(&query) });
        }
        ('o' | 'f', true) => {
            if let Ok(account) = Name::parse(&line[1..]) {
                model.end_account(&account, what == 'f');
            }
        }
        ('-', _) => {
            let code = rest.parse().unwrap_or(close_code::GOING_AWAY);
            model.leave(person, &CloseReason::composed(code, rest.to_owned()));
        }
        ('t', _) => {
            let milliseconds = line[1..].parse::<u32>().unwrap_or(1000);
            model.wait(Duration::from_millis(milliseconds.into()));
        }
        ('x', _) => model.lose_server(ServerId(person as u64 % SERVERS)),
        _ => {
            let (parsed, privacy) = Command::parse(rest);
            check_parsed(rest, &parsed);
            check_privacy(rest, &parsed, privacy);
            model.say(person, parsed, privacy);
        }
    }
    model.check(&Cause::Other);
}

/// What was understood is what was written.
fn check_parsed(text: &str, parsed: &Parsed) {
    let fits = |reference: &Option<String>| reference.as_ref().is_none_or(|it| it.len() <= REFERENCE);
    let is_object = object(text).is_some();
    match parsed {
        Parsed::Command(Command::Say { text: json, to, reference }) => {
            assert!(json.get().len() <= 2 * text.len() + 2, "{json:?} has grown");
            let said: String = serde_json::from_str(json.get()).expect("a JSON string");
            assert!(!said.trim().is_empty() && fits(reference));
            if !is_object {
                assert_eq!(said, text.trim_end_matches(['\r', '\n']));
                assert!(to.is_none() && reference.is_none());
            }
        }
        Parsed::Command(Command::Members(page)) => assert!(is_object && fits(&page.reference)),
        Parsed::Command(Command::Rename { .. } | Command::Typing) => assert!(is_object),
        Parsed::Heartbeat { reference, .. } => assert!(is_object && fits(reference)),
        Parsed::Unknown(fields) => assert!(is_object && fits(&fields.reference)),
        Parsed::Refused(refusal) => {
            assert!(refusal.text.len() <= EXPLANATION && fits(&refusal.reference));
        }
    }
}

/// What may be meant for one member alone is marked as private. What was understood, and is not, is public.
fn check_privacy(text: &str, parsed: &Parsed, privacy: Privacy) {
    let is_refused = matches!(parsed, Parsed::Refused(_));
    let (is_private, may_be) = (privacy == Privacy::Private, may_be_private(text));
    assert!(is_private || !may_be, "{text:?} may be private, but is marked as {privacy:?}");
    assert!(may_be || !is_private || is_refused, "{text:?} is public, but is marked as {privacy:?}");
}
