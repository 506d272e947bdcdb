//! A machine whose cable is pulled: packets just stop, without a close. The other members are not delayed and get a notice in time;
//! a client that comes back has missed nothing.
//!
//! The whole test runs in a network of its own, which has two machines and a cable between them, and which is gone with the
//! test's processes.

use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Instant;

use crate::alone;
use crate::common::Server;
use crate::common::class::Class;
use crate::elsewhere::{self, Elsewhere, NAME};
use crate::footprint::Footprint;
use serde_json::Value;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 91, 0, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 91, 0, 2));

/// What a client elsewhere runs.
const LIFE: &str = "unplugged::a_client_that_is_a_process_of_its_own";

#[test]
fn a_client_that_is_a_process_of_its_own() {
    elsewhere::live_if_asked();
}

/// Runs this test alone in one more process, in a network where nothing else is; `true` in there.
fn in_a_network_of_its_own(test: &str) -> bool {
    const INSIDE: &str = "CLASSROOM_NETWORK_OF_ITS_OWN";
    if env::var(INSIDE).is_ok() {
        run("ip", &["link", "set", "lo", "up"]);
        return true;
    }
    let mut again = Command::new("unshare");
    again.arg("--net").arg(env::current_exe().expect("this test's binary")).env(INSIDE, "yes");
    let test = format!("unplugged::{test}");
    again.args([test.as_str(), "--exact", "--include-ignored", "--nocapture"]);
    assert!(again.status().expect("unshare can be run").success());
    false
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.expect("it can be run").success(), "{program} {arguments:?}");
}

/// A machine of its own with a client on it, and the cable to it.
struct Machine {
    client: Elsewhere,
}

impl Machine {
    /// Its client has joined.
    fn start(server: &Server) -> Machine {
        let address = (HERE, server.port()).into();
        let mut machine = Machine { client: Elsewhere::start(LIFE, &["unshare", "--net"], address, true) };
        let process = machine.client.process().to_string();
        // Once it is in its own network the other end of the cable can be put there.
        let network = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).ok();
        while network(&process) == network("self") {
            std::thread::yield_now();
        }
        run("ip", &["link", "add", "here", "type", "veth", "peer", "name", "there", "netns", &process]);
        run("ip", &["address", "add", &format!("{HERE}/24"), "dev", "here"]);
        run("ip", &["link", "set", "here", "up"]);
        machine.run(&["ip", "address", "add", &format!("{THERE}/24"), "dev", "there"]);
        machine.plug_in();
        machine.client.wait_until_joined();
        machine
    }

    /// A command on that machine.
    fn run(&self, command: &[&str]) {
        let process = self.client.process().to_string();
        run("nsenter", &[&["--target", &process, "--net"], command].concat());
    }

    fn unplug(&self) {
        self.run(&["ip", "link", "set", "there", "down"]);
    }

    fn plug_in(&self) {
        self.run(&["ip", "link", "set", "there", "up"]);
    }

    /// What the client received: how often it came back, the number of gaps, and the class's numbers.
    fn heard(mut self) -> (u64, u64, Vec<u64>) {
        let mut events = self.client.until_the_end();
        let end = events.pop().expect("an end");
        let count = |field: &str| end[field].as_u64().expect("a number");
        let number = |event: &Value| event["text"].as_str()?.split(' ').next()?.parse().ok();
        (count("returns"), count("gaps"), events.iter().filter_map(number).collect())
    }
}

#[track_caller]
fn assert_without_gap(numbers: &[u64], last: u64) {
    let first = numbers.first().expect("it heard something");
    assert!(numbers.iter().copied().eq(*first..last), "{numbers:?}, and then the end at {last}");
}

/// The notices of its leaving that the class got.
fn left(others: &[Value]) -> Vec<u64> {
    let left = others.iter().filter(|event| event["type"] == "left" && event["name"] == NAME);
    left.map(|event| event["code"].as_u64().expect("a code")).collect()
}

#[test]
#[ignore = "needs root, for a network of its own: run by make test"]
fn an_unplugged_machine_is_noticed_by_its_silence_and_misses_nothing_when_it_is_back() {
    let _alone = alone();
    let test = "an_unplugged_machine_is_noticed_by_its_silence_and_misses_nothing_when_it_is_back";
    if !in_a_network_of_its_own(test) {
        return;
    }
    let server = Server::start(&["--host", "0.0.0.0", "--ping", "1", "--log", "info"]);
    let class = Class::begin(&server);
    let before = Footprint::of(&server);
    let machine = Machine::start(&server);
    class.goes_on();
    let unplugged = Instant::now();
    machine.unplug();
    server.wait_for_log("closing begun by the server: 4012 (no pong in time)");
    println!("noticed after {:?}", unplugged.elapsed());
    server.wait_for_log("the client did not end TCP in time, so the server did");
    class.goes_on();
    before.is_back(&server);
    machine.plug_in();
    server.wait_for_log_times(&format!("joined the chat as {NAME:?}"), 2);
    class.goes_on();
    let told = class.end();
    let (returns, gaps, numbers) = machine.heard();
    assert_eq!((returns, gaps), (1, 0), "it came back once and was recovered");
    assert_without_gap(&numbers, told.messages);
    assert_eq!(left(&told.others), [1006]);
}

#[test]
#[ignore = "needs root, for a network of its own: run by make test"]
fn a_cable_that_is_plugged_in_again_in_time_loses_nothing() {
    let _alone = alone();
    if !in_a_network_of_its_own("a_cable_that_is_plugged_in_again_in_time_loses_nothing") {
        return;
    }
    let server = Server::start(&["--host", "0.0.0.0", "--ping", "20", "--log", "info"]);
    let class = Class::begin(&server);
    let machine = Machine::start(&server);
    // Short of what would cut it off, but more than fits the kernel's buffers.
    class.speak_at_length(3000);
    machine.unplug();
    for _ in 0..10 {
        class.goes_on();
    }
    machine.plug_in();
    class.goes_on();
    let told = class.end();
    let (returns, _, numbers) = machine.heard();
    assert_eq!(returns, 0, "it is the same connection");
    assert_without_gap(&numbers, told.messages);
    assert!(left(&told.others).is_empty());
}

#[test]
#[ignore = "needs root, for a network of its own: run by make test"]
fn the_send_queue_of_an_unplugged_machine_delays_no_one_and_ends_at_its_limit() {
    let _alone = alone();
    let test = "the_send_queue_of_an_unplugged_machine_delays_no_one_and_ends_at_its_limit";
    if !in_a_network_of_its_own(test) {
        return;
    }
    let flags = ["--host", "0.0.0.0", "--rate", "0", "--ping", "20", "--log", "info"];
    let server = Server::start(&flags);
    let class = Class::begin(&server);
    let machine = Machine::start(&server);
    class.speak_at_length(30_000);
    machine.unplug();
    server.wait_for_log("closing begun by the server: 4008");
    class.goes_on();
    class.speak_at_length(0);
    machine.plug_in();
    server.wait_for_log_times(&format!("joined the chat as {NAME:?}"), 2);
    class.goes_on();
    let told = class.end();
    let (returns, gaps, numbers) = machine.heard();
    assert_eq!((returns, gaps), (1, 1), "too much was said meanwhile, and it is told so");
    assert!(numbers.is_sorted() && numbers.last() == Some(&(told.messages - 1)));
    assert_eq!(left(&told.others), [4008]);
}
