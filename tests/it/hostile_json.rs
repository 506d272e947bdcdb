//! Hostile JSON: only the sender of a wrong text gets the answer, and can chat on. The log gets one line that does not quote the
//! text. No other client notices, and no resources leak.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::Server;
use crate::common::bystander::{each_while_somebody_chats, stories};
use crate::common::raw::{CLOSE, RawClient, TEXT, frame};
use serde_json::Value;

/// Longest message in bytes.
const MAX_MESSAGE: usize = 65536;

/// What must come of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// It is no message: an `error` with the code `bad_message`, whose text is in the log.
    NotUnderstood,
    /// A message without text: an `error` with the code `empty`, whose text is in the log.
    Empty,
    /// Understood, but it cannot be: an `error` with this code.
    Refused(String),
    /// All members receive this text.
    Said(String),
    /// All members get the new name.
    Renamed(String),
    /// Nothing comes back.
    Nothing,
    /// The connection ends with this code.
    Closed(u16),
}
use Answer::{Closed, Empty, NotUnderstood, Nothing, Refused, Renamed, Said};

/// A text, and what must come of it.
type Case = (Vec<u8>, Answer);

fn case(text: impl AsRef<[u8]>, answer: Answer) -> Case {
    (text.as_ref().to_vec(), answer)
}

fn said(text: &str) -> Answer {
    Said(text.to_owned())
}

