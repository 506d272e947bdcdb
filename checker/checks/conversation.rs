//! The conversation: who hears what, in which order, and whether the bytes are the same.

use std::thread;
use std::time::Duration;

use crate::client::{Client, End};
use crate::frame::{CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};
use crate::target::{ANSWER, Hears, Target};
use crate::text::{Text, text};
use crate::verdict::{Failure, Outcome};

/// What a server needs at most from its 101 until the client is in its list. No event shows it from outside.
const SETTLED: Duration = Duration::from_millis(100);

/// One client speaks; does it hear itself, do the others? Found out once in a run.
pub fn hears(target: &Target) -> Result<Hears, Failure> {
    target.hears.get_or_init(|| find_out(target)).clone()
}

fn find_out(target: &Target) -> Result<Hears, Failure> {
    let (mut ana, mut luis) = (target.open()?, target.open()?);
    thread::sleep(SETTLED);
    let first = one_speaks(target, &mut ana, &mut luis)?;
    // Once more where one was not heard: on a busy machine it may not have been in the list yet.
    let first = if first.others { first } else { one_speaks(target, &mut ana, &mut luis)? };
    if !first.others {
        return Ok(first);
    }
    let second = one_speaks(target, &mut luis, &mut ana)?;
    Ok(Hears { sender: first.sender && second.sender, others: second.others })
}

fn one_speaks(target: &Target, speaker: &mut Client, other: &mut Client) -> Result<Hears, Failure> {
    let said = target.fresh("hello");
    speaker.say(target, &said)?;
    let heard = |listener: &mut Client| match listener.hear(target, &said, target.within(ANSWER / 2)) {
        Ok(()) => Ok(true),
        Err(End::Timeout) => Ok(false),
        Err(end) => Err(end.does_not(&text!("after a message:", "tras un mensaje:"))),
    };
    Ok(Hears { others: heard(other)?, sender: heard(speaker)? })
}

pub fn everybody_hears(target: &Target) -> Outcome {
    let (en, es) = match hears(target)? {
        Hears { sender: true, others: true } => return Ok(()),
        Hears { sender: true, others: false } => {
            ("a second client heard nothing", "a un segundo cliente no le llegó nada")
        }
        Hears { sender: false, others: true } => {
            ("the sender did not hear itself", "el mensaje no le llegó a quien lo envió")
        }
        Hears { sender: false, others: false } => (
            "nothing came back; look at your server's output: does it still send to a client that has gone, and stop there? If it wraps texts, see --send and --answer",
            "no volvió nada; mira lo que escribe tu servidor: ¿sigue enviando a un cliente que ya se ha ido y se para ahí? Si envuelve los textos, mira --send y --answer",
        ),
    };
    Err(Failure::DoesNot(Text { en: en.to_owned(), es: es.to_owned() }))
}

/// What `everybody-hears` found, for the checks that build on it: why it could not be told is the reason for them, too.
fn known(target: &Target) -> Result<Hears, Failure> {
    hears(target).map_err(|failure| match failure {
        Failure::DoesNot(why) | Failure::Unknown(why) => Failure::Unknown(why),
    })
}

/// For checks that need listeners.
pub fn others_hear(target: &Target) -> Outcome {
    if known(target)?.others {
        return Ok(());
    }
    Err(Failure::Unknown(text!(
        "see everybody-hears: a second client hears nothing, so there is nothing to look at",
        "mira everybody-hears: a un segundo cliente no le llega nada, así que no hay nada que comprobar"
    )))
}

/// A speaker and a client that hears it: another, if others hear, else the speaker itself.
pub struct Pair {
    pub speaker: Client,
    listener: Option<Client>,
}

impl Pair {
    pub fn open(target: &Target) -> Result<Pair, Failure> {
        let hears = known(target)?;
        if hears == (Hears { sender: false, others: false }) {
            return Err(Failure::Unknown(text!(
                "see everybody-hears: no message comes back, so there is nothing to look at",
                "mira everybody-hears: no vuelve ningún mensaje, así que no hay nada que comprobar"
            )));
        }
        let listener = if hears.others { Some(ready_one(target, None)?) } else { None };
        Ok(Pair { speaker: ready_one(target, None)?, listener })
    }

