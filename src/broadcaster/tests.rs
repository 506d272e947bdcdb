//! The broadcaster on a thread of its own with real sockets, told things that no healthy connection thread would tell.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::{Broadcaster, CHANNEL, Counters, Endpoint, Incoming, Newcomer, Received, TcpEnd};
use crate::accounts::{Admission, Ended};
use crate::chat::{Chat, Entrance};
use crate::client_id::ClientId;
use crate::close::{self, CloseReason};
use crate::seats::Seats;
use crate::wire::{self, Opening};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running broadcaster, and the way to it.
fn broadcaster() -> Sender<Incoming> {
    let (sender, incoming) = bounded(CHANNEL);
    let broadcaster = Broadcaster::new(
        incoming,
        Chat::new(0, usize::MAX),
        None,
        1 << 20,
        Arc::new(Counters::default()),
        wire::channel().0,
    );
    thread::spawn(|| broadcaster.run());
    sender
}

/// Both ends of a TCP connection: the client's, and the server's.
fn connection() -> (TcpStream, Arc<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let client =
        TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let (server, _) = listener.accept().expect("the client came");
    (client, Arc::new(server))
}

#[test]
fn a_thread_that_fails_leaves_its_client_a_close_frame_with_1011() {
    let to_broadcaster = broadcaster();
    let (mut client, socket) = connection();
    let id = ClientId(1);
    let seat = Seats::new(1).take().expect("a free seat");
    let newcomer = Newcomer { socket, seat, admission: None, opening: Opening::of_a_test() };
    let first = Incoming::Opened { client: id, newcomer, endpoint: Box::new(Endpoint::Echo) };
    let received = Received::default();
    let last = Incoming::Ended { client: id, received, tcp: TcpEnd::Unknown };
    for incoming in [first, last] {
        assert!(to_broadcaster.send(incoming).is_ok());
    }
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("TCP ends in order");
    assert_eq!(bytes[..1], [0x88], "a close frame");
    assert_eq!(bytes[2..4], 1011_u16.to_be_bytes());
}

#[test]
fn who_signed_out_while_coming_in_hears_nothing_but_the_reason() {
    let to_broadcaster = broadcaster();
    let (mut client, socket) = connection();
    let id = ClientId(1);
    let seat = Seats::new(1).take().expect("a free seat");
    let (admission, standing) = Admission::of_a_test();
    let newcomer =
        Newcomer { socket, seat, admission: Some(admission), opening: Opening::of_a_test() };
    standing.end(CloseReason::new(close::SIGNED_OUT, "gone"));
    let endpoint = Endpoint::Chat(Entrance::default());
    let received = Received::default();
    for incoming in [
        Incoming::SignedOut(Ended { gone: Vec::new(), signed_out: Vec::new() }),
        Incoming::Opened { client: id, newcomer, endpoint: Box::new(endpoint) },
        Incoming::Ended { client: id, received, tcp: TcpEnd::Fin },
    ] {
        assert!(to_broadcaster.send(incoming).is_ok());
    }
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("TCP ends in order");
    assert_eq!(bytes, b"\x88\x06\x11\x94gone");
}
