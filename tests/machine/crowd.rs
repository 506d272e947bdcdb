//! More connections than the system allows threads: Linux limits the memory mappings of a process, and a thread takes four.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::alone;
use crate::common::bystander::{bystander, chat_on};
use crate::common::raw::{handshake, read_answer};
use crate::common::{Client, Server};

/// Threads that Linux's 65,530 mappings would last for, if they were needed for nothing else.
const NEVER_MORE: usize = 16_382;

/// Refused one after the other, so that it is no chance: a thread that is just ending has its place until then.
const REFUSED: usize = 100;

/// For all of them to come in, on a busy machine.
const LONG: Duration = Duration::from_secs(300);

#[test]
#[ignore = "needs 20,000 file descriptors and Linux's own vm.max_map_count: run by make test"]
fn without_free_threads_new_clients_get_a_503_and_the_others_chat_on() {
    let _alone = alone();
    rlimit::increase_nofile_limit(u64::MAX).expect("more descriptors can be asked for");
    let most = fs::read_to_string("/proc/sys/vm/max_map_count").expect("this is Linux");
    assert_eq!(most.trim(), "65530", "this machine allows other numbers of threads");

    let server = Server::start(&["--max-clients", "30000", "--ping", "0", "--log", "warn"]);
    server.wait_for_log("the system allows threads for ");
    let mut bystander = bystander(&server);
    let mut crowd: Vec<TcpStream> = Vec::new();
    fill(&server, &mut crowd, &mut bystander);
    if server.log().iter().any(|line| line.contains("refused: no thread for ")) {
        return println!("not tested: this machine's bound on threads or processes is met before");
    }
    let most = crowd.len();
    assert!(most > 15_000, "only {most} came in");

    // All at once, so that every thread that there could be is asked for.
    let mut others: Vec<TcpStream> = (0..500).map(|_| ask(&server)).collect();
    for socket in &mut others {
        assert_eq!(read_answer(socket, false).status, 503);
    }
    drop(others);
    chat_on(&mut bystander);

    // Half of them go, and as many come while the threads of those are still ending.
    crowd.truncate(most / 2);
    fill(&server, &mut crowd, &mut bystander);
    assert!(crowd.len() + 10 > most, "only {} came in again", crowd.len());
}

/// Connects clients until the server refuses one.
fn fill(server: &Server, crowd: &mut Vec<TcpStream>, bystander: &mut Client) {
    let deadline = Instant::now() + LONG;
    let mut refused_in_a_row = 0;
    while refused_in_a_row < REFUSED {
        let mut socket = ask(server);
        match read_answer(&mut socket, false).status {
            101 => {
                refused_in_a_row = 0;
                crowd.push(socket);
            }
            status => {
                assert_eq!(status, 503);
                refused_in_a_row += 1;
                chat_on(bystander);
            }
        }
        assert!(crowd.len() < NEVER_MORE, "so many threads there cannot be");
        assert!(Instant::now() < deadline, "only {} came in so far", crowd.len());
    }
}

/// Sends a handshake. The server may refuse the connection before that, so a failed write is no error.
fn ask(server: &Server) -> TcpStream {
    let mut socket = server.connect();
    let _ = socket.write_all(handshake("/echo").as_bytes());
    socket
}
