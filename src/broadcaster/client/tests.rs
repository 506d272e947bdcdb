use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::*;
use crate::limits::Limit;
use crate::tap::NoTap;

/// What a client gets of one round of the batch `abcdef` (six events of one byte each, in place of whole frames).
fn gets(is_member: bool, from: usize, prepare: impl FnOnce(&mut Client)) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let mut peer = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    let (socket, _) = listener.accept().expect("the peer came");
    let opened = Opened {
        socket: Arc::new(Transport::new(socket).expect("a socket")),
        accepted: Instant::now(),
        endpoint: Endpoint::Echo,
        admission: Admission::default(),
        permit: Limit::new(1).acquire().expect("a free permit"),
        tap: Box::new(NoTap),
        welcome_field: None,
    };
    let (mut client, _) = Client::new(ClientId(1), opened);
    if is_member {
        client.join_batch(from);
    }
    prepare(&mut client);
    client.queue(&Bytes::from_static(b"abcdef"), 6);
    assert!(matches!(client.send_now(Instant::now()), Ok(None)));
    drop(client);
    let mut got = String::new();
    peer.read_to_string(&mut got).expect("TCP ends in order");
    got
}

fn own(client: &mut Client, replaces: Range<usize>, frames: &'static str) {
    client.insert(replaces, Bytes::from_static(frames.as_bytes()), Privacy::Public);
}

#[test]
fn each_client_gets_the_round_in_order_with_its_own_frames_inside() {
    assert_eq!(gets(true, 0, |_| {}), "abcdef");
    assert_eq!(gets(true, 2, |client| own(client, 2..2, "welcome ")), "welcome cdef");
    assert_eq!(gets(true, 0, |client| own(client, 1..2, "B")), "aBcdef");
    let both = |client: &mut Client| {
        own(client, 1..2, "B");
        own(client, 4..4, "-");
        own(client, 4..5, "");
    };
    assert_eq!(gets(true, 0, both), "aBcd-f");
}

#[test]
fn a_client_that_leaves_within_a_round_gets_the_part_before() {
    let leaves = |client: &mut Client| {
        own(client, 1..1, "+");
        client.leave_batch(3);
        own(client, 3..3, " close");
    };
    assert_eq!(gets(true, 0, leaves), "a+bc close");
    assert_eq!(gets(true, 2, leaves), "+c close");
}

#[test]
fn an_echo_gets_its_own_frames_and_nothing_of_the_chat() {
    let twice = |client: &mut Client| {
        own(client, 2..2, "one ");
        own(client, 5..5, "two");
    };
    assert_eq!(gets(false, 2, twice), "one two");
    assert_eq!(gets(false, 0, |_| {}), "");
}

#[test]
fn a_client_that_is_cut_off_gets_nothing_of_the_chat_after_the_gap() {
    let cut_off = |client: &mut Client| {
        own(client, 1..1, "lost");
        client.drop_queue();
        client.leave_batch(4);
        own(client, 4..4, "close");
    };
    assert_eq!(gets(true, 0, cut_off), "close");
}

#[test]
fn nothing_reaches_a_client_whose_tcp_failed() {
    let failed = |client: &mut Client| {
        own(client, 1..1, "own");
        client.tcp_failed();
    };
    assert_eq!(gets(true, 0, failed), "");
}
