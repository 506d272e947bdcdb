//! The chat's design at its barest: a thread reads from each client into a queue, one more drains it and writes to all.

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

/// Accepts, on the thread that calls it.
pub fn serve(ready_made: ReadyMade) -> io::Result<()> {
    let listener = listen()?;
    let (sender, receiver) = bounded(QUEUE);
    thread::spawn(move || {
        // Clients that go end it all.
        if write_rounds(&receiver, &ready_made).is_err() {
            process::exit(0);
        }
    });
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        shake_hands(&stream)?;
        let sender = sender.clone();
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || read_all(Arc::new(stream), &sender))?;
    }
}

fn read_all(stream: Arc<TcpStream>, sender: &Sender<Incoming>) {
    let mut reading = Reading::default();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let tell = |incoming| sender.send(incoming).expect("the writer stays to the end");
    tell(Incoming::Opened(Arc::clone(&stream)));
    while reading.read(&stream, &mut buffer, |frames| tell(Incoming::Said(frames.to_vec()))).is_ok()
    {
    }
}

fn write_rounds(receiver: &Receiver<Incoming>, ready_made: &ReadyMade) -> io::Result<()> {
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
        if !batch.is_empty() {
            send_to_all(clients.iter().map(Arc::as_ref), &batch)?;
        }
    }
    Ok(())
}
