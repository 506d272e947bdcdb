use super::*;

#[test]
fn a_message_is_encoded_as_serde_encodes_it() {
    let text = JsonString::of("hola \"tú\"");
    for (id, teacher) in [(1, false), (1_234_567, true), (u64::MAX, false)] {
        for (from, to, reference) in [
            ("Ana", None, None),
            ("\"O'Neill\" \\", None, Some("a\"1")),
            ("Ana", Some("Luis\u{7}"), Some("a1")),
            ("ñandú", Some("Luis"), None),
        ] {
            let at = "2026-11-23T09:00:00.123Z";
            let event = Event::Message { id, at, from, to, text: &text, reference, teacher };
            let expected = serde_json::to_vec(&event).expect("plain fields");
            assert_eq!(event.json(), expected);
        }
    }
}
