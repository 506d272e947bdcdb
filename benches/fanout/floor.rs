//! The raw floor: the least work that still brings every message to every client.
//!
//! One thread, no JSON, no names, no log. It knows just enough WebSocket for the load generator to
//! talk to it, and copies 64 bytes of text into a ready-made frame that is as long as the chat's.
//! It is never lossy: its sockets block, so a full one is waited for. (That is what makes it a floor
//! and no server: one stalled client would stop it.)

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};
use tungstenite::handshake::derive_accept_key;

use crate::text::{CLIENT_HEADER_BYTES, TEXT_BYTES};

const CLIENT_FRAME_BYTES: usize = CLIENT_HEADER_BYTES + TEXT_BYTES;

/// One read takes what one client can have in flight many times over, or what it has sent at a fixed rate while the
/// floor was held up.
const READ_BUFFER_BYTES: usize = 1024 * 1024;

/// Longest request head we take; the load generator's has about 150 bytes.
const HEAD_BYTES: usize = 1024;

/// Events taken from the kernel at once.
const EVENTS_AT_ONCE: usize = 1024;

const LISTENER: Token = Token(usize::MAX);

/// How the floor writes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mode {
    /// One send(2) for each message and client.
    Single,
    /// Read all that is there, then one send(2) for each client.
    Batched,
}

struct Client {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come yet.
    unfinished: Vec<u8>,
}

/// Serves until the load generator has gone. `frame_bytes` is the length of the frames it sends.
pub fn serve(mode: Mode, frame_bytes: usize) -> io::Result<()> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match forward(mode, frame_bytes) {
        Err(gone) if matches!(gone.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) => Ok(()),
        other => other,
    }
}

fn forward(mode: Mode, frame_bytes: usize) -> io::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("http://localhost:{}/", listener.local_addr()?.port());

    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    registry.register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;

    let ready_made = ReadyMade::new(frame_bytes);
    let mut events = Events::with_capacity(EVENTS_AT_ONCE);
    let mut clients: Vec<Client> = Vec::new();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut batch: Vec<u8> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        batch.clear();
        for event in &events {
            if event.token() == LISTENER {
                welcome_newcomers(&listener, &registry, &mut clients)?;
                continue;
            }
            let client = &mut clients[event.token().0];
            read_frames(client, &mut buffer, |frame| ready_made.append(frame, &mut batch))?;
        }
        match mode {
            Mode::Batched if batch.is_empty() => {}
            Mode::Batched => send_to_all(&mut clients, &batch)?,
            Mode::Single => {
                for frame in batch.chunks_exact(ready_made.frame.len()) {
                    send_to_all(&mut clients, frame)?;
                }
            }
        }
    }
}

fn send_to_all(clients: &mut [Client], bytes: &[u8]) -> io::Result<()> {
    clients.iter_mut().try_for_each(|client| client.stream.write_all(bytes))
}

/// One read, then `take` for every whole frame.
///
/// The socket blocks, so there is exactly one read for an event. That is safe although mio tells of
/// new bytes only once: a read that comes back short has emptied the socket, and this one always
/// does, because a client's window is far smaller than the buffer. Nor does a read wait for bytes
/// that an earlier one took: before the kernel reports a socket it looks whether there still are any.
fn read_frames(client: &mut Client, buffer: &mut [u8], take: impl FnMut(&[u8])) -> io::Result<()> {
    let kept = client.unfinished.len();
    buffer[..kept].copy_from_slice(&client.unfinished);
    client.unfinished.clear();
    let length = kept + client.stream.read(&mut buffer[kept..])?;
    if length == kept {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    assert!(length < buffer.len(), "a client sent more at once than its window allows");

    let frames = buffer[..length].chunks_exact(CLIENT_FRAME_BYTES);
    client.unfinished.extend_from_slice(frames.remainder());
    frames.for_each(take);
    Ok(())
}

fn welcome_newcomers(
    listener: &TcpListener,
    registry: &mio::Registry,
    clients: &mut Vec<Client>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        shake_hands(&mut stream)?;
        let token = Token(clients.len());
        registry.register(&mut SourceFd(&stream.as_raw_fd()), token, Interest::READABLE)?;
        clients.push(Client { stream, unfinished: Vec::new() });
    }
}

fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
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
    stream.write_all(&answer)
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

    /// Appends the frame with the text of a client's frame in it.
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