    pub fn heard(&mut self, target: &Target, said: &str) -> Outcome {
        let listener = self.listener.as_mut().unwrap_or(&mut self.speaker);
        let before = || text!("a message was not heard:", "un mensaje no llegó:");
        listener.hear(target, said, target.within(ANSWER)).map_err(|end| match end {
            // The speaker may know more.
            End::Timeout => match self.speaker.closed(target, target.within(Duration::from_millis(50))) {
                Err(End::Timeout) => End::Timeout.does_not(&before()),
                Ok(code) => End::Close(code).does_not(&before()),
                Err(end) => end.does_not(&before()),
            },
            end => end.does_not(&before()),
        })
    }

    pub fn say_and_hear(&mut self, target: &Target, said: &str) -> Outcome {
        self.speaker.say(target, said)?;
        self.heard(target, said)
    }
}

const SPEAKERS: usize = 4;
const LISTENERS: usize = 3;
const EACH: usize = 80;

pub fn one_order(target: &Target) -> Outcome {
    others_hear(target)?;
    let round = target.fresh("order");
    let speakers = ready(target, SPEAKERS)?;
    let listeners = ready(target, LISTENERS)?;
    let speak = |(number, client): (usize, &Client)| {
        (0..EACH).try_for_each(|message| client.say(target, &format!("{round} {number} {message}")))
    };
    let (spoken, heard): (Vec<Outcome>, Vec<_>) = thread::scope(|scope| {
        let speaking: Vec<_> =
            speakers.iter().enumerate().map(|one| scope.spawn(move || speak(one))).collect();
        let listen = |client| scope.spawn(|| order_heard(target, client, &round));
        let listening: Vec<_> = listeners.into_iter().map(listen).collect();
        let spoken = speaking.into_iter().map(|thread| thread.join().unwrap_or(Ok(()))).collect();
        (spoken, listening.into_iter().map(|thread| thread.join().unwrap_or(Ok(Vec::new()))).collect())
    });
    spoken.into_iter().collect::<Outcome>()?;
    let heard: Result<Vec<Vec<String>>, Failure> = heard.into_iter().collect();
    let heard = heard.map_err(|failure| cut_off_speaker(target, speakers).unwrap_or(failure))?;
    if heard.iter().all(|order| *order == heard[0]) {
        return Ok(());
    }
    Err(Failure::DoesNot(text!(
        "{SPEAKERS} clients spoke at once, and two that listened heard another order",
        "{SPEAKERS} clientes enviaron mensajes a la vez, y dos que escuchaban los recibieron en distinto orden"
    )))
}

/// Messages are missing: was one of those who spoke cut off?
fn cut_off_speaker(target: &Target, speakers: Vec<Client>) -> Option<Failure> {
    let ends = speakers.into_iter().map(|mut client| client.closed(target, target.within(SETTLED)));
    let end =
        ends.map(|end| end.map_or_else(|end| end, End::Close)).find(|end| !matches!(end, End::Timeout))?;
    Some(end.does_not(&text!(
        "a client that said {EACH} short messages at once was cut off:",
        "se cortó la conexión de un cliente que envió {EACH} mensajes cortos de golpe:"
    )))
}

/// What one client hears of a round, in its order.
fn order_heard(target: &Target, mut client: Client, round: &str) -> Result<Vec<String>, Failure> {
    let deadline = target.within(2 * ANSWER);
    let mut heard = Vec::new();
    while heard.len() < SPEAKERS * EACH {
        let message = client.message(target, deadline).map_err(|end| {
            let (got, all) = (heard.len(), SPEAKERS * EACH);
            end.does_not(&text!("{got} of {all} messages came:", "llegaron {got} de {all} mensajes:"))
        })?;
        if let Some(at) = message.find(round) {
            let said = &message[at + round.len()..];
            heard.push(said[..said.find(['"', '\n']).unwrap_or(said.len())].to_owned());
        }
    }
    Ok(heard)
}

/// `count` clients, each of which the server already sends messages to.
pub fn ready(target: &Target, count: usize) -> Result<Vec<Client>, Failure> {
    (0..count).map(|_| ready_one(target, None)).collect()
}

