//! Chapter 9, extensions: the server has none.

use super::Subject;
use crate::common::raw::{ask, handshake};

/// A handshake with these offers, a header line each.
fn offered(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("Sec-WebSocket-Extensions: {line}\r\n")).collect();
    handshake("/ws").replacen("Host", &format!("{lines}Host"), 1)
}

/// 9: "A server MUST NOT respond with any extension not requested by the client." 4.2.2, /extensions/: "Extensions not listed
/// by the client MUST NOT be listed." 9.1: "this header field MAY be split or combined across multiple lines".
#[test]
fn no_extension_is_agreed_to() {
    let subject = Subject::start(&[]);
    for lines in [
        &[][..],
        &["permessage-deflate; client_max_window_bits"],
        &["permessage-deflate;client_max_window_bits=\"15\" , x-webkit-deflate-frame"],
        &["foo", "bar; baz=2"],
        &["mux; max-channels=4; flow-control,\tdeflate-stream"],
        &[", foo ,, bar;a=\"b\\c\"\t; d ,"],
    ] {
        let answer = ask(&subject.server, offered(lines));
        assert_eq!(answer.status, 101, "{lines:?}: {answer:?}");
        assert_eq!(answer.header("sec-websocket-extensions"), None, "{lines:?}");
    }
}

/// 9.1: "If a value is received by either the client or the server during negotiation that does not conform to the ABNF below,
/// the recipient of such malformed data MUST immediately _Fail the WebSocket Connection_."
#[test]
fn a_list_of_extensions_that_breaks_the_grammar_is_refused() {
    let mut subject = Subject::start(&[]);
    for lines in [
        &[""][..],
        &[" , ,"],
        &["foo bar"],
        &["foo;"],
        &["foo; ; bar"],
        &["; bar"],
        &["foo; bar="],
        &["foo; =2"],
        &["foo; bar=1=2"],
        &["foo; bar=\"1"],
        &["foo; bar=\"\""],
        &["foo; bar=\"1 2\""],
        &["foo; bar=\"1,2\""],
        &["foo; bar=\"1\\\""],
        &["foo; bar=\"1\"2"],
        &["foo@bar"],
        &["foo", "b\u{fc}r"],
    ] {
        subject.refuses(&format!("{lines:?}"), offered(lines), 400);
    }
}
