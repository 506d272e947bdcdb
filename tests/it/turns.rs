//! With several servers, a test's connections go to each server in turn, so that every promise is tested on all of them.

use std::net::{Ipv4Addr, TcpStream};

use crate::common::raw::RawClient;
use crate::common::wire::{TEACHER, Watcher};
use crate::common::{Client, Server};

/// The server's port.
fn server_of(socket: &TcpStream) -> u16 {
    socket.peer_addr().expect("a connected socket has a peer").port()
}

#[test]
fn each_connection_goes_to_the_next_server_whatever_opens_it() {
    let server = Server::start_apart(2, &[]);
    let in_turn = [0, 1, 0, 1].map(|number| server.port_of(number));
    assert_ne!(in_turn[0], in_turn[1]);
    let clients = [(); 4].map(|()| Client::open(&server, "/echo"));
    assert_eq!(clients.map(|client| server_of(&client.websocket.get_ref().0)), in_turn);
    let clients = [(); 4].map(|()| Client::open_as(&server, "/echo", "X-Header: any"));
    assert_eq!(clients.map(|client| server_of(&client.websocket.get_ref().0)), in_turn);
    let clients = [(); 4].map(|()| RawClient::open(&server, "/echo"));
    assert_eq!(clients.map(|client| server_of(&client.socket)), in_turn);
    assert_eq!([(); 4].map(|()| server_of(&server.connect())), in_turn);
    let from_home = [(); 4].map(|()| server.connect_from(Ipv4Addr::LOCALHOST));
    assert_eq!(from_home.map(|socket| server_of(&socket)), in_turn);
}

#[test]
#[cfg(feature = "inspector")]
fn a_client_names_the_server_to_which_it_is_connected() {
    let server = Server::start_apart(2, &["--teacher-key", TEACHER]);
    let mut watchers = [(); 2].map(|()| Watcher::open(&server, TEACHER));
    for number in [0, 1, 0, 1] {
        let _client = Client::open(&server, "/echo");
        let opened = watchers[number].wait_for("opened");
        let request = opened["request"].as_str().expect("a head");
        let host = format!("\r\nHost: localhost:{}\r\n", server.port_of(number));
        assert!(request.contains(&host), "{request}");
    }
}
