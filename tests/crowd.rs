//! More connections than the system allows threads: it gives a process so many memory mappings, and a thread takes four.

#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use common::Server;
use common::bystander::{bystander, chat_on};
use common::raw::{handshake, read_answer};

/// Threads that Linux's 65,530 mappings would last for, if they were needed for nothing else.
const NEVER_MORE: usize = 16_382;

#[test]
#[ignore = "needs 20,000 file descriptors and Linux's own vm.max_map_count: run by make test"]
fn beyond_the_systems_threads_newcomers_get_a_503_and_all_others_talk_on() {
    rlimit::increase_nofile_limit(u64::MAX).expect("more descriptors can be asked for");
    let most = fs::read_to_string("/proc/sys/vm/max_map_count").expect("this is Linux");
    assert_eq!(most.trim(), "65530", "this machine allows other numbers of threads");

    let server = Server::start(&["--max-clients", "30000", "--ping", "0", "--log", "warn"]);
    server.wait_for_log("the system allows threads for ");
    let mut bystander = bystander(&server);
    let mut crowd: Vec<TcpStream> = Vec::new();
    let refused = loop {
        let mut socket = server.connect();
        socket.write_all(handshake("/echo").as_bytes()).expect("the system takes it");
        match read_answer(&mut socket, false).status {
            101 => crowd.push(socket),
            status => break status,
        }
        assert!(crowd.len() < NEVER_MORE, "a server that says so cannot be right");
    };
    assert_eq!(refused, 503);
    assert!(crowd.len() > 15_000, "only {} came in", crowd.len());
    chat_on(&mut bystander);

    // All at once, so that every thread that there could be is asked for.
    let mut others: Vec<TcpStream> = (0..500).map(|_| server.connect()).collect();
    for socket in &mut others {
        // Whoever was refused may be gone already.
        let _ = socket.write_all(handshake("/echo").as_bytes());
    }
    for socket in &mut others {
        assert_eq!(read_answer(socket, false).status, 503);
    }
    chat_on(&mut bystander);

    crowd.truncate(10_000);
    let mut newcomer = server.connect();
    while {
        newcomer.write_all(handshake("/echo").as_bytes()).expect("the system takes it");
        read_answer(&mut newcomer, false).status != 101
    } {
        newcomer = server.connect();
    }
    chat_on(&mut bystander);
}
