use super::*;

#[test]
fn host_headers_are_read_strictly() {
    for (host, name) in [
        ("localhost", Some("localhost")),
        ("LocalHost:3000", Some("localhost")),
        ("localhost.", Some("localhost")),
        ("192.168.1.20:3000", Some("192.168.1.20")),
        ("[::1]:3000", Some("::1")),
        ("[::1", None),
        ("[evil]", None),
        ("localhost:port", None),
        ("localhost:3000:1", None),
        ("localhost:99999", None),
        ("localhost:+80", None),
        ("", None),
        ("a b", None),
        ("user@localhost", None),
        ("localhost/x", None),
        (":3000", None),
    ] {
        assert_eq!(host_name(host).as_deref(), name, "{host}");
    }
}

#[test]
fn only_our_own_names_and_pages_are_allowed() {
    let names = HostNames::new(&["Class.Example".to_owned()], &["https://lms.example".to_owned()]);
    assert!(names.is_ours("localhost") && names.is_ours("class.example") && names.is_ours("10.0.0.7"));
    assert!(!names.is_ours("evil.example") && !names.is_ours("localhost.evil.example"));
    assert!(names.is_allowed("http://localhost:3000", "localhost:3000"));
    assert!(names.is_allowed("https://lms.example", "localhost:3000"));
    assert!(names.is_allowed("HTTP://LocalHost:3000", "localhost:3000"));
    assert!(!names.is_allowed("http://", ""), "without a host no page is the server's own");
    for origin in ["http://localhost:4000", "http://evil.example", "null", "", "localhost:3000"] {
        assert!(!names.is_allowed(origin, "localhost:3000"), "{origin}");
    }
}
