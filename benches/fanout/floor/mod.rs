//! The raw floors: the least work that still brings every message to every client.
//!
//! No JSON, no names, no log. They know just enough WebSocket for the load generator to talk to them, and copy 64 bytes of
//! text into a ready-made frame that is as long as the chat's. They lose nothing: their sockets block, so they wait for a
//! full one. (So they are not real servers: one stalled client would stop them.)
//!
//! * `threads`: the chat's design without all the rest: a thread for each connection and one that writes
//! * `encrypted`: the same with rustls
//! * `one_thread`: an event loop, which no design with threads can reach where threads have to be switched all the time

#[cfg(feature = "tls")]
mod encrypted;
mod one_thread;
mod threads;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde::{Deserialize, Serialize};
use tungstenite::handshake::derive_accept_key;

use crate::text::{CLIENT_HEADER_BYTES, TEXT_BYTES};

const CLIENT_FRAME_BYTES: usize = CLIENT_HEADER_BYTES + TEXT_BYTES;

/// Longest request head we take; the load generator's has about 150 bytes.
const HEAD_BYTES: usize = 1024;

/// How a floor works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mode {
    /// A thread reads from each client into a queue; another drains it, then one send(2) for each client.
    Batched,
    /// The same, but one send(2) for each message and client.
    Single,
    /// One thread reads all that is there, then one send(2) for each client.
    Loop,
    /// `Batched` over TLS.
    Encrypted,
}

/// Serves until it is killed, or a client cannot be written to. `frame_bytes` is the length of the frames it sends.
pub fn serve(mode: Mode, frame_bytes: usize) -> io::Result<()> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    rlimit::increase_nofile_limit(u64::MAX)?;
    let ready_made = ReadyMade::new(frame_bytes);
    let served = match mode {
        Mode::Batched => threads::serve(ready_made, true),
        Mode::Single => threads::serve(ready_made, false),
        Mode::Loop => one_thread::serve(&ready_made),
        #[cfg(feature = "tls")]
        Mode::Encrypted => encrypted::serve(ready_made),
        #[cfg(not(feature = "tls"))]
        Mode::Encrypted => Err(io::Error::other("this build has no TLS")),
    };
    match served {
        Err(gone) if matches!(gone.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => Ok(()),
        other => other,
    }
}

/// Listens, and prints where.
fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://localhost:{}/", listener.local_addr()?.port());
    Ok(listener)
}

/// Reads a client's frames one read after the other.
#[derive(Default)]
struct Reading {
    /// The beginning of a frame whose end has not come yet.
    unfinished: Vec<u8>,
}

impl Reading {
    /// One read, then `take` for all whole frames that have come.
    fn read(
        &mut self,
        mut stream: &TcpStream,
        buffer: &mut [u8],
        take: impl FnOnce(&[u8]),
    ) -> io::Result<()> {
        let kept = self.unfinished.len();
        buffer[..kept].copy_from_slice(&self.unfinished);
        self.unfinished.clear();
        let length = kept + stream.read(&mut buffer[kept..])?;
        if length == kept {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (frames, rest) = buffer[..length].split_at(length - length % CLIENT_FRAME_BYTES);
        self.unfinished.extend_from_slice(rest);
        take(frames);
        Ok(())
    }
}

fn send_to_all<'a>(mut clients: impl Iterator<Item = &'a TcpStream>, bytes: &[u8]) -> io::Result<()> {
    clients.try_for_each(|mut client| client.write_all(bytes))
}

fn shake_hands(mut stream: impl Read + Write) -> io::Result<()> {
    let mut head = [0; HEAD_BYTES];
    let mut length = 0;
    while !head[..length].ends_with(b"\r\n\r\n") {
        let more = stream.read(&mut head[length..])?;
        if more == 0 {
            return Err(io::Error::other("a handshake that does not end"));
        }
        length += more;
    }
    let head = String::from_utf8_lossy(&head[..length]);
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .ok_or_else(|| io::Error::other("a handshake without a key"))?;
    let accept = derive_accept_key(key.as_bytes());
    let welcome = br#"{"type":"welcome"}"#;
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    answer.extend([0x81, welcome.len() as u8]);
    answer.extend(welcome);
    stream.write_all(&answer)?;
    stream.flush()
}

/// A text frame of the length asked for, with a place for the text.
struct ReadyMade {
    frame: Vec<u8>,
    text_at: usize,
}

impl ReadyMade {
    fn new(frame_bytes: usize) -> Self {
        let before_filler = br#"{"type":"message","filler":""#;
        let after_filler = br#"","text":""#;
        let after_text = br#""}"#;
        let fixed = before_filler.len() + after_filler.len() + TEXT_BYTES + after_text.len();

        // A header has 4 bytes from 126 bytes of payload on, else 2.
        let header_bytes = if frame_bytes >= 4 + 126 { 4 } else { 2 };
        let payload_bytes = frame_bytes.saturating_sub(header_bytes).max(fixed);
        let mut frame = vec![0x81];
        match u16::try_from(payload_bytes).expect("a frame of this benchmark is below 64 KiB") {
            short @ 0..126 => frame.push(short as u8),
            long => {
                frame.push(126);
                frame.extend(long.to_be_bytes());
            }
        }
        frame.extend(before_filler);
        frame.resize(frame.len() + payload_bytes - fixed, b'-');
        frame.extend(after_filler);
        let text_at = frame.len();
        frame.resize(text_at + TEXT_BYTES, b' ');
        frame.extend(after_text);
        Self { frame, text_at }
    }

    /// Appends a frame for each of a client's, with its text in it.
    fn append_all(&self, client_frames: &[u8], batch: &mut Vec<u8>) {
        client_frames.chunks_exact(CLIENT_FRAME_BYTES).for_each(|frame| self.append(frame, batch));
    }

    fn append(&self, client_frame: &[u8], batch: &mut Vec<u8>) {
        let text_at = batch.len() + self.text_at;
        batch.extend_from_slice(&self.frame);
        let (header, masked) = client_frame.split_at(CLIENT_HEADER_BYTES);
        let key = &header[2..];
        let text = &mut batch[text_at..text_at + TEXT_BYTES];
        for (index, byte) in text.iter_mut().enumerate() {
            *byte = masked[index] ^ key[index % 4];
        }
    }
}
