use super::*;

#[test]
fn a_response_has_its_length_and_says_whether_the_connection_ends() {
    let answer = Response::refusal(408, "too slow");
    let text = String::from_utf8(answer.to_bytes()).expect("answers are text here");
    assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"), "{text}");
    assert!(text.contains("Content-Length: 9\r\n"));
    assert!(text.ends_with("\r\n\r\ntoo slow\n"));
    let head = String::from_utf8(answer.with_method(true).to_bytes()).expect("answers are text here");
    assert!(head.contains("Content-Length: 9\r\n") && head.ends_with("\r\n\r\n"));
}

#[test]
fn upgrade_required_names_the_protocol() {
    let text = String::from_utf8(Response::upgrade_required("x").to_bytes()).expect("text");
    assert!(text.contains("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"), "{text}");
}
