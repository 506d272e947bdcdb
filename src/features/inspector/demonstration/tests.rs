use super::*;
use crate::websocket::frame::whole_frames;

#[test]
fn a_ping_comes_between_the_fragments_of_a_message() {
    let bytes = fragments(b"abcdefgh");
    let frames: Vec<(bool, Opcode, &[u8])> =
        whole_frames(&bytes).map(|(head, bytes)| (head.fin, head.opcode, &bytes[2..])).collect();
    let expected: [(bool, Opcode, &[u8]); 4] = [
        (false, Opcode::Text, b"ab"),
        (true, Opcode::Ping, b"classroom"),
        (false, Opcode::Continuation, b"cde"),
        (true, Opcode::Continuation, b"fgh"),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn show_accepts_known_names_and_only_close_codes_that_may_be_sent() {
    let is_known = |json: &str| {
        let fields: Fields = serde_json::from_str(json).expect("an object");
        parse(&News::new(String::new()), ClientId(1), &fields).is_ok()
    };
    assert!(is_known(r#"{"type":"show","what":"ping"}"#));
    let close = |code| is_known(&format!(r#"{{"type":"show","what":"close","code":{code}}}"#));
    for code in [1000, 1003, 1007, 1013, 3000, 4999] {
        assert!(close(code), "{code}");
    }
    for code in [0, 999, 1004, 1005, 1006, 1014, 1015, 2000, 5000, 65_535] {
        assert!(!close(code), "{code}");
    }
    assert!(!is_known(r#"{"type":"show","what":"close"}"#));
    assert!(!is_known(r#"{"type":"show"}"#));
}
