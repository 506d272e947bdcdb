//! What stands in several places stays together: close codes, events, commands, error codes and words, in the sources, in the
//! documents and in both languages of the page. Who adds one is reminded of the other places by the test that fails.

use crate::common::project_file;
use websocket_classroom::close_code::CLOSE_CODES;

/// The names of an enum's variants, in the order of the source.
fn variants(file: &str, declaration: &str) -> Vec<String> {
    let source = project_file(file);
    let (_, body) = source.split_once(declaration).unwrap_or_else(|| panic!("{file} has {declaration}"));
    let (body, _) = body.split_once("\n}\n").expect("the enum ends");
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    names
        .map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap().to_owned())
        .collect()
}

/// `NameTaken` is `name_taken`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The page's words: Spanish, then English, each with its keys.
pub fn words() -> [(&'static str, Vec<String>); 2] {
    ["es", "en"].map(|language| {
        let text = project_file(&format!("page/words.{language}.js"));
        let lines = text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": '"));
        (language, lines.map(|(key, _)| key.to_owned()).collect())
    })
}

#[track_caller]
fn assert_has_word(key: &str) {
    for (language, keys) in words() {
        assert!(keys.iter().any(|other| other == key), "page/words.{language}.js: {key} is missing");
    }
}

/// What goes over the wire: the chat's, and the teacher's.
fn protocol() -> String {
    project_file("docs/protocol.md") + &project_file("docs/teacher.md")
}

#[test]
fn both_languages_have_the_same_words() {
    let [(_, spanish), (_, english)] = words();
    assert!(spanish.len() > 300, "{}", spanish.len());
    assert_eq!(spanish, english);
}

#[test]
fn each_close_code_has_its_row_in_the_documents_and_its_words_on_the_page() {
    let protocol = protocol();
    let rows = protocol.lines().skip_while(|line| *line != "| close code | when |").skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    for code in CLOSE_CODES.iter().filter(|row| row.first == row.last).map(|row| row.first) {
        let is_row =
            |row: &&str| row.split('|').nth(1).is_some_and(|codes| codes.contains(&code.to_string()));
        assert!(rows.iter().any(is_row), "docs/protocol.md: no row for close code {code}");
        assert_has_word(&format!("close_{code}"));
    }
    let page = project_file("page/connection.js");
    for row in CLOSE_CODES {
        assert_eq!(row.comes_back, row.last < 4500, "the page goes by this bound: {}", row.first);
    }
    assert!(
        page.contains(
            "if (state.staying && end.code < 4500 && !state.nobody && state.comesBack) retryLater();"
        )
    );
}

#[test]
fn each_event_has_its_line_in_the_documents_and_its_handler_in_the_page() {
    // The chat's own, and those of the teacher's room.
    let page = project_file("page/events.js") + &project_file("page/teacher/room.js");
    let protocol = protocol();
    let chat = variants("src/chat/event.rs", "pub enum Event<'a> {");
    assert!(chat.len() >= 9, "{chat:?}");
    let of_features = ["Shown", "Backplane"].map(str::to_owned);
    for event in chat.iter().chain(&of_features).map(|name| name.to_lowercase()) {
        let line = format!("← {{\"type\":\"{event}\"");
        assert!(protocol.contains(&line), "docs/protocol.md: {line} is missing");
        let handler = |begin: &str| page.contains(&format!("\n  {event}({begin}"));
        assert!(["event", "{", ")"].iter().any(|begin| handler(begin)), "the page has no handler of {event}");
    }
    let inspector = project_file("docs/inspector.md");
    let feed = variants("src/features/inspector/event.rs", "pub enum Event<'a> {");
    assert!(feed.len() >= 9, "{feed:?}");
    for event in feed.iter().map(|name| name.to_lowercase()) {
        assert!(inspector.contains(&format!("\n| `{event}` |")), "docs/inspector.md: no row for {event}");
    }
}

