//! When a limit of the machine or of the flags is reached: members chat on, new clients get an answer, and after it all works as
//! before.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::alone;
use crate::common::class::Class;
use crate::common::raw::{RawClient, ask, handshake, read_answer, request};
use crate::common::users::{Users, basic, password_of};
use crate::common::{Client, Server};
use crate::footprint::{Footprint, descriptors};

/// The server in a shell that sets a limit first.
fn limited(limit: &str, arguments: &[&str]) -> Server {
    let mut shell = Command::new("sh");
    let server = env!("CARGO_BIN_EXE_websocket-classroom");
    shell.args(["-c", &format!("{limit}; exec \"$0\" \"$@\""), server]);
    shell.args(["--port", "0", "--log", "info"]).args(arguments);
    Server::spawn(shell)
}

#[test]
fn a_full_descriptor_table_keeps_newcomers_waiting_and_recovers() {
    let _alone = alone();
    let server = limited("ulimit -n 60", &["--handshake-timeout", "60"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    // These are accepted until the table is full; the rest wait in the system's queue.
    let crowd: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    server.wait_for_log("cannot accept connections just now");
    let mut newcomer = server.connect();
    newcomer.write_all(handshake("/ws").as_bytes()).expect("the system takes it");
    class.goes_on();
    newcomer.set_nonblocking(true).expect("a socket can be asked");
    let nothing = newcomer.peek(&mut [0]).map_err(|error| error.kind());
    assert_eq!(nothing, Err(ErrorKind::WouldBlock), "the newcomer waits");
    newcomer.set_nonblocking(false).expect("a socket can be waited for");
    drop(crowd);
    assert_eq!(read_answer(&mut newcomer, false).status, 101);
    drop(newcomer);
    class.goes_on();
    before.is_back(&server);
    class.end();
}

#[test]
#[cfg(feature = "accounts")]
fn a_full_descriptor_table_removes_no_one_from_the_list() {
    let _alone = alone();
    let users = Users::new(&["Ana"]);
    let server = limited("ulimit -n 40", &["--users", &users.path(), "--handshake-timeout", "60"]);
    let mut ana = Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    ana.wait_for("welcome");
    let crowd: Vec<TcpStream> = (0..60).map(|_| server.connect()).collect();
    server.wait_for_log("the list of before stays in force");
    ana.say("still here");
    assert_eq!(ana.message().1, "still here");
    drop(crowd);
    // A user who is removed from the list is signed out.
    users.write("# nobody any more\n");
    assert_eq!(ana.wait_for_close().0, 4500);
}

#[test]
#[ignore = "needs root, to run the server as a user of its own: run by make test"]
fn without_a_thread_newcomers_get_a_503() {
    let _alone = alone();
    // This limit counts all threads of a user, and spares root; the user nobody has no others.
    let directory = std::env::temp_dir().join(format!("websocket-classroom-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the server's copy");
    let copy = directory.join("server");
    fs::copy(env!("CARGO_BIN_EXE_websocket-classroom"), &copy).expect("the server can be copied");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&directory, open).expect("the copy can be shared");
    let mut limited = Command::new("setpriv");
    limited.args(["--reuid=65534", "--clear-groups", "prlimit", "--nproc=50"]);
    limited.arg(&copy).args(["--port", "0", "--log", "info"]);
    let server = Server::spawn(limited);
    fs::remove_dir_all(&directory).expect("the copy can be removed");
    newcomers_get_a_503_until_somebody_leaves(server);
}

#[test]
#[ignore = "needs root and control groups that can be written to: run by make test"]
fn in_a_container_without_another_process_newcomers_get_a_503() {
    let _alone = alone();
    let Some(group) = ControlGroup::new() else {
        println!("not tested: no control group with pids.max can be made here");
        return;
    };
    fs::write(group.0.join("pids.max"), "50").expect("a limit can be set");
    let enter = format!("echo $$ > {}/cgroup.procs", group.0.display());
    let server = limited(&enter, &[]);
    newcomers_get_a_503_until_somebody_leaves(server);
}

/// A group of processes with a limit of its own, as a container is one; removed when dropped.
struct ControlGroup(PathBuf);

impl ControlGroup {
    /// Of version 2, or of version 1.
    fn new() -> Option<ControlGroup> {
        let name = format!("websocket-classroom-{}", std::process::id());
        ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"].iter().find_map(|root| {
            let folder = PathBuf::from(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let group = ControlGroup(folder);
            group.0.join("pids.max").exists().then_some(group)
        })
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The server can have some threads more than a class needs, but not many.
fn newcomers_get_a_503_until_somebody_leaves(mut server: Server) {
    let class = Class::begin(&server);
    for _ in 0..2 {
        let before = Footprint::of(&server);
        let idle = fill(&server, 100);
        server.wait_for_log(": no thread for ");
        // When many come at once, each gets a response; none is just cut off.
        let mut crowd: Vec<TcpStream> = (0..500).map(|_| knock(&server)).collect();
        for socket in &mut crowd {
            assert_eq!(read_answer(socket, false).status, 503);
        }
        drop(crowd);
        class.goes_on();
        drop(idle);
        class.goes_on_until(|| ask(&server, request("GET", "/health", "")).status == 200);
        let mut newcomer = Client::join(&server, "newcomer");
        newcomer.wait_for("message");
        newcomer.leave();
        before.is_back(&server);
    }
    class.end();
    // Stopping needs no thread either.
    let _idle = fill(&server, 100);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn without_address_space_new_clients_get_a_503_until_a_client_leaves() {
    let _alone = alone();
    /// In KiB, as `ulimit -v` has it.
    const TO_GROW: u64 = 100 * 1024;
    // Else glibc reserves 64 MiB of addresses for each of up to eight heaps a core: more than is used.
    const ONE_HEAP: &str = "export MALLOC_ARENA_MAX=1";
    let start = {
        let server = limited(ONE_HEAP, &[]);
        assert_eq!(ask(&server, request("GET", "/health", "")).status, 200);
        server.status("VmSize")
    };
    let limit = format!("{ONE_HEAP}; ulimit -v {}", start + TO_GROW);
    let server = limited(&limit, &["--rate", "0"]);
    let class = Class::begin(&server);
    for _ in 0..2 {
        let before = Footprint::of(&server);
        let inside = fill(&server, 2000);
        println!("{} were let in", inside.len());
        // Those inside still have what they need to say and to hear something.
        class.speak_at_length(4000);
        let mut crowd: Vec<TcpStream> = (0..300).map(|_| knock(&server)).collect();
        for socket in &mut crowd {
            let status = read_answer(socket, false).status;
            assert!([101, 503].contains(&status), "{status}");
        }
        class.goes_on();
        class.speak_at_length(0);
        drop((inside, crowd));
        class.goes_on_until(|| ask(&server, request("GET", "/health", "")).status == 200);
        let mut newcomer = Client::join(&server, "newcomer");
        newcomer.wait_for("message");
        newcomer.leave();
        before.is_back(&server);
    }
    class.end();
}

/// A connection that has asked to come in.
fn knock(server: &Server) -> TcpStream {
    let mut socket = server.connect();
    socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
    socket
}

/// As many as are let in, which are fewer than `bound`.
fn fill(server: &Server, bound: usize) -> Vec<TcpStream> {
    let mut inside = Vec::new();
    loop {
        let mut socket = knock(server);
        let answer = read_answer(&mut socket, false);
        if answer.status != 101 {
            assert_eq!(answer.status, 503, "{}", answer.text());
            return inside;
        }
        inside.push(socket);
        assert!(inside.len() < bound, "the limit has no effect");
    }
}

#[test]
fn an_address_has_no_more_connections_than_its_limit_and_others_notice_nothing() {
    let _alone = alone();
    let server = Server::start(&["--max-per-address", "3", "--log", "info"]);
    let neighbour = |last| server.connect_from(Ipv4Addr::new(127, 0, 0, last));
    let refused = |mut socket: TcpStream| {
        let answer = read_answer(&mut socket, false);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert!(answer.text().contains("too many connections from your address"), "{}", answer.text());
    };
    let ana = Client::join(&server, "Ana");
    let luis = Client::join(&server, "Luis");
    // One that has not said a word yet counts, too.
    let silent = server.connect();
    refused(server.connect());
    server.wait_for_log("from 127.0.0.1:");
    server.wait_for_log("refused: too many from this address");
    let others: Vec<TcpStream> = (2..52)
        .map(|last| {
            let mut socket = neighbour(last);
            socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
            assert_eq!(read_answer(&mut socket, false).status, 101);
            socket
        })
        .collect();
    refused(server.connect());
    drop((luis, others));
    // Its place is free a moment after it has gone.
    let eva = loop {
        let mut socket = server.connect();
        socket.write_all(handshake("/ws").as_bytes()).expect("the server takes a handshake");
        if read_answer(&mut socket, false).status == 101 {
            break socket;
        }
    };
    refused(server.connect());
    drop((ana, silent, eva));
}

#[test]
fn threads_and_descriptors_are_freed_when_clients_leave() {
    let _alone = alone();
    let server = Server::start(&["--log", "info"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let crowd: Vec<RawClient> = (0..100).map(|_| RawClient::open(&server, "/echo")).collect();
    // The thread that read the last handshake ends a moment after it.
    class.goes_on_until(|| server.status("Threads") <= before.threads + 100);
    assert_eq!(server.status("Threads"), before.threads + 100, "one thread each");
    assert_eq!(descriptors(&server), before.descriptors + 100, "one descriptor each");
    drop(crowd);
    before.is_back(&server);
    class.end();
}
