use super::*;

#[test]
fn plain_text_and_the_object_say_the_same() {
    for said in ["hola \"tú\"", "hola \"tú\"\n", r#"{"type":"message","text":"hola \"t\u00fa\""}"#] {
        let (Parsed::Command(Command::Say { text, to: None, reference: None }), Privacy::Public) =
            Command::parse(said)
        else {
            panic!("{said}")
        };
        assert_eq!(text.get(), r#""hola \"tú\"""#);
    }
}

#[test]
fn an_object_behind_white_space_is_an_object_and_not_said_to_everybody() {
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
fn what_is_not_a_known_object_is_refused_and_never_said() {
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
fn the_place_of_a_fault_is_told_in_characters_from_the_beginning() {
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
