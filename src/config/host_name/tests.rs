use super::*;

#[test]
fn names_become_what_dns_has() {
    for (text, name) in [
        ("mañana", "xn--maana-pta"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
        ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
        ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("[::1]:3000", "[::1]"),
        ("10.0.0.7:3000", "10.0.0.7"),
        ("A_B.Example.:80", "a_b.example"),
    ] {
        assert_eq!(host_name(text).as_deref(), Ok(name), "{text}");
    }
    for text in ["", ".", "a..b", "a b", "a/b", "[::1", "a:b", "a:70000", "*", "a\u{85}b", "a:1:2"] {
        assert!(host_name(text).is_err(), "{text}");
    }
    assert!(host_name(&"a".repeat(63)).is_ok() && host_name(&"a".repeat(64)).is_err());
    assert!(host_name(&"a.".repeat(127)).is_ok_and(|name| name.len() == 253));
    assert!(host_name(&"a.".repeat(128)).is_err());
}