/// A 101 may arrive before the server has put the client in its list. Hearing itself shows that it is there.
pub fn ready_one(target: &Target, receive_buffer: Option<usize>) -> Result<Client, Failure> {
    let sender_hears = hears(target).is_ok_and(|hears| hears.sender);
    let mut client = target.open_with(receive_buffer)?;
    if sender_hears {
        let said = target.fresh("ready");
        client.say(target, &said)?;
        // If it does not come, the check that follows finds out.
        let _ = client.hear(target, &said, target.within(ANSWER));
    } else {
        thread::sleep(SETTLED);
    }
    Ok(client)
}

pub fn utf8(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    for character in ["a\u{7f}", "\u{80}ñ\u{7ff}", "\u{800}€\u{ffff}", "\u{10000}😀\u{10ffff}"] {
        pair.say_and_hear(target, &target.fresh(character))?;
    }
    Ok(())
}

pub fn fragments(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    let said = target.fresh("ñandú");
    send_in_three(target, &pair.speaker, &said, None)?;
    pair.heard(target, &said)
}

/// The second fragment begins inside of a character, if there is one of several bytes.
fn send_in_three(target: &Target, client: &Client, said: &str, between: Option<&Frame>) -> Outcome {
    let wire = target.wrapped(said).into_bytes();
    let middle = wire.iter().position(|byte| *byte >= 0x80).map_or(wire.len() / 2, |at| at + 1);
    let parts = [(TEXT, &wire[..1]), (CONTINUATION, &wire[1..middle]), (CONTINUATION, &wire[middle..])];
    for (number, (opcode, part)) in parts.into_iter().enumerate() {
        let mut frame = Frame::new(opcode, part);
        frame.fin = number == 2;
        let mut sent = client.send(target, frame);
        if let (1, Some(ping), Ok(())) = (number, between, &sent) {
            sent = client.send(target, ping.clone());
        }
        sent.map_err(|error| {
            Failure::DoesNot(text!("it took no more bytes: {error}", "no aceptó más bytes: {error}"))
        })?;
    }
    Ok(())
}

/// Sends a ping, and waits for its pong.
pub fn pong(target: &Target, client: &mut Client, bytes: &[u8]) -> Outcome {
    client.send(target, Frame::new(PING, bytes)).map_err(|error| {
        Failure::DoesNot(text!("it took no more bytes: {error}", "no aceptó más bytes: {error}"))
    })?;
    pong_to(target, client, bytes)
}

/// The pong to a ping that was sent.
fn pong_to(target: &Target, client: &mut Client, bytes: &[u8]) -> Outcome {
    let deadline = target.within(ANSWER);
    let before = || text!("the pong did not come:", "el pong no llegó:");
    loop {
        let frame = client.frame(deadline).map_err(|end| end.does_not(&before()))?;
        match frame.opcode {
            PONG if frame.payload == bytes => return Ok(()),
            PONG => {
                return Err(Failure::DoesNot(text!(
                    "the pong has other bytes than the ping",
                    "el pong no trae los mismos bytes que el ping"
                )));
            }
            CLOSE => return Err(End::Close(frame.close_code()).does_not(&before())),
            _ => {}
        }
    }
}

pub fn ping(target: &Target) -> Outcome {
    let mut client = target.open()?;
    [&b""[..], b"hello", &[0xff; 125]].into_iter().try_for_each(|bytes| pong(target, &mut client, bytes))
}

pub fn ping_between(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    let said = target.fresh("with a ping inside");
    send_in_three(target, &pair.speaker, &said, Some(&Frame::new(PING, b"between")))?;
    // If the speaker hears itself, its pong may come after its message's first bytes, but it comes.
    match pair.listener {
        Some(_) => {
            pong_to(target, &mut pair.speaker, b"between")?;
            pair.heard(target, &said)
        }
        None => pong_to(target, &mut pair.speaker, b"between"),
    }
}

pub fn empty(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    pair.speaker.say(target, "")?;
    pair.say_and_hear(target, &target.fresh("after an empty one"))
}

pub fn long(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    let said = target.fresh("");
    let filler = 65_536usize.saturating_sub(target.wrapped(&said).len());
    pair.say_and_hear(target, &format!("{said}{}", "x".repeat(filler)))
}
