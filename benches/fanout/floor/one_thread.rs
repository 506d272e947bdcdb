//! An event loop: reads what has come, then writes. It never sleeps while there is work, and passes nothing to another thread.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use super::{Reading, ReadyMade, listen, send_to_all, shake_hands};

/// One read takes what one client can have in flight many times over, or what it has sent at a fixed rate while the
/// floor was held up.
const READ_BUFFER_BYTES: usize = 1024 * 1024;

/// Events taken from the kernel at once.
const EVENTS_AT_ONCE: usize = 1024;

const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    reading: Reading,
}

pub fn serve(ready_made: &ReadyMade) -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    registry.register(&mut SourceFd(&listener.as_raw_fd()), LISTENER, Interest::READABLE)?;

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
            // The socket blocks, so there is exactly one read for an event. That is safe although mio tells of new bytes
            // only once: a read that comes back short has emptied the socket, and this one always does, because a
            // client's window is far smaller than the buffer. Nor does a read wait for bytes that an earlier one took:
            // before the kernel reports a socket it checks whether there still are any.
            let Client { stream, reading } = &mut clients[event.token().0];
            reading.read(stream, &mut buffer, |frames| {
                assert!(frames.len() < READ_BUFFER_BYTES / 2, "more at once than a window allows");
                ready_made.append_all(frames, &mut batch);
            })?;
        }
        if !batch.is_empty() {
            send_to_all(clients.iter().map(|client| &client.stream), &batch)?;
        }
    }
}

fn welcome_newcomers(
    listener: &TcpListener,
    registry: &Registry,
    clients: &mut Vec<Client>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        shake_hands(&stream)?;
        let token = Token(clients.len());
        registry.register(&mut SourceFd(&stream.as_raw_fd()), token, Interest::READABLE)?;
        clients.push(Client { stream, reading: Reading::default() });
    }
}
