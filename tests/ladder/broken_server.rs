//! A small server that is broken in one way. Without a fault it is right but for its memory: each client has a queue without a bound,
//! and a thread that writes it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::handshake::derive_accept_key;

use crate::frames::{self, Frame};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    Silent,
    Garbage,
    EndlessHead,
    WrongAccept,
    CaseMatters,
    /// It takes what one read brings for the whole request.
    OneRead,
    AnyVersion,
    NoKeyNeeded,
    NoHttp,
    OthersOnly,
    Floods,
    Shuffles,
    QuestionMarks,
    FragmentsApart,
    NoPong,
    WrongPong,
    LatePong,
    EmptyEnds,
    Truncates,
    TakesUnmasked,
    TakesReserved,
    TakesOpcode,
    TakesBadText,
    NoLimit,
    WrongCode,
    AnyEndsAll,
    CloseUnanswered,
    CloseOtherCode,
    TcpStays,
    MaskedFrames,
    Tears,
    PongsPastTheQueue,
    Waits,
    FewComings,
}

/// A client that others write to: its queue, and its socket.
type Clients = Arc<Mutex<Vec<(usize, SyncSender<Vec<u8>>, TcpStream)>>>;

/// Starts the server in this process; it ends with it.
pub fn serve(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let clients = Clients::default();
    thread::spawn(move || {
        for (id, stream) in listener.incoming().flatten().enumerate() {
            if fault == Fault::FewComings && id > 20 {
                continue;
            }
            let clients = Arc::clone(&clients);
            thread::spawn(move || {
                // Whatever happens to one client is its own affair.
                let _ = connection(id, &stream, &clients, fault);
                clients.lock().expect("the list").retain(|(other, ..)| *other != id);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    format!("ws://127.0.0.1:{port}/")
}

fn connection(id: usize, mut stream: &TcpStream, clients: &Clients, fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Silent => return stream.read_exact(&mut [0; 4096]),
        Fault::Garbage => {
            return (0..1000).try_for_each(|_| stream.write_all(&[0x16, 0x03, 0x01, 0x00, 0xff]));
        }
        Fault::EndlessHead => loop {
            stream.write_all(b"X-More: and more\r\n".repeat(50).as_slice())?;
        },
        _ => {}
    }
    let mut head = Vec::new();
    if fault == Fault::OneRead {
        head.resize(4096, 0);
        let length = stream.read(&mut head)?;
        head.truncate(length);
    }
    while !head.ends_with(b"\r\n\r\n") && fault != Fault::OneRead {
        head.push(0);
        let at = head.len() - 1;
        stream.read_exact(&mut head[at..])?;
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let is = |found: &str| {
            if fault == Fault::CaseMatters { found == name } else { found.eq_ignore_ascii_case(name) }
        };
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| is(found))
            .map(|(_, value)| value.trim().to_owned())
    };
    if header("Upgrade").is_none() {
        return if fault == Fault::NoHttp {
            Ok(())
        } else {
            stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\n\r\n")
        };
    }
    let version_is_right =
        header("Sec-WebSocket-Version").as_deref() == Some("13") || fault == Fault::AnyVersion;
    let key = header("Sec-WebSocket-Key").or_else(|| (fault == Fault::NoKeyNeeded).then(String::new));
    let (Some(key), true) = (key, version_is_right) else {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    let accept = if fault == Fault::WrongAccept { key } else { derive_accept_key(key.as_bytes()) };
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept:";
    stream.write_all(format!("{answer} {accept}\r\n\r\n").as_bytes())?;
    if fault == Fault::Floods {
        loop {
            stream.write_all(&frames::encode(1, b"buy now").repeat(100))?;
        }
    }
    let (queue, frames) = sync_channel(if fault == Fault::Waits { 1 } else { 1_000_000 });
    clients.lock().expect("the list").push((id, queue.clone(), stream.try_clone()?));
    let writer = stream.try_clone()?;
    thread::spawn(move || write(id, &writer, &frames, fault));
    let over = conversation(id, stream, clients, &queue, fault);
    if let Ok(Some(code)) = over {
        if fault == Fault::AnyEndsAll && code != 1000 {
            clients
                .lock()
                .expect("the list")
                .iter()
                .for_each(|(.., stream)| drop(stream.shutdown(Shutdown::Both)));
        }
        let code: u16 = match fault {
            Fault::WrongCode if code != 1000 => 1001,
            Fault::CloseOtherCode if code == 1000 => 1001,
            _ => code,
        };
        if fault != Fault::CloseUnanswered {
            let _ = queue.send(frames::encode(8, &code.to_be_bytes()));
        }
        // Until the writer is done with it, or the client has gone.
        stream.set_read_timeout(Some(Duration::from_millis(if fault == Fault::TcpStays {
            10_000
        } else {
            300
        })))?;
        while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    }
    Ok(())
}

fn write(id: usize, mut stream: &TcpStream, frames: &Receiver<Vec<u8>>, fault: Fault) {
    let mut kept: Option<Vec<u8>> = None;
    for mut frame in frames {
        let is_text = frame[0] == 0x81;
        if fault == Fault::MaskedFrames {
            frame[1] |= 0x80;
        }
        if fault == Fault::Shuffles && id % 2 == 1 && is_text && kept.is_none() {
            // Every second message comes after the next one, if there is one soon.
            if let Ok(next) = frames.recv_timeout(Duration::from_millis(20)) {
                kept = Some(std::mem::replace(&mut frame, next));
            }
        }
        if fault == Fault::Tears && frame.len() > 50_000 {
            let middle = frame.split_off(20_000);
            if let Ok(next) = frames.recv_timeout(Duration::from_millis(20)) {
                frame.extend(next);
            }
            frame.extend(middle);
        }
        if stream.write_all(&frame).is_err()
            || kept.take().is_some_and(|kept| stream.write_all(&kept).is_err())
        {
            return;
        }
    }
}

/// Until the client closes, or is at fault: with which code. Nothing if it vanished.
fn conversation(
    id: usize,
    mut stream: &TcpStream,
    clients: &Clients,
    queue: &SyncSender<Vec<u8>>,
    fault: Fault,
) -> std::io::Result<Option<u16>> {
    let mut message = Vec::new();
    loop {
        let Frame { fin, rsv, opcode, masked, length, payload } = frames::read(&mut stream)?;
        let is_wrong = !masked && fault != Fault::TakesUnmasked
            || rsv != 0 && fault != Fault::TakesReserved
            || !matches!(opcode, 0..=2 | 8..=10) && fault != Fault::TakesOpcode;
        if is_wrong {
            return Ok(Some(1002));
        }
        if length > frames::MAX {
            if fault == Fault::NoLimit {
                continue;
            }
            return Ok(Some(1009));
        }
        match opcode {
            8 => return Ok(Some(1000)),
            9 if fault == Fault::NoPong || fault == Fault::LatePong && !message.is_empty() => {}
            9 if fault == Fault::WrongPong => drop(queue.send(frames::encode(10, b"pong"))),
            9 if fault == Fault::PongsPastTheQueue => stream.write_all(&frames::encode(10, &payload))?,
            9 => drop(queue.send(frames::encode(10, &payload))),
            0 | 1 => {
                message.extend(payload);
                if !fin && fault != Fault::FragmentsApart {
                    continue;
                }
                let bytes = std::mem::take(&mut message);
                let mut text = match String::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(_) if matches!(fault, Fault::TakesBadText | Fault::FragmentsApart) => continue,
                    Err(_) => return Ok(Some(1007)),
                };
                match fault {
                    Fault::EmptyEnds if text.is_empty() => return Ok(None),
                    Fault::QuestionMarks => text = text.replace(|letter: char| !letter.is_ascii(), "?"),
                    Fault::Truncates => text.truncate(60_001),
                    _ => {}
                }
                let frame = frames::encode(1, text.as_bytes());
                let list: Vec<_> = {
                    let clients = clients.lock().expect("the list");
                    for (_, queue, _) in
                        clients.iter().filter(|(other, ..)| fault != Fault::OthersOnly || *other != id)
                    {
                        if fault != Fault::Waits {
                            let _ = queue.send(frame.clone());
                        }
                    }
                    clients.iter().map(|(_, queue, _)| queue.clone()).collect()
                };
                if fault == Fault::Waits {
                    list.iter().for_each(|queue| drop(queue.send(frame.clone())));
                }
            }
            _ => {}
        }
    }
}
