//! The chat's design without all the rest: a thread reads from each client into a queue, one more drains it and writes to all.

use std::io;
use std::net::TcpStream;
use std::process;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Reading, ReadyMade, listen, send_to_all, shake_hands};

/// Events that may wait in the queue, as many as in the chat's.
const QUEUE: usize = 1024;

const STACK_BYTES: usize = 64 * 1024;

/// What one read takes at most.
const READ_BUFFER_BYTES: usize = 4 * 1024;

enum Incoming {
    Opened(Arc<TcpStream>),
    /// Whole frames, all that one read has brought.
    Said(Vec<u8>),
}

/// Accepts, on the thread that calls it. Batched: one send(2) for each client and all that had come; else for each client and
/// message.
pub fn serve(ready_made: ReadyMade, is_batched: bool) -> io::Result<()> {
    let listener = listen()?;
    let (sender, receiver) = bounded(QUEUE);
    thread::spawn(move || {
        // A client that has gone ends it all.
        if write_rounds(&receiver, &ready_made, is_batched).is_err() {
            process::exit(0);
        }
    });
    loop {
        let stream = Arc::new(listener.accept()?.0);
        stream.set_nodelay(true)?;
        // The writer must know the client before others can send to it.
        let sender = sender.clone();
        sender.send(Incoming::Opened(Arc::clone(&stream))).map_err(io::Error::other)?;
        shake_hands(&*stream)?;
        let reader = thread::Builder::new().stack_size(STACK_BYTES);
        reader.spawn(move || read_all(&stream, &sender))?;
    }
}

fn read_all(stream: &TcpStream, sender: &Sender<Incoming>) {
    let mut reading = Reading::default();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let tell = |frames: &[u8]| {
        sender.send(Incoming::Said(frames.to_vec())).expect("the writer stays to the end");
    };
    while reading.read(stream, &mut buffer, tell).is_ok() {}
}

fn write_rounds(receiver: &Receiver<Incoming>, ready_made: &ReadyMade, is_batched: bool) -> io::Result<()> {
    let mut clients = Vec::new();
    let mut batch = Vec::new();
    while let Ok(first) = receiver.recv() {
        batch.clear();
        for incoming in [first].into_iter().chain(receiver.try_iter()) {
            match incoming {
                Incoming::Opened(stream) => clients.push(stream),
                Incoming::Said(frames) => ready_made.append_all(&frames, &mut batch),
            }
        }
        let sent_at_once = if is_batched { batch.len() } else { ready_made.frame.len() };
        for bytes in batch.chunks(sent_at_once.max(1)) {
            send_to_all(clients.iter().map(Arc::as_ref), bytes)?;
        }
    }
    Ok(())
}
