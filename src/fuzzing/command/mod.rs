//! What people say and do in the chat, and what everybody hears of it.
//!
//! Each line of the input is one thing that happens: `+1name=Ana` (place 1 comes in with this query), `<1` (it comes back, as
//! its session allows), `!1hola` (it says a text), `-11006` (it leaves with this code), `t20000` (milliseconds pass), `x1` (a
//! server is gone). Where people sign in: `=1Ana` (place 1 comes in as Ana), `@1Ana` (comes back as Ana), `fAna` (that
//! account is no more).

mod hearing;
mod mailboxes;
mod world;

use std::time::Duration;

use crate::chat::{Command, Entrance, Name, Refusal, ServerId};
use crate::close::{self, CloseReason};
use world::{Happened, PLACES, SERVERS, World};

/// Lines that are read.
const LINES: usize = 120;

/// Bytes of an explanation.
const EXPLANATION: usize = 200;

pub fn command(input: &[u8]) {
    let input = String::from_utf8_lossy(input);
    // Either everybody signs in or nobody does.
    let accounts = input.starts_with(['=', '@']);
    let mut world = World::new();
    for line in input.split('\n').take(LINES) {
        happens(&mut world, line, accounts);
    }
}

fn happens(world: &mut World, line: &str, accounts: bool) {
    let mut characters = line.chars();
    let (Some(what), Some(who)) = (characters.next(), characters.next()) else { return };
    let (place, rest) = (who as usize % PLACES, characters.as_str());
    let name = || Name::parse(rest).ok();
    world.longest = world.longest.max(line.len());
    match (what, accounts) {
        ('+', false) => world.enter(place, Entrance::parse(rest, None)),
        ('<', false) => world.enter(place, Entrance::parse(&(world.back(place) + rest), None)),
        ('=' | '@', true) => {
            let Some(account) = name() else { return };
            let query = if what == '@' { world.back(place) } else { String::new() };
            let entrance = Entrance { account: Some(account), ..Entrance::parse(&query, None) };
            world.enter(place, entrance);
        }
        ('f', true) => {
            if let Ok(name) = Name::parse(&line[1..]) {
                world.forget_account(&name);
            }
        }
        ('-', _) => {
            let code = rest.parse().unwrap_or(close::GOING_AWAY);
            world.leave(place, &CloseReason::composed(code, rest.to_owned()));
        }
        ('t', _) => {
            let milliseconds = line[1..].parse::<u32>().unwrap_or(1000);
            world.wait(Duration::from_millis(milliseconds.into()));
        }
        ('x', _) => world.lose_server(ServerId(place as u64 % SERVERS)),
        _ => {
            let said = Command::parse(rest);
            check_command(rest, &said);
            world.say(place, said);
        }
    }
    world.check(&Happened::Nothing);
}

/// What was understood is what was written.
fn check_command(text: &str, said: &Result<Command, Refusal>) {
    let fits = |reference: &Option<String>| reference.as_ref().is_none_or(|it| it.len() <= 64);
    match said {
        Ok(Command::Say { text: json, to, reference }) => {
            assert!(json.get().len() <= 2 * text.len() + 2, "{json:?} has grown");
            let said: String = serde_json::from_str(json.get()).expect("a JSON string");
            assert!(!said.trim().is_empty() && fits(reference));
            if !text.starts_with('{') {
                assert_eq!(said, text.trim_end_matches(['\r', '\n']));
                assert!(to.is_none() && reference.is_none());
            }
        }
        Ok(Command::Rename { .. } | Command::Typing | Command::Show(_)) => {
            assert!(text.starts_with('{'));
        }
        Err(refusal) => {
            assert!(refusal.text.len() <= EXPLANATION && fits(&refusal.reference));
        }
    }
}
