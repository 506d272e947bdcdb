//! How a connection ends, and what a server says when it ends itself.

use std::process::Command;
use std::time::Duration;

use crate::checks::conversation::ready_one;
use crate::client::{Client, End};
use crate::frame::Frame;
use crate::target::{ANSWER, Target};
use crate::text::text;
use crate::verdict::{Failure, Outcome};

const CODE: u16 = 1000;

/// Closes, and has the answer.
fn close(target: &Target) -> Result<Client, Failure> {
    let mut client = target.open()?;
    client.send(target, Frame::close(CODE, "bye")).map_err(|error| {
        Failure::DoesNot(text!("it took no more bytes: {error}", "no aceptó más bytes: {error}"))
    })?;
    match client.closed(target, target.within(ANSWER)) {
        Ok(CODE) => Ok(client),
        Ok(code) => Err(Failure::DoesNot(text!(
            "it was closed with {CODE} and answered {code}",
            "al cierre con {CODE} respondió con {code}"
        ))),
        Err(end) => Err(end.does_not(&text!(
            "the answer to the close did not come:",
            "no llegó la respuesta a la trama de cierre:"
        ))),
    }
}

pub fn code(target: &Target) -> Outcome {
    close(target).map(drop)
}

pub fn tcp(target: &Target) -> Outcome {
    let mut client = close(target).map_err(|failure| match failure {
        Failure::DoesNot(why) | Failure::Unknown(why) => Failure::Unknown(why),
    })?;
    match client.closed(target, target.within(Duration::from_secs(3))) {
        Err(End::Cut(_)) => Ok(()),
        Err(End::Timeout) => Err(Failure::DoesNot(text!(
            "3 s after both close frames TCP is still open",
            "3 s después de las dos tramas de cierre la conexión TCP sigue abierta"
        ))),
        _ => Err(Failure::DoesNot(text!(
            "frames came after the close frame",
            "llegaron tramas después de la trama de cierre"
        ))),
    }
}

/// Ends the server: the last of all checks.
pub fn sigterm(target: &Target) -> Outcome {
    let Some(pid) = target.pid else {
        return Err(Failure::Unknown(text!("the process id is missing", "falta el número de proceso")));
    };
    let mut client = ready_one(target, None)?;
    let killed = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
    if !killed.is_ok_and(|status| status.success()) {
        return Err(Failure::Unknown(text!(
            "no signal could be sent to {pid}",
            "no se pudo enviar la señal a {pid}"
        )));
    }
    match client.closed(target, target.within(Duration::from_secs(5))) {
        Ok(1001) => Ok(()),
        Ok(code) => Err(Failure::DoesNot(text!("the code was {code}", "el código fue {code}"))),
        Err(end) => Err(end.does_not(&text!("no close frame came:", "no llegó ninguna trama de cierre:"))),
    }
}