/// A message with this in it besides its text.
fn message_with(more: &str) -> String {
    format!(r#"{{"type":"message","text":"hola",{more}}}"#)
}

/// What came back to the sender itself: its error, its message, its new name, its end; and the error's text.
fn answers(client: &mut RawClient, name: &str) -> (Vec<Answer>, String) {
    let (mut answers, mut explanation) = (Vec::new(), String::new());
    loop {
        let (first, payload) = client.frame().expect("a close frame comes first");
        if first == CLOSE {
            let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            assert_eq!(client.frame(), None, "nothing comes behind a close frame");
            answers.push(Closed(code));
            return (answers, explanation);
        }
        assert_eq!(first, TEXT);
        let event: Value = serde_json::from_slice(&payload).expect("an event is JSON");
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let is_own = text("from") == name;
        match &*text("type") {
            "error" => {
                explanation = text("text");
                answers.push(match &*text("code") {
                    "bad_message" => NotUnderstood,
                    "empty" => Empty,
                    code => Refused(code.to_owned()),
                });
            }
            "message" if is_own => answers.push(Said(text("text"))),
            "renamed" if is_own => answers.push(Renamed(text("name"))),
            "welcome" | "message" | "joined" | "left" | "crowd" | "renamed" | "typing" => {}
            _ => panic!("not expected: {event}"),
        }
    }
}

/// Sends each text on its own connection, then a close. Checks the answers and the close code.
fn attack(cases: Vec<Case>) {
    let server = Server::start(&["--rate", "0", "--history", "0", "--log", "info"]);
    let number = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    each_while_somebody_chats(&server, cases, |(text, expected)| {
        let name = format!("Nr {}", number.fetch_add(1, Ordering::Relaxed));
        let mut client = RawClient::open(&server, &format!("/ws?name={}", name.replace(' ', "+")));
        let port = client.socket.local_addr().expect("an address").port();
        client.send(&[frame(TEXT, &text), frame(CLOSE, b"\x03\xe8")].concat());
        let (answers, explanation) = answers(&mut client, &name);
        let begin: String = String::from_utf8_lossy(&text).chars().take(200).collect();
        let done_so_far = &mut *done.lock().expect("no panic while locked");
        done_so_far.push((begin, expected, port, answers, explanation));
    });
    let done = done.into_inner().expect("no panic while locked");
    let faults = done.iter().filter_map(|(text, expected, _, answers, _)| {
        let all = match expected {
            Nothing => vec![Closed(1000)],
            Closed(code) => vec![Closed(*code)],
            other => vec![other.clone(), Closed(1000)],
        };
        let short: String = format!("{answers:?}").chars().take(200).collect();
        (*answers != all).then(|| format!("{text:?}: {short}, not {expected:.200?}"))
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut log = stories(server);
    for (text, expected, port, _, explanation) in done {
        let how = match expected {
            Closed(code) => format!("by the server: {code} ("),
            _ => "by the client: 1000 (".to_owned(),
        };
        let (closing, closed) = (format!("closing begun {how}"), format!("closed {how}"));
        let mut words = vec!["TCP connection from ", "answered 101", "joined the chat as \"Nr "];
        let refused = format!("a message was refused: {explanation}");
        if matches!(expected, NotUnderstood | Empty) {
            words.push(&refused);
        }
        words.extend([&*closing, &*closed]);
        log.take(port, &words, &text);
    }
}

#[test]
#[rustfmt::skip]
fn text_that_is_not_json_is_refused() {
    let whole = r#"{"type":"message","text":"psst"}"#;
    let mut cases = Vec::new();
    for broken in [
        "{", "{}", "{]", "{{}}", "{\"", "{psst}", "{\"type\"}", "{\"type\":}", "{,}", "{\0}", "{\u{feff}}", "{/**/}",
        "{'type':'message','text':'psst'}", "{type:\"message\",text:\"psst\"}", r#"{"type":"message","text":"psst",}"#,
        r#"{"type":"message",,"text":"psst"}"#, r#"{"type":"message""text":"psst"}"#, r#"{"type"="message","text"="psst"}"#,
        r#"{"type":"message",/*psst*/"text":"psst"}"#, "{\"type\":\"message\",//psst\n\"text\":\"psst\"}", r#"{"type":"message","text":`psst`}"#,
        r#"{"type":"message","text":"psst"} psst"#, r#"{"type":"message","text":"psst"}}"#, r#"{"type":"message","text":"psst"}]"#,
        "{\"type\":\"message\",\"text\":\"psst\"}\0", "{\"type\":\"message\",\"text\":\"psst\"}\u{feff}", "{\"type\":\"message\",\"text\":\"psst\"}\u{a0}",
        r#"{"type":"message","text":"psst"}{"type":"message","text":"psst"}"#, "{\"type\":\"message\",\"text\":\"psst\"}\n{\"type\":\"message\",\"text\":\"psst\"}",
        // A string holds no raw control characters, and no escapes but eight.
        "{\"type\":\"message\",\"text\":\"psst\n\"}", "{\"type\":\"message\",\"text\":\"psst\t\"}", "{\"type\":\"message\",\"text\":\"psst\0\"}",
        r#"{"type":"message","text":"psst\x41"}"#, r#"{"type":"message","text":"psst\'"}"#, r#"{"type":"message","text":"psst\u12"}"#,
        r#"{"type":"message","text":"psst\u{41}"}"#, r#"{"type":"message","text":"psst\U00000041"}"#, r#"{"type":"message","text":"psst\"}"#, r#"{"type":"message","text":"psst\u00g0"}"#,
    ] {
        cases.push(case(broken, NotUnderstood));
    }
    for cut in 1..whole.len() {
        cases.push(case(&whole[..cut], NotUnderstood));
    }
    // White space inside and after an object has no meaning, and unknown fields are ignored.
    for right in [
        "{ \"type\" : \"message\" , \"text\" : \"hola\" }", "{\r\n\t\"type\":\"message\",\n\"text\":\"hola\"}\r\n \t", r#"{"text":"hola","type":"message"}"#,
        r#"{"to":null,"ref":null,"name":null,"what":null,"code":null,"text":"hola","type":"message"}"#, r#"{"":"","type":"message","text":"hola"}"#,
        r#"{"__proto__":{"type":"name"},"constructor":1,"toString":[],"type":"message","text":"hola"}"#, r#"{"TYPE":"name","Text":"psst","TO":"Nobody","type":"message","text":"hola"}"#,
        r#"{"t\u0079pe":"m\u0065ssage","\u0074ext":"h\u006fla"}"#, r#"{"type":"message","text":"hola","x":1,"x":2,"x":[]}"#,
    ] {
        cases.push(case(right, said("hola")));
    }
    // What does not begin with a brace is plain text, and said as it is.
    for plain in ["[]", "null", "\"hola\"", "[{\"type\":\"typing\"}]", "}", "a\tb", "¡olé! 🦀", "</script><!--", "\u{2028}"] {
        cases.push(case(plain, if plain == "\u{2028}" { Empty } else { said(plain) }));
    }
    attack(cases);
}

#[test]
fn deeply_nested_json_does_no_harm() {
    let mut cases = Vec::new();
    for depth in [1, 100, 127, 128, 129, 1000, 10_000] {
        let lists = "[".repeat(depth) + &"]".repeat(depth);
        let objects = r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
        let mixed = r#"[{"a":"#.repeat(depth.div_ceil(2)) + "1" + &"}]".repeat(depth.div_ceil(2));
        for nested in [&lists, &objects, &mixed] {
            cases.push(case(message_with(&format!(r#""x":{nested}"#)), said("hola")));
            for field in ["type", "text", "to", "ref", "name", "what", "code"] {
                let doubled = format!(r#"{{"{field}":{nested},"type":"message","text":"psst"}}"#);
                cases.push(case(doubled, NotUnderstood));
            }
            // Never closed, or one too often.
            cases.push(case(message_with(&format!(r#""x":{}"#, &nested[..nested.len() - 1])), NotUnderstood));
            cases.push(case(message_with(&format!(r#""x":{nested}]"#)), NotUnderstood));
        }
    }
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let endless = open.repeat(65_000 / open.len());
        cases.push(case(message_with(&format!(r#""x":{endless}"#)), NotUnderstood));
        cases.push(case(format!(r#"{{"type":"message","text":{endless}"#), NotUnderstood));
        cases.push(case(format!(r#"{{"x":{endless}"#), NotUnderstood));
    }
    let deepest = "[".repeat(30_000) + &"]".repeat(30_000);
    cases.push(case(message_with(&format!(r#""x":{deepest}"#)), said("hola")));
    cases.push(case(format!(r#"{{"type":"typing","text":{deepest}}}"#), NotUnderstood));
    attack(cases);
}

#[test]
#[rustfmt::skip]
fn numbers_of_any_size_are_nothing_or_not_understood() {
    let mut cases = Vec::new();
    let (long, fraction) = ("9".repeat(20_000), "0.".to_owned() + &"9".repeat(20_000));
    for number in [
        "0", "-0", "-0.0", "0e0", "1E+2", "1e400", "-1e400", "1e-400", "1e999999999999", "18446744073709551616", "-9223372036854775809", "1000.0", &long, &fraction,
    ] {
        cases.push(case(message_with(&format!(r#""x":{number}"#)), said("hola")));
        for field in ["type", "text", "to", "ref", "name", "what"] {
            cases.push(case(format!(r#"{{"{field}":{number},"x":"psst"}}"#), NotUnderstood));
        }
        cases.push(case(format!(r#"{{"type":"show","what":"close","code":{number}}}"#), NotUnderstood));
    }
    for number in ["00", "01", "-01", "+1", ".5", "5.", "1e", "1e+", "0x10", "1_000", "1,5", "-", "--1", "NaN", "Infinity", "-Infinity", "nan", "١", "1f"] {
        cases.push(case(message_with(&format!(r#""x":{number}"#)), NotUnderstood));
        cases.push(case(format!(r#"{{"type":"show","what":"close","code":{number}}}"#), NotUnderstood));
    }
    for code in ["1", "999", "1004", "1005", "1006", "1014", "1015", "2000", "5000", "65535", "65536", "-1000", "1e3", "\"1000\"", "[1000]", "null"] {
        cases.push(case(format!(r#"{{"type":"show","what":"close","code":{code}}}"#), NotUnderstood));
    }
    attack(cases);
}

#[test]
#[rustfmt::skip]
fn every_field_of_a_wrong_type_is_not_understood_in_every_command() {
    let commands = [
        r#""type":"message","text":"psst""#, r#""type":"name","name":"psst""#, r#""type":"typing""#, r#""type":"show","what":"ping""#,
    ];
    let mut cases = Vec::new();
    for command in commands {
        for field in ["to", "ref", "text", "name", "what", "code", "type"] {
            for wrong in ["true", "false", "-1", "1.5", "[]", "[null]", r#"["psst"]"#, "{}", r#"{"psst":"psst"}"#, r#"{"type":"message"}"#, r#""\ud800""#] {
                // In the place of the right one, or as one more that no command needs.
                let mut fields: Vec<&str> = command.split(',').filter(|right| !right.starts_with(&format!("\"{field}\""))).collect();
                let wrong = format!(r#""{field}":{wrong}"#);
                fields.push(&wrong);
                cases.push(case(format!("{{{}}}", fields.join(",")), NotUnderstood));
                fields.rotate_right(1);
                cases.push(case(format!("{{{}}}", fields.join(",")), NotUnderstood));
            }
        }
        // A known field twice is none, even of the same value, even spelled in another way.
        for field in command.split(',') {
            let (name, value) = field.split_once(':').expect("a field");
            let escaped = format!("\"\\u{:04x}{}", name.as_bytes()[1], &name[2..]);
            for second in [field.to_owned(), format!("{name}:null"), format!("{name}:\"psst\""), format!("{escaped}:{value}")] {
                cases.push(case(format!("{{{command},{second}}}"), NotUnderstood));
                cases.push(case(format!("{{{second},{command}}}"), NotUnderstood));
            }
        }
    }
    for (nothing, answer) in [
        (r#"{"type":"message"}"#, NotUnderstood), (r#"{"type":"message","text":null}"#, NotUnderstood), (r#"{"type":"name"}"#, NotUnderstood),
        (r#"{"type":"name","name":null}"#, NotUnderstood), (r#"{"type":"name","text":"psst"}"#, NotUnderstood), (r#"{"type":"show"}"#, NotUnderstood),
        (r#"{"type":"show","what":null}"#, NotUnderstood), (r#"{"type":"show","what":"psst"}"#, NotUnderstood), (r#"{"type":"show","what":"close"}"#, NotUnderstood),
        (r#"{"type":"show","what":"Ping"}"#, NotUnderstood), (r#"{"text":"psst"}"#, NotUnderstood), (r#"{"type":null,"text":"psst"}"#, NotUnderstood),
        (r#"{"type":"","text":"psst"}"#, NotUnderstood), (r#"{"type":"Message","text":"psst"}"#, NotUnderstood), (r#"{"type":"message ","text":"psst"}"#, NotUnderstood),
        (r#"{"type":"message\u0000","text":"psst"}"#, NotUnderstood), (r#"{"type":"welcome","you":"psst"}"#, NotUnderstood), (r#"{"type":"joined","name":"psst"}"#, NotUnderstood),
        (r#"{"type":"error","code":1}"#, NotUnderstood), (r#"{"type":"__proto__","text":"psst"}"#, NotUnderstood),
        // What no command needs is nothing, if it is of its type.
        (r#"{"type":"typing","text":"psst","to":"Nobody","name":"psst","what":"drop","code":1000,"ref":"r"}"#, Nothing),
        (r#"{"type":"message","text":"hola","name":"psst","what":"drop","code":1000}"#, said("hola")),
    ] {
        cases.push(case(nothing, answer));
    }
    attack(cases);
}

#[test]
#[rustfmt::skip]
fn strings_are_taken_whole_or_not_at_all() {
    let mut cases = Vec::new();
    // Half of a letter beyond the first plane, alone or in the wrong order.
    for half in [r"\ud800", r"\udfff", r"\udc00\ud800", r"\ud83e", r"\ud83ex", r"\ud83e\ud83e", r"\ud83e\u0041", r"\udd80", r"\uD83E\n"] {
        for (field, rest) in [("text", r#""type":"message""#), ("name", r#""type":"name""#), ("to", r#""type":"message","text":"psst""#), ("ref", r#""type":"message","text":"psst""#), ("type", r#""text":"psst""#), ("what", r#""type":"show""#)] {
            cases.push(case(format!(r#"{{{rest},"{field}":"{half}"}}"#), NotUnderstood));
        }
    }
    let mut text = |json: &str, answer: Answer| cases.push(case(format!(r#"{{"type":"message","text":"{json}"}}"#), answer));
    text(r"\ud83e\udd80", said("🦀"));
    text(r#"\"\\\/\b\f\n\r\t hola"#, said("\"\\/\u{8}\u{c}\n\r\t hola"));
    text(r"\u003c/script\u003e", said("</script>"));
    text("a\u{7f}\u{80}\u{9f}\u{feff}\u{fffe}\u{10ffff}", said("a\u{7f}\u{80}\u{9f}\u{feff}\u{fffe}\u{10ffff}"));
    text(r"\u202eatse", said("\u{202e}atse"));
    text(r"hola, hola\u0000", said("hola, hola\0"));
    for empty in ["", " ", r"\n", r"\t \r", "\u{a0}", "\u{3000}", r"\u2003\u2028", r"\u200b\u2060", "\u{feff}", r"\u00ad \u202e", "\u{200d}\u{fe0f}", r"\u3164", "\u{e0041}"] {
        text(empty, Empty);
    }
    for control in [r"\u0000", r"\u0001\u0002\u0003", r"\u001b[2J"] {
        text(control, NotUnderstood);
    }
    // Long texts, also with escapes that make them longer.
    text(&r"\u0041".repeat(10_900), Said("A".repeat(10_900)));
    text(&r"\u0000".repeat(10_900), NotUnderstood);
    text(&r"\ud83e\udd80".repeat(5_400), Said("🦀".repeat(5_400)));
    text(&r"\n".repeat(32_000), Empty);
    text(&(r#"\""#.repeat(32_000)), Said("\"".repeat(32_000)));
    text(&r"\ud800".repeat(10_900), NotUnderstood);
    for control in ["\0", "\u{1}\u{2}", "\u{1b}[2J"] {
        cases.push(case(control, NotUnderstood));
    }
    for name in ["", " ", r"\u0000", r"Ana\u0000", r"\u202eanA", r"\u200b", r"\n", r"A\u0007na", "\u{feff}", &r"\u0041".repeat(65), &r"\u0041".repeat(10_000)] {
        cases.push(case(format!(r#"{{"type":"name","name":"{name}"}}"#), Refused("bad_name".to_owned())));
    }
    cases.push(case(r#"{"type":"name","name":"\ud83e\udd80"}"#, Renamed("🦀".to_owned())));
    for to in ["", " ", r"\u0000", r"\u202e", "Nobody", r"Nobody\n", &r"\u0041".repeat(10_000)] {
        cases.push(case(message_with(&format!(r#""to":"{to}""#)), Refused("no_such_user".to_owned())));
    }
    for reference in ["", r"\u0000", &"r".repeat(64), &"ñ".repeat(32), &r"\u0041".repeat(64)] {
        cases.push(case(message_with(&format!(r#""ref":"{reference}""#)), said("hola")));
    }
    for reference in [&"r".repeat(65), &("ñ".repeat(32) + "r"), &r"\u0041".repeat(10_000)] {
        cases.push(case(message_with(&format!(r#""ref":"{reference}""#)), NotUnderstood));
    }
    // Up to the last byte of a message, and beyond it.
    let padded = |length: usize, padding: &str, begin: &str, end: &str| {
        format!("{begin}{}{end}", padding.repeat(length - begin.len() - end.len()))
    };
    for (length, answer) in [(MAX_MESSAGE, Nothing), (MAX_MESSAGE + 1, Closed(1009))] {
        cases.push(case(padded(length, " ", "{", r#""type":"typing"}"#), answer.clone()));
        cases.push(case(padded(length, "x", r#"{"type":"typing","x":""#, r#""}"#), answer.clone()));
        cases.push(case(padded(length, "\n", r#"{"type":"typing"}"#, ""), answer.clone()));
    }
    let keys: String = (0..5_000).map(|number| format!(r#","{number}":0"#)).collect();
    cases.push(case(format!(r#"{{"type":"typing"{keys}}}"#), Nothing));
    cases.push(case("x".repeat(MAX_MESSAGE), Said("x".repeat(MAX_MESSAGE))));
    cases.push(case("{".repeat(MAX_MESSAGE), NotUnderstood));
    cases.push(case("\"".repeat(MAX_MESSAGE), Said("\"".repeat(MAX_MESSAGE))));
    for wrong in [&b"{\"type\":\"message\",\"text\":\"\xed\xa0\x80\"}"[..], b"{\"type\":\"message\",\"text\":\"\xc0\x80\"}", b"{\"type\":\"typing\"}\xff", b"\xff\xfe{\0}\0"] {
        cases.push(case(wrong, Closed(1007)));
    }
    attack(cases);
}