#[test]
fn each_error_code_is_in_the_documents_and_has_its_words() {
    let protocol = protocol();
    let codes = variants("src/chat/event.rs", "pub enum ErrorCode {");
    assert!(codes.len() >= 8, "{codes:?}");
    for code in codes.iter().map(|name| snake_case(name)) {
        assert!(protocol.contains(&format!("`{code}`")), "docs/protocol.md: error code {code}");
        assert_has_word(&format!("error_{code}"));
    }
}

/// The keys in the sources, each in a text or call that begins like this.
fn keys_after(beginning: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                let source = std::fs::read_to_string(path).expect("a source file");
                for after in source.split(beginning).skip(1) {
                    // The call with a variable has its keys elsewhere.
                    let after = after.split(')').next().unwrap_or_default();
                    let literal = after.split('"').nth(1).unwrap_or_default();
                    let key = literal.split(": ").next().unwrap_or_default();
                    keys.push(key.to_owned());
                }
            }
        }
    }
    keys.retain(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn each_reason_of_a_close_and_of_an_error_has_a_key_that_stands_in_the_documents() {
    let protocol = protocol();
    let given_by_variables = [
        "wrong_field",
        "no_json",
        "empty_name",
        "long_name",
        "invisible_name",
        "many_marks",
        "teachers_mark",
        "no_teacher",
        "wrong_key",
        "a_teacher",
        "own_address",
        "teachers",
        "restricted",
        "muted",
        "listen",
        "no_message_id",
        "no_on",
        "wrong_minutes",
        "no_name",
    ]
    .map(str::to_owned)
    .to_vec();
    let closes = ["CloseReason::new(", "CloseReason::composed(", "protocol_error(", "let reason = format!("]
        .map(keys_after);
    let (closes, errors) = (closes.concat(), [keys_after(".because("), given_by_variables].concat());
    assert!(closes.len() > 30 && errors.len() > 8, "{closes:?} {errors:?}");
    for (kind, keys) in [("reason", closes), ("why", errors)] {
        for key in keys {
            assert!(protocol.contains(&format!("`{key}`")), "docs/protocol.md: {kind} {key}");
            assert_has_word(&format!("{kind}_{key}"));
        }
    }
}

#[test]
fn each_command_is_in_the_documents() {
    let [protocol, inspector] = ["docs/protocol.md", "docs/inspector.md"].map(project_file);
    let mut kinds: Vec<String> = variants("src/chat/command.rs", "pub enum Command {")
        .iter()
        // As they are called on the wire.
        .map(|name| match name.as_str() {
            "Say" => "message".to_owned(),
            "Rename" => "name".to_owned(),
            name => name.to_lowercase(),
        })
        .collect();
    kinds.push("show".to_owned());
    assert!(protocol.contains("→ {\"type\":\"join\"") && protocol.contains("{\"type\":\"watch\""));
    let source = project_file("src/chat/command.rs");
    for kind in kinds {
        assert!(
            kind == "show"
                || source.contains(&format!("(\"{kind}\", "))
                || source.contains(&format!("(\"{kind}\", ..)"))
        );
        assert!(protocol.contains(&format!("→ {{\"type\":\"{kind}\"")), "docs/protocol.md: command {kind}");
    }
    for what in variants("src/features/inspector/demonstration.rs", "enum Demonstration {") {
        let what = snake_case(&what);
        assert!(inspector.contains(&format!("\n| `{what}` |")), "docs/inspector.md: show {what}");
        assert_has_word(&format!("happen_{what}"));
        assert_has_word(&format!("expect_{what}"));
    }
}

#[test]
fn each_file_that_the_documents_name_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in crate::documents::documents() {
        let text = project_file(&document);
        for name in
            text.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs") || name.ends_with('/'))
        {
            let is_path =
                name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter));
            let is_there =
                [root.to_owned(), root.join("src")].iter().any(|folder| folder.join(name).exists());
            assert!(
                !is_path || is_there || name.starts_with("target/") || name == "tests.rs",
                "{document}: there is no {name}"
            );
        }
    }
}
