use super::*;

fn hidden(head: &str) -> String {
    let mut bytes = head.as_bytes().to_vec();
    hide_in_head(&mut bytes);
    assert_eq!(bytes.len(), head.len());
    String::from_utf8(bytes).expect("still text")
}

#[test]
fn secrets_in_heads_are_hidden_and_nothing_else_is() {
    assert_eq!(
        hidden(
            "GET /ws?name=Ana&session=7.rQ&epoch=e&after=3&wire=abc HTTP/1.1\r\nHost: localhost\r\nCOOKIE: a=b; c\r\n\
             Referer: http://localhost/?key=abc\r\nSec-WebSocket-Key: dGhl\r\nAuthorization:Basic QQ==\r\n\r\n"
        ),
        "GET /ws?name=Ana&session=****&epoch=e&after=3&wire=*** HTTP/1.1\r\nHost: localhost\r\nCOOKIE: **** *\r\n\
         Referer: http://localhost/?key=***\r\nSec-WebSocket-Key: dGhl\r\nAuthorization:***** ****\r\n\r\n"
    );
}

#[test]
fn a_head_does_not_show_how_long_a_password_is() {
    let hidden = |head: &str| {
        let mut bytes = head.as_bytes().to_vec();
        hide_in_head(&mut bytes);
        hide_lengths(&mut bytes);
        String::from_utf8(bytes).expect("still text")
    };
    assert_eq!(
        hidden("GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic QQ==\r\n Qg==\r\nA: b\r\n\r\n"),
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nAuthorization: ********\r\n\r\nA: b\r\n\r\n"
    );
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\ncontent-length:17\r\n\r\n");
    assert_eq!(hidden(&post("/login")), "POST /login HTTP/1.1\r\ncontent-length: ********\r\n\r\n");
    assert_eq!(hidden(&post("/echo")), post("/echo"));
}

#[test]
fn secrets_are_hidden_in_malformed_heads_too() {
    assert_eq!(
        hidden("GET /ws\nCookie: a\n\tb: c\nX: d\rX-Token: e\n"),
        "GET /ws\nCookie: *\n*** *\nX: d\rX-Token: *\n"
    );
    assert_eq!(hidden("GET /ws?session=abc"), "GET /ws?session=***");
    assert_eq!(hidden("GET / HTTP/1.1\r\nCookie a=b\r\nX\r\n"), "GET / HTTP/1.1\r\n****** ***\r\nX\r\n");
    for body in ["{\"password\":\"x\"}", "name=Ana&password=x", "Cookie: x", "Authorization:x", "SECRET"] {
        assert_eq!(hidden(body), body.replace(|byte| !" \r\n".contains(byte), "*"));
    }
    assert_eq!(hidden(""), "");
}

#[test]
fn the_session_and_the_key_of_a_welcome_are_hidden_for_any_user_name() {
    let welcome = br#"{"type":"welcome","you":"\",\"session\":\"x","session":"7.rQ","wire":"abc"}"#;
    let secrets = in_payload(welcome);
    let found: Vec<&[u8]> = secrets.iter().map(|range| &welcome[range.clone()]).collect();
    assert_eq!(found, [&b"7.rQ"[..], b"abc"]);
    assert!(in_payload(br#"{"type":"message","session":"x"}"#).is_empty());
}
