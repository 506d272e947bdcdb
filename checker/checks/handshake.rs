//! The opening handshake: what a right one and wrong ones are answered.

use crate::connection::Connection;
use crate::head::{Answer, request_lines};
use crate::target::{Target, unreachable};
use crate::text::{Text, text};
use crate::verdict::{Failure, Outcome};

/// What these lines are answered.
fn answer(target: &Target, lines: &[String]) -> Result<Answer, Failure> {
    answer_to_pieces(target, lines, 1)
}

/// The same if they come in this number of pieces.
fn answer_to_pieces(target: &Target, lines: &[String], pieces: usize) -> Result<Answer, Failure> {
    let unreachable = |error| Failure::Unknown(unreachable(target, &error));
    let stream = target.connect(None).map_err(unreachable)?;
    Connection::ask(target, stream, lines, pieces).map(|(_, answer)| answer)
}

/// What a right handshake is answered. If that fails once, it is not waited for again.
fn right(target: &Target) -> Result<Answer, Failure> {
    if let Some(Failure::DoesNot(why) | Failure::Unknown(why)) = target.no_answer.get() {
        let anyway = text!("a right handshake fails already:", "ya falla un apretón de manos correcto:");
        return Err(Failure::Unknown(anyway.and(why)));
    }
    let answered = answer(target, &request_lines(&target.host, &target.path));
    if let Err(failure) = &answered {
        target.no_answer.get_or_init(|| failure.clone());
    }
    answered
}

fn without(fault: Option<Text>) -> Outcome {
    fault.map_or(Ok(()), |fault| Err(Failure::DoesNot(fault)))
}

pub fn upgrade(target: &Target) -> Outcome {
    without(right(target)?.fault())
}

pub fn accept(target: &Target) -> Outcome {
    let answer = right(target)?;
    if answer.fault().is_some() {
        return Err(Failure::Unknown(text!("there is no 101", "no hay respuesta 101")));
    }
    without(answer.accept_fault())
}

pub fn headers(target: &Target) -> Outcome {
    takes_right_ones(target)?;
    let mut lines = request_lines(&target.host, &target.path);
    lines[2] = "UPGRADE: WebSocket".to_owned();
    lines[3] = "connection: keep-alive, UPGRADE".to_owned();
    lines[4] = lines[4].replace("Sec-WebSocket-Key:", "sec-websocket-key:");
    lines[5] = "SEC-WEBSOCKET-VERSION:13".to_owned();
    lines[1..].reverse();
    let in_any_order = answer(target, &lines)?;
    without(in_any_order.fault().or_else(|| in_any_order.accept_fault()))?;
    let cut = answer_to_pieces(target, &request_lines(&target.host, &target.path), 3)
        .map_err(|failure| in_pieces(&failure))?;
    without(cut.fault().or_else(|| cut.accept_fault())).map_err(|failure| in_pieces(&failure))
}

fn in_pieces(failure: &Failure) -> Failure {
    let before = text!(
        "a request that TCP brings in three pieces (read on until the empty line):",
        "una petición que TCP trae en tres trozos (hay que leer hasta la línea vacía):"
    );
    Failure::DoesNot(before.and(failure.text()))
}

/// A wrong request is to get an answer that says so.
fn refused(target: &Target, lines: &[String]) -> Outcome {
    match answer(target, lines)?.status {
        400.. => Ok(()),
        status => Err(Failure::DoesNot(text!(
            "the answer is {status}, not 400 or higher",
            "la respuesta es {status}, y no 400 o mayor"
        ))),
    }
}

/// Only a server that takes right handshakes can be seen to refuse wrong ones.
fn takes_right_ones(target: &Target) -> Outcome {
    match right(target)?.status {
        101 => Ok(()),
        _ => Err(Failure::Unknown(text!(
            "a right handshake is refused, too",
            "también se rechaza un apretón de manos correcto"
        ))),
    }
}

pub fn version(target: &Target) -> Outcome {
    takes_right_ones(target)?;
    let mut lines = request_lines(&target.host, &target.path);
    lines[5] = "Sec-WebSocket-Version: 12".to_owned();
    refused(target, &lines)
}

pub fn key(target: &Target) -> Outcome {
    takes_right_ones(target)?;
    let mut lines = request_lines(&target.host, &target.path);
    lines.remove(4);
    refused(target, &lines)
}

pub fn origin(target: &Target) -> Outcome {
    takes_right_ones(target)?;
    let mut lines = request_lines(&target.host, &target.path);
    lines.push("Origin: http://evil.example".to_owned());
    refused(target, &lines)
}

pub fn http(target: &Target) -> Outcome {
    let lines = [format!("GET {} HTTP/1.1", target.path), format!("Host: {}", target.host)];
    match answer(target, &lines)?.status {
        101 => Err(Failure::DoesNot(text!(
            "a plain request is answered with 101",
            "una petición HTTP normal recibe la respuesta 101"
        ))),
        _ => Ok(()),
    }
}
