//! The broadcaster on a thread of its own with real sockets, and with inputs that no healthy connection's thread would send.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use super::{
    Broadcaster, CHANNEL, Control, Counters, Endpoint, Incoming, Opened, Order, QueueFull, Received,
    Settings, TcpEnd,
};
use crate::admission::{Admission, Revocation};
use crate::chat::{self, Chat, Input, ServerId, Time};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};
use crate::limits::Limit;
use crate::tap::NoTap;
use crate::transport::Transport;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running broadcaster, and the way to it.
fn broadcaster() -> Sender<Incoming> {
    broadcaster_with(None)
}

fn broadcaster_with(order: Option<Box<dyn Order>>) -> Sender<Incoming> {
    let (sender, incoming) = bounded(CHANNEL);
    let chat = Chat::new(chat::Settings { history: 0, send_queue: usize::MAX, ..chat::Settings::default() });
    let settings = Settings { send_queue: 1 << 20, first_message: super::CLOSE_DEADLINE };
    let broadcaster = Broadcaster::new(incoming, chat, order, settings, Arc::new(Counters::default()));
    thread::spawn(|| broadcaster.run());
    sender
}

/// Both ends of a TCP connection: the client's, and the server's.
fn connection() -> (TcpStream, Arc<Transport>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let (server, _) = listener.accept().expect("the client came");
    (client, Arc::new(Transport::new(server).expect("a socket")))
}

fn opened(socket: Arc<Transport>, endpoint: Endpoint, admission: Admission) -> Incoming {
    let opened = Opened {
        socket,
        accepted: Instant::now(),
        endpoint,
        admission,
        permit: Limit::new(1).acquire().expect("a free permit"),
        tap: Box::new(NoTap),
        welcome_field: None,
    };
    Incoming::Opened { client: ClientId(1), opened: Box::new(opened) }
}

#[test]
fn if_its_thread_fails_a_client_gets_a_close_frame_with_1011() {
    let to_broadcaster = broadcaster();
    let (mut client, socket) = connection();
    let received = Received::default();
    let last = Incoming::Ended { client: ClientId(1), received, tcp: TcpEnd::Unknown };
    for incoming in [opened(socket, Endpoint::Echo, Admission::default()), last] {
        assert!(to_broadcaster.send(incoming).is_ok());
    }
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("TCP ends in order");
    assert_eq!(bytes[..1], [0x88], "a close frame");
    assert_eq!(bytes[2..4], 1011_u16.to_be_bytes());
}

#[test]
fn a_client_whose_admission_is_revoked_before_it_is_open_gets_only_the_reason() {
    let to_broadcaster = broadcaster();
    let (mut client, socket) = connection();
    let revocation = Revocation::default();
    let admission = Admission { name: None, depends_on: vec![revocation.clone()], ..Admission::default() };
    revocation.revoke(CloseReason::new(close_code::SIGNED_OUT, "gone: gone"));
    let endpoint = Endpoint::Chat(Box::default());
    let received = Received::default();
    for incoming in [
        Incoming::Run(Box::new(|control| control.close_revoked(false))),
        opened(socket, endpoint, admission),
        Incoming::Ended { client: ClientId(1), received, tcp: TcpEnd::Fin },
    ] {
        assert!(to_broadcaster.send(incoming).is_ok());
    }
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("TCP ends in order");
    assert_eq!(bytes, b"\x88\x0c\x11\x94gone: gone");
}

/// An order that never applies an input. It passes on what was submitted, and closes all members at the first news.
struct OneWayOrder(Sender<Input>);

impl Order for OneWayOrder {
    fn server(&self) -> ServerId {
        ServerId(7)
    }

    fn submit(&mut self, input: &Input) -> Result<(), QueueFull> {
        let json = serde_json::to_string(input).expect("plain data");
        self.0.send(serde_json::from_str(&json).expect("our own JSON")).expect("the test is there");
        Ok(())
    }

    fn next_due(&self, _: Time, _: Instant) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _: Option<Time>, _: Instant) {}

    fn take_news(&mut self, control: &mut dyn Control) {
        control.close_members(&CloseReason::new(close_code::LOST_TOUCH, "rejoin: come back"));
    }

    fn shut_down(&mut self) {}

    fn ended(&self) {}
}

#[test]
fn a_leave_is_announced_to_all_servers_even_while_the_order_handles_news() {
    let (submit, submitted) = bounded(8);
    let to_broadcaster = broadcaster_with(Some(Box::new(OneWayOrder(submit))));
    let (_client, socket) = connection();
    let endpoint = Endpoint::Chat(Box::default());
    for incoming in [opened(socket, endpoint, Admission::default()), Incoming::News] {
        assert!(to_broadcaster.send(incoming).is_ok());
    }
    let next = || submitted.recv_timeout(PATIENCE).expect("an input");
    assert!(matches!(next(), Input::Joined { connection, .. } if connection.server == ServerId(7)));
    assert!(matches!(next(), Input::Left { connection, .. } if connection.client == ClientId(1)));
}
