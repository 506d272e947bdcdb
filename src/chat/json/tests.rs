use super::*;

#[test]
fn every_text_is_encoded_as_serde_encodes_it_and_its_control_characters_are_escaped() {
    let mut texts: Vec<String> = (0..=0x2ff).filter_map(char::from_u32).map(String::from).collect();
    texts.extend(["", "hola \"tú\"", "\u{2028}😀\0", "a\\b\n\r\t\u{8}\u{c}"].map(String::from));
    for text in texts {
        let serde = serde_json::to_string(&text).expect("a text is always a string");
        let escaped = |one: char| match one {
            '\u{7f}'..='\u{9f}' | '\u{2028}' => format!("\\u{:04x}", u32::from(one)),
            other => other.to_string(),
        };
        let expected: String = serde.chars().map(escaped).collect();
        let string = JsonString::of(&text);
        assert_eq!(string.get(), expected);
        assert_eq!(serde_json::to_string(&string).expect("it is JSON"), expected);
        assert_eq!(serde_json::from_str::<JsonString>(&expected).expect("a string"), string);
        assert_eq!(serde_json::from_str::<String>(string.get()).expect("a string"), text);
        assert!(!string.get().contains(|one: char| one.is_control() || one == '\u{2028}'), "{expected}");
        let mut json = b"x".to_vec();
        put_string(&text, &mut json);
        assert_eq!(json, format!("x{expected}").into_bytes());
    }
}
