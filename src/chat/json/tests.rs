use super::*;

#[test]
fn every_text_is_encoded_as_serde_encodes_it() {
    let mut texts: Vec<String> = (0..=0x2ff).filter_map(char::from_u32).map(String::from).collect();
    texts.extend(["", "hola \"tú\"", "\u{2028}😀\0", "a\\b\n\r\t\u{8}\u{c}"].map(String::from));
    for text in texts {
        let expected = serde_json::to_string(&text).expect("a text is always a string");
        let string = JsonString::of(&text);
        assert_eq!(string.get(), expected);
        assert_eq!(serde_json::to_string(&string).expect("it is JSON"), expected);
        assert_eq!(serde_json::from_str::<JsonString>(&expected).expect("a string"), string);
        let mut json = b"x".to_vec();
        put_string(&text, &mut json);
        assert_eq!(json, format!("x{expected}").into_bytes());
    }
}
