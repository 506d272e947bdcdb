use super::*;

#[test]
fn a_token_matches_only_itself_and_its_debug_text_hides_it() {
    let token = Token::random().expect("random numbers");
    assert_eq!(token.text().len(), 22);
    let again = Token::parse(&token.text()).expect("our own text");
    assert!(token.matches(&again));
    assert!(!token.matches(&Token::random().expect("random numbers")));
    assert_eq!(format!("{token:?}"), "Token");
    for wrong in ["", "AAAA", "short", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(Token::parse(wrong).is_none(), "{wrong}");
    }
}
