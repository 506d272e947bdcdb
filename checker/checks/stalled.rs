//! Clients that stop reading, and clients that come and go: what the others and the server's memory notice of it.

use std::fs;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::checks::conversation::{Pair, others_hear, ready_one};
use crate::checks::torn::RECEIVE_BUFFER;
use crate::client::{Client, End};
use crate::target::Target;
use crate::text::text;
use crate::verdict::{Failure, Outcome};

/// More in all than the kernel keeps for a client that does not read.
const LENGTH: usize = 60_000;
const MESSAGES: usize = 100;
/// A message must be heard in this time.
const SECOND: Duration = Duration::from_secs(1);

/// What the memory may grow by while `MEMORY_MESSAGES` wait for one client.
const MEMORY_MESSAGES: usize = 900;
const MEMORY: u64 = 24 << 20;

/// Says this number of long messages, each when the one before was heard. Returns how many were.
fn speak(target: &Target, messages: usize) -> Result<usize, Failure> {
    let (mut listener, speaker) = (ready_one(target, None)?, ready_one(target, None)?);
    thread::scope(|scope| {
        let mut drain = speaker.twin();
        scope.spawn(move || while drain.frame(target.within(10 * SECOND)).is_ok() {});
        let heard = (0..messages).try_for_each(|number| {
            let begin = target.fresh("go on ");
            let filler = LENGTH - target.wrapped(&begin).len().min(LENGTH);
            let said = format!("{begin}{}", "x".repeat(filler));
            speaker.say(target, &said).map_err(|_| number)?;
            listener.hear(target, &said, target.within(SECOND)).map_err(|_| number)
        });
        speaker.end();
        listener.end();
        Ok(match heard {
            Ok(()) => messages,
            Err(number) => number,
        })
    })
}

/// A client that takes part, and from now on reads nothing.
fn stalled(target: &Target) -> Result<Client, Failure> {
    ready_one(target, Some(RECEIVE_BUFFER))
}

pub fn others_go_on(target: &Target) -> Outcome {
    others_hear(target)?;
    // First without it: a limit for how fast one may speak is no fault.
    let mut before = speak(target, MESSAGES)?;
    if before < MESSAGES {
        // Once more: messages of the check before this one may still have been on their way.
        before = speak(target, MESSAGES)?;
    }
    if before == 0 {
        return Err(Failure::DoesNot(text!(
            "the server sends nothing to anybody any more since a check before this one; does a thread wait for a client, or for a full queue, while others wait for it?",
            "el servidor ya no envía nada a nadie desde una comprobación anterior; ¿espera algún hilo a un cliente, o a una cola llena, mientras otros lo esperan a él?"
        )));
    }
    if before < MESSAGES {
        return Err(Failure::Unknown(text!(
            "only {before} of {MESSAGES} long messages were each heard within a second, though all read: is the server slow, or is there a limit for how fast one may speak?",
            "solo {before} de {MESSAGES} mensajes largos llegaron en menos de un segundo, aunque todos leían: ¿es lento el servidor o hay un límite de velocidad por cliente?"
        )));
    }
    let stalled = stalled(target)?;
    let heard = speak(target, MESSAGES)?;
    stalled.end();
    if heard == MESSAGES {
        return Ok(());
    }
    Err(Failure::DoesNot(text!(
        "one client read nothing; after {heard} messages of {LENGTH} bytes the others heard nothing for a second",
        "un cliente no leía; tras {heard} mensajes de {LENGTH} bytes los demás no recibieron nada durante un segundo"
    )))
}

/// What the process holds in memory.
fn resident(pid: Option<u32>) -> Result<u64, Failure> {
    let unknown =
        || text!("the memory of the process cannot be read", "no se puede leer la memoria del proceso");
    let status = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
    let line =
        status.as_deref().and_then(|status| status.lines().find_map(|line| line.strip_prefix("VmRSS:")));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| Failure::Unknown(unknown()))
}

pub fn memory(target: &Target) -> Outcome {
    others_hear(target)?;
    let stalled = stalled(target)?;
    let before = resident(target.pid)?;
    let heard = speak(target, MEMORY_MESSAGES)?;
    let grown = resident(target.pid)?.saturating_sub(before) >> 20;
    stalled.end();
    let said = (heard * LENGTH) >> 20;
    if grown > MEMORY >> 20 {
        return Err(Failure::DoesNot(text!(
            "one client read nothing while {said} MiB were said: the memory grew by {grown} MiB",
            "un cliente no leía mientras se enviaban {said} MiB: la memoria creció {grown} MiB"
        )));
    }
    if heard < MEMORY_MESSAGES {
        return Err(Failure::Unknown(text!(
            "after {said} MiB the others heard nothing more, too little to see it: does the client that does not read stop them (see stalled-reader)?",
            "tras {said} MiB los demás no recibieron nada más, demasiado poco para verlo: ¿los detiene el cliente que no lee (mira stalled-reader)?"
        )));
    }
    Ok(())
}

const COMINGS: usize = 50;

pub fn comings(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    for number in 0..COMINGS {
        let client = target.open().map_err(|failure| match failure {
            Failure::DoesNot(why) | Failure::Unknown(why) => {
                let before =
                    text!("number {number} could not come in:", "el cliente número {number} no pudo entrar:");
                Failure::DoesNot(before.and(&why))
            }
        })?;
        client.say(target, &target.fresh("here and gone"))?;
        match number % 3 {
            0 => drop(client.send(target, crate::frame::Frame::close(1000, ""))),
            1 => drop(client.stream().shutdown(Shutdown::Write)),
            _ => client.end(),
        }
    }
    pair.say_and_hear(target, &target.fresh("after all of them")).map_err(|failure| match failure {
        Failure::DoesNot(why) => Failure::DoesNot(
            text!(
                "after {COMINGS} had come and gone:",
                "después de que {COMINGS} clientes entraran y salieran:"
            )
            .and(&why),
        ),
        unknown @ Failure::Unknown(_) => unknown,
    })?;
    // The two have not been closed, either.
    match pair.speaker.closed(target, target.within(Duration::from_millis(100))) {
        Err(End::Timeout) => Ok(()),
        Err(end) => Err(Failure::DoesNot(end.text())),
        Ok(code) => Err(Failure::DoesNot(End::Close(code).text())),
    }
}
