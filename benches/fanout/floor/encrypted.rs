//! The same as `threads` over TLS: rustls decrypts on each client's thread, and encrypts each batch once for each client.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process;
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustls::{ServerConnection, Stream};

use super::{CLIENT_FRAME_BYTES, ReadyMade, listen, shake_hands};

/// As in `threads`.
const QUEUE: usize = 1024;
const STACK_BYTES: usize = 256 * 1024;
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Plain bytes that rustls takes at once.
const WRITE: usize = 64 * 1024;

type Client = Arc<(TcpStream, Mutex<ServerConnection>)>;

enum Incoming {
    Opened(Client),
    /// Whole frames, all that one read has brought.
    Said(Vec<u8>),
}

pub fn serve(ready_made: ReadyMade) -> io::Result<()> {
    let config = crate::tls::server_config();
    let listener = listen()?;
    let (sender, receiver) = bounded(QUEUE);
    thread::spawn(move || {
        // A client that has gone ends it all.
        if write_rounds(&receiver, &ready_made).is_err() {
            process::exit(0);
        }
    });
    loop {
        let stream = listener.accept()?.0;
        stream.set_nodelay(true)?;
        let tls = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        let client: Client = Arc::new((stream, Mutex::new(tls)));
        {
            let (mut stream, mut tls) = (&client.0, client.1.lock().expect("no thread panics with it"));
            tls.complete_io(&mut stream)?;
            // The writer must know the client before others can send to it; it waits for the lock.
            sender.send(Incoming::Opened(Arc::clone(&client))).map_err(io::Error::other)?;
            shake_hands(Stream::new(&mut *tls, &mut stream))?;
        }
        let sender = sender.clone();
        let reader = thread::Builder::new().stack_size(STACK_BYTES);
        reader.spawn(move || read_all(&client, &sender))?;
    }
}

fn read_all(client: &Client, sender: &Sender<Incoming>) {
    let (mut stream, tls) = (&client.0, &client.1);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut plain = Vec::new();
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let mut tls = tls.lock().expect("no thread panics with it");
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            tls.read_tls(&mut rest).expect("rustls has room");
            tls.process_new_packets().expect("the load generator's records are right");
            // `WouldBlock` says that this was all.
            drop(tls.reader().read_to_end(&mut plain));
        }
        drop(tls);
        let whole = plain.len() - plain.len() % CLIENT_FRAME_BYTES;
        if whole > 0 {
            let frames = plain.drain(..whole).collect();
            sender.send(Incoming::Said(frames)).expect("the writer stays to the end");
        }
    }
}

fn write_rounds(receiver: &Receiver<Incoming>, ready_made: &ReadyMade) -> io::Result<()> {
    let mut clients: Vec<Client> = Vec::new();
    let (mut batch, mut encrypted) = (Vec::new(), Vec::new());
    while let Ok(first) = receiver.recv() {
        batch.clear();
        for incoming in [first].into_iter().chain(receiver.try_iter()) {
            match incoming {
                Incoming::Opened(client) => clients.push(client),
                Incoming::Said(frames) => ready_made.append_all(&frames, &mut batch),
            }
        }
        for part in batch.chunks(WRITE) {
            for client in &clients {
                let mut tls = client.1.lock().expect("no thread panics with it");
                tls.writer().write_all(part)?;
                encrypted.clear();
                while tls.wants_write() {
                    tls.write_tls(&mut encrypted)?;
                }
                drop(tls);
                (&client.0).write_all(&encrypted)?;
            }
        }
    }
    Ok(())
}
