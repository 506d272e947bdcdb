//! Hostile addresses in valid heads: targets, names, `Host` and `Origin`. Each gets the right answer and one line in the log. No
//! other client notices, and no resources leak.

use crate::common::Server;
use crate::common::raw::{handshake, request};
use crate::http_attack::{Attack, attack};

fn server(arguments: &[&str]) -> Server {
    Server::start(&[&["--rate", "0", "--history", "0", "--log", "info"], arguments].concat())
}

fn health() -> String {
    request("GET", "/health", "")
}

#[test]
#[rustfmt::skip]
fn targets_are_a_path_or_a_url_of_ours() {
    let get = |target: &str| request("GET", target, "");
    let mut attacks = Vec::new();
    for target in [
        "*", "?", "#", "\\health", "health", "localhost:80", "http:/health", "http:health", "https://localhost/",
        "ftp://localhost/", "wss://localhost/", "://localhost/", "javascript:alert(1)", "%2fhealth",
    ] {
        attacks.push(Attack::refused(get(target), 400, "its target is no path"));
    }
    for target in [
        "http:///health", "http://user@localhost/health", "http://user:psst@localhost/health",
        "http://localhost:99999/health", "http://localhost#/health", "http://[::1%25eth0]/", "http://[::1/",
        "http://local%68ost/", "http://localhost\\@evil.example/", "http://?",
    ] {
        attacks.push(Attack::refused(get(target), 400, "Host header is not a name or address"));
    }
    for target in [
        "http://evil.example/health", "ws://evil.example", "http://localhost.evil.example/", "http://127.1/",
    ] {
        attacks.push(Attack::refused(get(target), 403, "--host-name"));
    }
    for target in [
        "//health", "//localhost/health", "/./health", "/x/../health", "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd", "/health/", "/HEALTH", "/%68ealth", "/health%00", "/health%0d%0aX:%20x",
        "/health#x", "/health;x", "/health\\", "/%", "/%zz", "/índice", "/\u{202e}htlaeh", "/index.html",
        "/.git/config", "/wp-login.php",
    ] {
        attacks.push(Attack::refused(get(target), 404, "There is nothing here"));
    }
    for target in ["/a b", "/ /", "/health  "] {
        attacks.push(Attack::refused(get(target), 400, "its version is neither"));
    }
    for target in ["/health\0", "/health\x7f", "/\x1b[31m", "/health\t"] {
        attacks.push(Attack::refused(get(target), 400, "its first line is not like"));
    }
    for target in [
        "/health?", "/health?#", "/health?%00%ff%zz&&==;", "http://localhost/health", "HTTP://LOCALHOST:80/health?x",
        "ws://[::1]/health", "http://127.0.0.1",
    ] {
        attacks.push(Attack::answered(get(target), &[200]));
    }
    // In a URL it is this host that counts (RFC 9112, 3.2.2), but there must be a Host, and a right one.
    let url = get("http://localhost/health");
    for (host, status, words) in [
        ("Host: evil.example\r\n", 200, ""),
        ("Host: psst psst\r\n", 400, "not a name or address"),
        ("Host: \r\n", 400, "not a name or address"),
        ("", 400, "must have a Host header"),
        ("Host: localhost\r\nHost: localhost\r\n", 400, "one Host header"),
    ] {
        let sent = url.replace("Host: localhost\r\n", host);
        attacks.push(Attack::answered(sent, &[status]).saying(words));
    }
    for target in ["http://evil.example/health", "http:///health"] {
        let old = format!("GET {target} HTTP/1.0\r\n\r\n");
        attacks.push(Attack::answered(old, &[if target.contains("evil") { 403 } else { 400 }]));
    }
    attack(server(&[]), attacks);
}

