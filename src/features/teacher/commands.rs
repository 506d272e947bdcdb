//! The commands of teachers, and of raised hands. Parsed on the connection's thread; each becomes an input of the chat, which does it or
//! refuses it, on the broadcaster's thread.
//!
//! Must never log the key, or who tried which.

use std::time::Duration;

use log::info;

use crate::broadcaster::Control;
use crate::chat::{Action, ConnectionId, EXPELLED_MINUTES, ErrorCode, Fields, Input, Refusal};
use crate::client_id::ClientId;
use crate::joints::{ExtraAction, ExtraCommand};
use crate::token::is_same_secret;

/// How long a member is kept out if the teacher does not say.
const MINUTES: u32 = 10;

/// What a command asks for; an error is a sentence, and the key by which a page finds its words.
type Parse = fn(&Fields) -> Result<Action, (&'static str, &'static str)>;

/// All but `teach`, which needs the key.
const COMMANDS: &[(&str, Parse)] = &[
    ("remove", |fields| {
        let message = fields.message.ok_or(("remove needs the id of a message", "no_message_id"))?;
        Ok(Action::Remove { message })
    }),
    ("clear", |_| Ok(Action::Clear)),
    ("mute", |fields| Ok(Action::Mute { name: name(fields)?, on: on(fields)? })),
    ("listen", |fields| Ok(Action::Listen { on: on(fields)? })),
    ("lock", |fields| Ok(Action::Lock { on: on(fields)? })),
    ("expel", |fields| {
        let minutes = fields.minutes.unwrap_or(MINUTES);
        if !EXPELLED_MINUTES.contains(&minutes) {
            return Err(("minutes are 1 to 240", "wrong_minutes"));
        }
        Ok(Action::Expel { name: name(fields)?, minutes, with_address: fields.address.unwrap_or(false) })
    }),
    ("readmit", |fields| Ok(Action::Readmit { name: name(fields)? })),
    ("hand", |fields| Ok(Action::Hand { name: fields.name.clone(), on: on(fields)? })),
];

pub fn all(key: String) -> Vec<ExtraCommand> {
    let others = COMMANDS.iter().map(|(kind, parse)| ExtraCommand {
        kind,
        parse: Box::new(move |client, fields| {
            let action = parse(fields).map_err(|(text, why)| Refusal {
                reference: fields.reference.clone(),
                ..Refusal::new(ErrorCode::BadMessage, text).because(why, None)
            })?;
            Ok(submit(client, action, fields.reference.clone()))
        }),
    });
    others.chain([teach(key)]).collect()
}

/// Shows the key.
fn teach(key: String) -> ExtraCommand {
    let parse = move |client, fields: &Fields| {
        let shown = fields.key.as_deref().unwrap_or_default();
        if is_same_secret(key.as_bytes(), shown.as_bytes()) {
            return Ok(submit(client, Action::Teach, fields.reference.clone()));
        }
        let refusal = Refusal::new(ErrorCode::NotAllowed, "this is not the teacher's key");
        let reference = fields.reference.clone();
        Err(Refusal { reference, ..refusal.because("wrong_key", None) })
    };
    ExtraCommand { kind: "teach", parse: Box::new(parse) }
}

fn submit(client: ClientId, action: Action, reference: Option<String>) -> ExtraAction {
    let job = Box::new(move |control: &mut dyn Control| {
        if !control.is_open(client) {
            return;
        }
        let connection = ConnectionId { server: control.server(), client };
        if let Some(what) = described(&action) {
            let name = control.chat().name_of(connection).unwrap_or_default().to_owned();
            info!("{client}: {name:?} asks as a teacher: {what}");
        }
        let unavailable = Refusal::unavailable(reference.clone());
        if control.submit(Input::Moderated { connection, action, reference }).is_err() {
            control.refuse(client, &unavailable);
        }
    });
    ExtraAction { job, pause: Duration::ZERO, pause_at_close: None }
}

/// For the log; `None` for a member's own hand.
fn described(action: &Action) -> Option<String> {
    let on_off = |on: &bool| if *on { "on" } else { "off" };
    Some(match action {
        Action::Teach => "to be one, with the key".to_owned(),
        Action::Remove { message } => format!("take back message {message}"),
        Action::Clear => "take back all messages".to_owned(),
        Action::Mute { name, on } => format!("mute {name:?}: {}", on_off(on)),
        Action::Listen { on } => format!("only teachers may write: {}", on_off(on)),
        Action::Lock { on } => format!("no newcomers: {}", on_off(on)),
        Action::Expel { name, minutes, with_address } => {
            let address = if *with_address { ", with the address" } else { "" };
            format!("close the connections of {name:?}, for {minutes} min{address}")
        }
        Action::Readmit { name } => format!("admit {name:?} again"),
        Action::Hand { name: Some(name), .. } => format!("take down the hand of {name:?}"),
        Action::Hand { name: None, .. } => return None,
    })
}

fn name(fields: &Fields) -> Result<String, (&'static str, &'static str)> {
    fields.name.clone().ok_or(("this command needs a name", "no_name"))
}

fn on(fields: &Fields) -> Result<bool, (&'static str, &'static str)> {
    fields.on.ok_or(("this command needs on: true or false", "no_on"))
}
