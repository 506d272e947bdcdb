use super::*;

fn status(head: &str) -> Option<u16> {
    match parse(head.as_bytes()) {
        Ok(parsed) => parsed.map(|_| 200),
        Err(answer) => Some(answer.status),
    }
}

#[test]
fn only_a_whole_and_valid_head_is_a_request() {
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n"), None);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(200));
    for broken in [
        "\u{16}\u{3}\u{1}",
        "G\u{1}T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET nowhere HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        assert_eq!(status(broken), Some(400), "{broken:?}");
    }
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    assert_eq!(status(&many), Some(431));
}

#[test]
fn a_target_is_a_path_or_a_url() {
    let parts = |target| target_parts(target).map(|parts| (parts.authority, parts.path, parts.query));
    assert_eq!(parts("/ws?name=Ana"), Some((None, "/ws", "name=Ana")));
    assert_eq!(parts("http://localhost:3000/ws?x"), Some((Some("localhost:3000"), "/ws", "x")));
    assert_eq!(parts("ws://localhost"), Some((Some("localhost"), "/", "")));
    assert_eq!(parts("http://localhost?x"), Some((Some("localhost"), "/", "x")));
    assert_eq!(parts("*"), None);
}
