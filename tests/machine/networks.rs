//! The banner of a machine with many networks: the classroom's comes first, and those in which no student is are left out.

use std::env;
use std::process::Command;

use crate::alone;
use crate::common::Server;

const INSIDE: &str = "CLASSROOM_NETWORK_OF_ITS_OWN";

#[track_caller]
fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("ip can be run").success(), "ip {arguments}");
}

#[test]
#[ignore = "needs root, unshare and ip"]
fn the_classroom_s_network_is_printed_first_and_those_without_students_are_not() {
    let _alone = alone();
    if env::var(INSIDE).is_err() {
        let mut again = Command::new("unshare");
        again.args(["--net", "--mount", "sh", "-c", "mount -t sysfs none /sys && exec \"$@\"", "sh"]);
        again.arg(env::current_exe().expect("this test's binary")).env(INSIDE, "yes");
        let test = "networks::the_classroom_s_network_is_printed_first_and_those_without_students_are_not";
        again.args([test, "--exact", "--include-ignored", "--nocapture"]);
        assert!(again.status().expect("unshare can be run").success());
        return;
    }
    ip("link set lo up");
    // Containers: one bridge without members, one with.
    for (bridge, address) in [("docker0", "172.17.0.1/16"), ("br-1", "10.1.0.1/24")] {
        ip(&format!("link add {bridge} type bridge"));
        ip(&format!("address add {address} dev {bridge}"));
        ip(&format!("link set {bridge} up"));
    }
    ip("link add container type veth peer name inside");
    ip("link set container master br-1 up");
    ip("link set inside up");
    // The classroom, with the default route.
    ip("link add class type veth peer name switch");
    ip("address add 192.168.77.20/24 dev class");
    ip("link set switch up");
    ip("link set class up");
    ip("route add default via 192.168.77.1 dev class metric 600");
    ip("address add 169.254.7.7/16 dev class");

    let server = Server::start(&["--host", "0.0.0.0"]);
    let port = server.port();
    let urls: Vec<&str> =
        server.banner.split_whitespace().filter(|word| word.starts_with("http://")).collect();
    let expected = ["localhost", "192.168.77.20", "10.1.0.1"].map(|host| format!("http://{host}:{port}/"));
    assert_eq!(urls[..3], expected, "{}", server.banner);
    assert!(!server.banner.contains("172.17.") && !server.banner.contains("169.254."), "{}", server.banner);
    assert!(server.banner.contains("--host ADDRESS"), "{}", server.banner);
}
