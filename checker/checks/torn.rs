//! Frames that are torn apart, since two threads write to one socket at once. It shows when the socket's buffer is full: so one
//! reads slowly, while two say long texts.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::checks::conversation::{others_hear, pong, ready, ready_one};
use crate::client::{Client, End};
use crate::frame::{CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};
use crate::target::{ANSWER, Target};
use crate::text::{Text, text};
use crate::verdict::{Failure, Outcome};

/// What each of the two says: together more than a kernel keeps for a socket.
const EACH: usize = 40;
const LENGTH: usize = 60_000;

/// How often it tries to begin.
const ATTEMPTS: usize = 4;

/// A race may miss once.
const PASSES: usize = 2;

/// What the slow reader's kernel keeps for it.
pub const RECEIVE_BUFFER: usize = 16 * 1024;

/// How long the slow reader reads nothing at first, until the server's buffer for it is full.
const PAUSE: Duration = Duration::from_millis(400);
/// When this long nothing comes, nothing is on its way any more.
const SILENCE: Duration = Duration::from_millis(200);
/// Longer than this it does not wait for the rest.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two pings.
const PING_PAUSE: Duration = Duration::from_millis(1);
const PING_BYTES: usize = 100;

/// The close code of a server with a limit for how fast a client may speak.
const POLICY: u16 = 1008;

pub fn frames(target: &Target) -> Outcome {
    (0..PASSES).try_for_each(|_| run(target, false))
}

pub fn pongs(target: &Target) -> Outcome {
    (0..PASSES).try_for_each(|_| run(target, true))
}

fn run(target: &Target, with_pings: bool) -> Outcome {
    others_hear(target)?;
    let (mut slow, speakers) = begin(target, with_pings)?;
    let first_words = target.fresh("long");
    let said: Vec<Vec<String>> = (0..2).map(|speaker| texts(target, &first_words, speaker)).collect();
    let over = AtomicBool::new(false);
    let (read, cut_off) = thread::scope(|scope| {
        for (speaker, texts) in speakers.iter().zip(&said) {
            let mut drain = speaker.twin();
            scope.spawn(move || while drain.frame(target.within(PATIENCE)).is_ok() {});
            // A server that reads slowly, or that cuts the speaker off, shows in what the slow reader gets.
            scope.spawn(move || texts.iter().try_for_each(|text| speaker.say(target, text)));
        }
        let pinger = slow.twin();
        let over = &over;
        scope.spawn(move || {
            while with_pings && !over.load(Ordering::Relaxed) {
                if pinger.send(target, Frame::new(PING, &[b'p'; PING_BYTES])).is_err() {
                    return;
                }
                thread::sleep(PING_PAUSE);
            }
        });
        thread::sleep(PAUSE);
        let read = read(target, &mut slow, &said);
        over.store(true, Ordering::Relaxed);
        let cut_off =
            speakers.iter().any(|speaker| speaker.stream().take_error().is_ok_and(|error| error.is_some()));
        speakers.iter().for_each(Client::end);
        slow.end();
        (read, cut_off)
    });
    wait_for_silence(target);
    match read {
        Read::All | Read::CutOff => Ok(()),
        Read::Torn(what) => Err(Failure::DoesNot(what)),
        Read::Limited => Err(limited()),
        Read::Missing(_) if cut_off => Err(limited()),
        Read::Missing(count) => Err(Failure::Unknown(text!(
            "no frame was torn, but {count} messages did not come; is there a limit for how fast one client may speak, or are messages left out for one that reads slowly?",
            "ninguna trama llegó rota, pero faltan {count} mensajes; ¿hay un límite de velocidad por cliente, o se descartan mensajes para quien lee despacio?"
        ))),
    }
}

/// A slow reader, and two that speak. A server that tears frames may still be sending what was said before: then once more.
fn begin(target: &Target, with_pings: bool) -> Result<(Client, Vec<Client>), Failure> {
    let mut attempts = ATTEMPTS;
    loop {
        let mut slow = ready_one(target, Some(RECEIVE_BUFFER))?;
        let speakers = ready(target, 2)?;
        match answers(target, &mut slow, &speakers[0], with_pings) {
            Ok(()) => return Ok((slow, speakers)),
            Err(failure) if attempts == 1 => return Err(failure),
            Err(_) => attempts -= 1,
        }
        drop((slow, speakers));
        wait_for_silence(target);
    }
}

