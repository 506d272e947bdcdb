use super::*;

#[test]
fn only_its_own_secret_proves_a_session() {
    let secret = Token::random().expect("random numbers");
    let token = SessionToken::parse(&session_text(MemberId(7), &secret)).expect("our own text");
    assert_eq!(token.member, MemberId(7));
    assert!(token.proves(Some(&secret)));
    assert!(!token.proves(Token::random().as_ref()));
    assert!(!token.proves(None));
    for wrong in ["", ".", "7", "7.", "7.AAAA", "x.AAAAAAAAAAAAAAAAAAAAAA", "7.AAAAAAAAAAAAAAAAAAAAA!"] {
        assert!(SessionToken::parse(wrong).is_none(), "{wrong}");
    }
}
