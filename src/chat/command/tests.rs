use super::*;

#[test]
fn plain_text_and_an_object_make_the_same_message() {
    for sent in ["hola \"tú\"", "hola \"tú\"\n", r#"{"type":"message","text":"hola \"t\u00fa\""}"#] {
        let (Parsed::Command(Command::Say { text, to: None, reference: None }), Privacy::Public) =
            Command::parse(sent)
        else {
            panic!("{sent}")
        };
        assert_eq!(text.get(), r#""hola \"tú\"""#);
    }
}

#[test]
fn an_object_after_white_space_is_an_object_and_not_a_text_for_all() {
    for before in [" ", "\n\t", "\u{a0}", "\u{feff}", "\u{feff} \r\n"] {
        let private = format!(r#"{before}{{"type":"message","text":"psst","to":"Luis"}}"#);
        let (Parsed::Command(Command::Say { text, to, .. }), Privacy::Private) = Command::parse(&private)
        else {
            panic!("{before:?}")
        };
        assert_eq!((text.get(), to.as_deref()), (r#""psst""#, Some("Luis")));
        let broken = Command::parse(&format!("{before}{{psst"));
        assert!(matches!(broken, (Parsed::Refused(_), Privacy::Private)));
        let plain = Command::parse(&format!("{before}hola"));
        assert!(matches!(plain, (Parsed::Command(Command::Say { .. }), Privacy::Public)));
    }
}

#[test]
fn an_unknown_or_invalid_object_is_never_sent_as_a_message() {
    let deep = "{\"type\":\"message\",\"text\":".to_owned() + &"[".repeat(60_000);
    for bad in [
        "{",
        "{}",
        r#"{"type":"shout","text":"x"}"#,
        r#"{"type":"message"}"#,
        r#"{"type":"message","text":5}"#,
        r#"{"type":"message","text":"a","text":"b"}"#,
        r#"{"type":"message","text":"\ud800"}"#,
        r#"{"type":"message","text":"x"} trailing"#,
        r#"{"type":"message","text":"secret","to":5}"#,
        r#"{"type":"message","text":1e999999}"#,
        &deep,
        "\u{1}\u{2}\u{3}",
    ] {
        assert!(!matches!(Command::parse(bad).0, Parsed::Command(_)), "{bad:.60}");
    }
}

#[test]
fn the_error_gives_the_place_in_characters_from_the_beginning() {
    for (bad, place) in [
        ("{", 1),
        (r#"{"type":"message","text":"x"} y"#, 31),
        (r#"{"type":"message","text":"ñ🦀"} y"#, 32),
        ("{\"type\":\"message\",\"text\":\"a\n\"}", 28),
        ("{\n\"type\":\n\"message\",\ny}", 22),
    ] {
        let (Parsed::Refused(Refusal { text, .. }), _) = Command::parse(bad) else { panic!("{bad}") };
        assert_eq!(text, format!("not a message: no valid JSON at character {place}"), "{bad}");
    }
}

#[test]
fn a_message_without_text_is_refused_with_its_ref() {
    let (Parsed::Refused(Refusal { code, reference, .. }), _) =
        Command::parse(r#"{"type":"message","text":" ","ref":"a1"}"#)
    else {
        panic!("must be refused")
    };
    assert_eq!((code, reference.as_deref()), (ErrorCode::Empty, Some("a1")));
}