/// What those have said who are gone may still be on its way, and would disturb the next check.
fn wait_for_silence(target: &Target) {
    let deadline = target.within(ANSWER);
    while Instant::now() < deadline {
        let Ok(mut client) = ready_one(target, None) else { return };
        loop {
            match client.message(target, target.within(SILENCE)) {
                Ok(_) if Instant::now() < deadline => {}
                Ok(_) | Err(End::Timeout) => return,
                // Torn frames reach this client, too: the next one may see the silence.
                Err(_) => break,
            }
        }
    }
}

/// Before the load: a text comes, and a pong. Else there would be nothing to look at.
fn answers(target: &Target, slow: &mut Client, speaker: &Client, with_pings: bool) -> Outcome {
    if with_pings && pong(target, slow, b"before the load").is_err() {
        return Err(Failure::Unknown(text!(
            "a ping before the load was not answered (alone: see ping)",
            "un ping antes de la carga no tuvo respuesta (a solas: mira ping)"
        )));
    }
    let said = target.fresh("before the load");
    speaker.say(target, &said)?;
    slow.hear(target, &said, target.within(ANSWER))
        .map_err(|end| Failure::Unknown(text!("a text did not come:", "no llegó un texto:").and(&end.text())))
}

fn limited() -> Failure {
    Failure::Unknown(text!(
        "the server cut off those who spoke fast: start it without a limit for that",
        "el servidor cortó la conexión de quienes enviaban deprisa: arráncalo sin límite de velocidad"
    ))
}

fn texts(target: &Target, begin: &str, speaker: usize) -> Vec<String> {
    let letter = ["a", "b"][speaker];
    let text = |number| {
        let begin = format!("{begin} {letter} {number} ");
        let filler = LENGTH - target.wrapped(&begin).len().min(LENGTH);
        format!("{begin}{}", letter.repeat(filler))
    };
    (0..EACH).map(text).collect()
}

enum Read {
    All,
    /// The server would not wait for the slow reader.
    CutOff,
    /// It did not want that number of pings.
    Limited,
    Torn(Text),
    Missing(usize),
}

fn read(target: &Target, slow: &mut Client, said: &[Vec<String>]) -> Read {
    let deadline: Instant = target.within(PATIENCE);
    let mut missing: BTreeSet<&String> = said.iter().flatten().collect();
    let mut joined = Vec::new();
    while !missing.is_empty() {
        let frame = match slow.frame(deadline) {
            Ok(frame) => frame,
            Err(End::Broken(what)) => {
                let torn =
                    text!("bytes of two frames are mixed:", "los bytes de dos tramas están mezclados:");
                return Read::Torn(torn.and(&what));
            }
            Err(End::Cut(_)) => return Read::CutOff,
            Err(_) => return Read::Missing(missing.len()),
        };
        match frame.opcode {
            CLOSE if frame.close_code() == POLICY => return Read::Limited,
            CLOSE => return Read::CutOff,
            PONG if frame.payload.iter().any(|byte| *byte != b'p') => {
                let what = text!("a pong holds bytes of a text", "un pong contiene bytes de un texto");
                return torn(slow, &frame.payload, what);
            }
            TEXT | CONTINUATION => {
                joined.extend(frame.payload);
                if !frame.fin {
                    continue;
                }
                let holds_others = || {
                    text!(
                        "a text holds bytes of another frame (or a read that brought fewer bytes than asked for was taken for all: see long)",
                        "un texto contiene bytes de otra trama (o se tomó por completa una lectura que trajo menos bytes de los pedidos: mira long)"
                    )
                };
                let message = match String::from_utf8(std::mem::take(&mut joined)) {
                    Ok(message) => message,
                    Err(error) => return torn(slow, error.as_bytes(), holds_others()),
                };
                let found = missing.iter().find(|text| target.is(&message, text)).copied();
                match found {
                    Some(text) => drop(missing.remove(text)),
                    None if message.contains(&target.token) && message.len() >= LENGTH / 2 => {
                        return torn(slow, message.as_bytes(), holds_others());
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }
    Read::All
}

/// The recording shows the bytes that do not belong there: often the header of the other frame.
fn torn(slow: &Client, bytes: &[u8], what: Text) -> Read {
    slow.record_broken("server", foreign(bytes), &what.en);
    Read::Torn(what)
}

/// What follows a long run of one letter.
fn foreign(bytes: &[u8]) -> &[u8] {
    const RUN: usize = 16;
    let begin = bytes.windows(RUN).position(|run| run.iter().all(|byte| *byte == run[0])).unwrap_or(0);
    let length = bytes[begin..].iter().take_while(|byte| **byte == bytes[begin]).count();
    &bytes[begin + length..]
}
