use super::*;

#[test]
fn a_name_in_the_query_is_decoded() {
    let name = |query| JoinRequest::parse(query).name;
    assert_eq!(name("x=1&name=Ana+Mar%C3%ADa"), Some("Ana María".to_owned()));
    assert_eq!(name("named=x"), None);
}

#[test]
fn a_resume_request_is_parsed_and_its_debug_text_hides_the_secret() {
    let request = JoinRequest::parse("session=7.AAAAAAAAAAAAAAAAAAAAAA&epoch=e1&after=341");
    let resume = request.resume.as_ref().expect("it wants to come back");
    assert!(resume.session.is_some());
    assert_eq!((resume.epoch.as_str(), resume.after), ("e1", 341));
    assert!(!format!("{request:?}").contains("AAAA"));
}