#[test]
fn names_in_the_address_are_decoded_and_then_judged_and_never_break_anything() {
    let long = format!("name={}", "%F0%9F%A6%80".repeat(600));
    let many = "name=Eva&".repeat(800);
    #[rustfmt::skip]
    let queries = [
        ("name=%", "%"), ("name=%zz", "%zz"), ("name=%25%30%30", "%00"), ("%6eame=Ana", "Ana"), ("name=Bob&name=Eva", "Bob"), (&many, "Eva"),
        ("name=%3Cscript%3E", "<script>"), ("name=%22%27%5c", r#"\"'\\"#), ("name=%ff", "\u{fffd}"), ("name=%c0%af", "\u{fffd}\u{fffd}"),
        ("name=%ed%a0%80", "\u{fffd}\u{fffd}\u{fffd}"), ("name=+%20Luis%C2%A0+", "Luis"),
        ("name=%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9", r"👨\u{200d}👩"),
        // None of these is a valid name.
        ("name=%00", "guest-"), ("name=%0d%0aX:%20y", "guest-"), ("name=%1b[2J", "guest-"), ("name=%e2%80%ae", "guest-"),
        ("name=a%E2%80%8Db", "guest-"), (&long, "guest-"), ("name", "guest-"), ("name[]=x", "guest-"), ("&&&===", "guest-"),
        ("session=1.%00&epoch=%ff&after=99999999999999999999", "guest-"), ("session=&epoch=&after=-1", "guest-"), ("wire=%ff", "guest-"),
    ];
    let attack_with = |(query, name): (&str, &str)| {
        let joined = format!("joined the chat as \"{name}");
        Attack::answered(handshake(&format!("/ws?{query}")), &[101]).saying(&joined)
    };
    attack(server(&[]), queries.map(attack_with).into());
}

#[test]
#[rustfmt::skip]
fn hosts_are_ours_or_refused() {
    let mut attacks = Vec::new();
    let mut add = |hosts: &[&str], status: u16, words: &str| {
        for host in hosts {
            let good = if status == 200 { 101 } else { status };
            for (head, status) in [(health(), status), (handshake("/echo"), good)] {
                let head = head.replacen("Host: localhost", &format!("Host: {host}"), 1);
                attacks.push(Attack::answered(head, &[status]).saying(words));
            }
        }
    };
    add(
        &[
            "LOCALHOST", "localhost.", "localhost:", "localhost:0", "localhost:080", "\tlocalhost ", "127.0.0.1.",
            "0.0.0.0:65535", "[::1]:1", "[::ffff:127.0.0.1]", "Class.Example:80",
        ],
        200,
        "",
    );
    add(
        &[
            "", ".", "*", "a b", "user@localhost", "user:psst@localhost", "localhost@evil.example", "localhost#",
            "localhost/", "localhost\\", "localhost?", "localhost, evil.example", "localhost:65536", "localhost:-1",
            "localhost:+80", "localhost:80:80", "localhost:http", ":3000", "[::1", "[::1]x", "[::1].", "[localhost]",
            "[::1%25eth0]", "::1", "%6cocalhost", "<script>", "'localhost'", "lócalhost",
        ],
        400,
        "The Host header is not a name or address",
    );
    add(
        &[
            "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example.", "localhost..", ".localhost",
            "xlocalhost", "localhostx", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.1",
            "256.0.0.1", "null", "undefined", "xn--localhost", "class.example.evil.example",
        ],
        403,
        "names a host that is not this server",
    );
    // Other headers about the host do not count.
    for header in [
        "X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Host: localhost", "Origin: http://evil.example",
    ] {
        let head = request("GET", "/health", &format!("{header}\r\n"));
        let head = head.replacen("Host: localhost", "Host: evil.example", 1);
        attacks.push(Attack::refused(head, 403, "names a host that is not this server"));
    }
    attack(server(&["--host-name", "class.example"]), attacks);
}

#[test]
#[rustfmt::skip]
fn origins_are_the_hosts_or_refused() {
    let mut attacks = Vec::new();
    let mut add = |host: &str, origins: &[&str], welcome: bool| {
        for origin in origins {
            let lines = format!("Host: {host}\r\nOrigin: {origin}");
            for (head, status) in [(request("POST", "/echo", ""), 200), (handshake("/echo"), 101)] {
                let head = head.replacen("Host: localhost", &lines, 1);
                attacks.push(match welcome {
                    true => Attack::answered(head, &[status]),
                    false if *origin == "null" => Attack::refused(head, 403, "A page from disk"),
                    false => Attack::refused(head, 403, "A page from another site"),
                });
            }
        }
    };
    add(
        "localhost",
        &[
            "http://localhost", "https://localhost", "http://LocalHost", "https://lms.example", "HTTPS://LMS.EXAMPLE",
        ],
        true,
    );
    add(
        "localhost",
        &[
            "", "null", "*", "localhost", "//localhost", "http:localhost", "http:/localhost", "http://", "https://",
            "file://", "ws://localhost", "ftp://localhost", "http://localhost/", "http://localhost/path",
            "http://localhost?", "http://localhost#", "http://localhost:80", "https://localhost:443",
            "http://localhost:", "http://localhost.", "http://user@localhost", "http://localhost@evil.example",
            "http://evil.example", "http://localhost.evil.example", "http://evil.example/http://localhost",
            "http://localhost, http://evil.example", "http://localhost http://evil.example", "http://localhost,",
            "http://127.0.0.1", "http://[::1]", "http://xlocalhost", "http://local\u{a0}host", "http://lms.example",
            "https://lms.example:443", "https://lms.example/", "https://lms.example.evil.example",
            "chrome-extension://psst", "about:blank", "data:text/html,psst",
        ],
        false,
    );
    add("localhost:3000", &["http://localhost:3000", "https://localhost:3000"], true);
    add(
        "localhost:3000",
        &[
            "http://localhost", "http://localhost:300", "http://localhost:30000", "http://localhost:03000",
            "http://localhost:3000:3000",
        ],
        false,
    );
    add("localhost:80", &["http://localhost"], false);
    add("[::1]:3000", &["http://[::1]:3000"], true);
    add("[::1]:3000", &["http://[::1]", "http://::1:3000", "http://[0:0:0:0:0:0:0:1]:3000"], false);
    add(
        "localhost",
        &["http://localhost\r\nOrigin: http://localhost", "http://localhost\r\norigin: null"],
        false,
    );
    // Without a host, no origin is ours.
    for origin in ["http://", "https://", "null", "", "http://localhost"] {
        let old = format!("POST /echo HTTP/1.0\r\nOrigin: {origin}\r\n\r\n");
        let words = if origin == "null" { "A page from disk" } else { "A page from another site" };
        attacks.push(Attack::refused(old, 403, words));
    }
    attack(server(&["--origin", "https://lms.example"]), attacks);
}
