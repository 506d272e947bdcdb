//! What a client may not do: the server closes that client with the right code, and the others notice nothing.

use std::net::Shutdown;
use std::time::Duration;

use crate::checks::conversation::Pair;
use crate::client::End;
use crate::frame::{Frame, TEXT};
use crate::target::Target;
use crate::text::text;
use crate::verdict::{Failure, Outcome};

/// How long the close may take.
const CLOSE: Duration = Duration::from_secs(3);

/// How long to wait until the server has dealt with a client that has ended its direction.
const VANISHED: Duration = Duration::from_secs(1);

const UNMASKED: &[u8] = &[0x81, 0x02, b'h', b'i'];
const RESERVED: &[u8] = &[0xc1, 0x82, 0, 0, 0, 0, b'h', b'i'];
const OPCODE: &[u8] = &[0x83, 0x82, 0, 0, 0, 0, b'h', b'i'];
const NOT_UTF8: &[u8] = &[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28];
/// It announces 2^62 bytes; a server need not wait for them to know that they are too many.
const TOO_LONG: &[u8] = &[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Sends these bytes; the answer must be a close frame with this code.
fn closed_with(target: &Target, bytes: &[u8], code: u16) -> Outcome {
    let mut client = target.open()?;
    client.record_broken("client", bytes, "the checker breaks a rule on purpose");
    client.send_bytes(target, bytes).map_err(|error| {
        Failure::DoesNot(text!("it took no more bytes: {error}", "no aceptó más bytes: {error}"))
    })?;
    Err(Failure::DoesNot(match client.closed(target, target.within(CLOSE)) {
        Ok(found) if found == code => return Ok(()),
        Ok(found) => {
            text!("it closed with code {found}, not {code}", "cerró con el código {found}, y no con {code}")
        }
        Err(End::Timeout) => text!("it did not close", "no cerró la conexión"),
        Err(End::Cut(_)) => text!(
            "it ended TCP without a close frame",
            "cortó la conexión TCP sin enviar una trama de cierre"
        ),
        Err(end) => end.text(),
    }))
}

pub fn unmasked(target: &Target) -> Outcome {
    closed_with(target, UNMASKED, 1002)
}

pub fn reserved(target: &Target) -> Outcome {
    closed_with(target, RESERVED, 1002)
}

pub fn opcode(target: &Target) -> Outcome {
    closed_with(target, OPCODE, 1002)
}

pub fn utf8(target: &Target) -> Outcome {
    closed_with(target, NOT_UTF8, 1007)
}

pub fn long(target: &Target) -> Outcome {
    closed_with(target, TOO_LONG, 1009)
}

/// Two chat; meanwhile others break every rule, or vanish inside a frame.
pub fn others(target: &Target) -> Outcome {
    let mut pair = Pair::open(target)?;
    pair.say_and_hear(target, &target.fresh("before the faults"))?;
    for bytes in [UNMASKED, RESERVED, OPCODE, NOT_UTF8, TOO_LONG, &RESERVED[..1]] {
        let mut client = target.open()?;
        // A server may have ended TCP already.
        let _ = client.send_bytes(target, bytes);
        let _ = client.stream().shutdown(Shutdown::Write);
        let _ = client.closed(target, target.within(VANISHED));
    }
    let half = target.open()?;
    let bytes = Frame::new(TEXT, &[b'x'; 1000]).encode();
    let _ = half.send_bytes(target, &bytes[..500]);
    half.end();
    pair.say_and_hear(target, &target.fresh("after the faults"))
}
