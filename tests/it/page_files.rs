//! The page's files, read as text: small, without a circle, data flowing one way, and no sentence without its words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::common::project_file;

/// Each file below `page/` by its path, such as `page/draw/log.js`.
pub fn page_files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec!["page".to_owned()];
    while let Some(folder) = folders.pop() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(root.join(&folder)).expect("the page has files") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().expect("a type").is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.clone(), project_file(&path))),
            }
        }
    }
    files
}

fn scripts() -> BTreeMap<String, String> {
    page_files().into_iter().filter(|(path, _)| path.ends_with(".js")).collect()
}

/// Shows the lines that a student would write.
const STUDENTS_CODE: &str = "page/inspector/javascript.js";

fn is_words(path: &str) -> bool {
    path.starts_with("page/words.") && path != "page/words.js"
}

/// The files that a script imports, also later.
fn imports(path: &str, text: &str) -> BTreeSet<String> {
    let folder = path.rsplit_once('/').expect("a folder").0;
    let names = text.lines().filter_map(|line| {
        let begins = line.starts_with("import ") || line.contains(" import('");
        begins.then(|| line.split('\'').find(|part| part.ends_with(".js"))).flatten()
    });
    names
        .map(|name| {
            let mut parts: Vec<&str> = folder.split('/').collect();
            for part in name.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            parts.join("/")
        })
        .collect()
}

#[test]
fn no_file_of_the_page_is_long() {
    let lines = |text: &str| text.lines().count();
    assert!(lines(&project_file("index.html")) <= 250, "index.html: {}", lines(&project_file("index.html")));
    for (path, text) in page_files() {
        let most = match path.as_str() {
            "page/socket.js" => 60,
            path if is_words(path) => usize::MAX,
            _ => 300,
        };
        assert!(lines(&text) <= most, "{path} has {} lines", lines(&text));
        assert!(text.starts_with("//") || text.starts_with("/*"), "{path} does not say what it is");
    }
}

#[test]
fn only_one_file_uses_the_websocket_api() {
    for (path, text) in scripts()
        .iter()
        .filter(|(path, _)| *path != "page/socket.js" && !is_words(path) && *path != STUDENTS_CODE)
    {
        assert!(!text.contains("new WebSocket"), "{path} opens a WebSocket without page/socket.js");
    }
    let lesson = &scripts()["page/socket.js"];
    for part in ["new WebSocket", "'open'", "'message'", "'close'", ".send("] {
        assert!(lesson.contains(part), "page/socket.js does not show {part}");
    }
    assert!(imports("page/socket.js", lesson).is_empty(), "the lesson needs no other file");
}

#[test]
fn scripts_form_no_circle_and_the_chat_imports_no_room_of_a_feature() {
    let scripts = scripts();
    let imports: BTreeMap<&String, BTreeSet<String>> =
        scripts.iter().map(|(path, text)| (path, imports(path, text))).collect();
    for (path, names) in &imports {
        for name in names {
            assert!(scripts.contains_key(name), "{path} imports {name}, which is not there");
            // `main.js` alone loads a room, once it is wanted.
            for room in ["page/inspector/", "page/teacher/"] {
                let crosses = name.starts_with(room) && !path.starts_with(room);
                assert!(!crosses || *path == "page/main.js", "{path} imports {name}");
            }
        }
    }
    for room in ["inspector", "teacher"] {
        assert!(!scripts["page/main.js"].contains(&format!("from './{room}")), "{room} is loaded later");
    }
    // Whatever imports nothing that is left is taken away; a circle remains.
    let mut left: BTreeSet<&String> = imports.keys().copied().collect();
    loop {
        let ready: Vec<&String> = left
            .iter()
            .filter(|path| !imports[*path].iter().any(|name| left.contains(name)))
            .copied()
            .collect();
        if ready.is_empty() {
            break;
        }
        left.retain(|path| !ready.contains(path));
    }
    assert!(left.is_empty(), "these import each other: {left:?}");
}

#[test]
fn drawing_changes_no_state() {
    for (path, text) in scripts().iter().filter(|(path, _)| path.contains("/draw")) {
        for line in text.lines().filter(|line| line.contains("state.")) {
            let after = line.split("state.").skip(1);
            let assigns = after.map(|rest| {
                rest.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '.')
            });
            for rest in assigns {
                let is_assignment =
                    rest.starts_with(" = ") || rest.starts_with(" += ") || rest.starts_with("++");
                assert!(!is_assignment, "{path}: {line}");
            }
        }
        assert!(!text.contains("announce("), "{path} announces a change");
    }
}

/// What stands between the quotes, each with what stands before it on its line.
fn quoted(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let parts: Vec<&str> = line.split('\'').collect();
        for at in (1..parts.len()).step_by(2) {
            found.push((parts[..at].join("'"), parts[at].to_owned()));
        }
    }
    found
}

/// Is what follows this the key of a sentence? The first argument of some functions, the second of others.
fn takes_key(before: &str) -> bool {
    let is_first = ["phrase(", "plain(", "firstKnown("].iter().any(|function| before.ends_with(function));
    let is_second = ["write(", "show(", "addFact("].iter().any(|function| {
        before.rsplit_once(function).is_some_and(|(_, arguments)| {
            // `write(make('p', ''), 'key')`
            let arguments = arguments
                .split_once("make('")
                .map_or(arguments, |(_, rest)| rest.split_once("''), ").map_or(rest, |(_, rest)| rest));
            arguments.is_empty()
                || (arguments.ends_with(", ")
                    && arguments.matches(',').count() == 1
                    && !arguments.contains('\''))
        })
    });
    is_first || is_second
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

#[test]
fn each_sentence_that_is_used_is_there_and_each_that_is_there_is_used() {
    let keys: BTreeSet<String> = super::tables::words()[0].1.iter().cloned().collect();
    let mut used = BTreeSet::new();
    let mut beginnings = BTreeSet::new();
    for attribute in ["data-words=\"", "data-label=\""] {
        for rest in project_file("index.html").split(attribute).skip(1) {
            let key = rest.split('"').next().expect("a key").to_owned();
            assert!(keys.contains(&key) || key == "key", "index.html: there is no sentence {key}");
            used.insert(key);
        }
    }
    for (path, text) in scripts().iter().filter(|(path, _)| !is_words(path)) {
        for (before, key) in quoted(text).into_iter().filter(|(_, key)| is_key(key)) {
            if takes_key(&before) && path != STUDENTS_CODE {
                assert!(keys.contains(&key), "{path}: there is no sentence {key}");
            }
            used.insert(key);
        }
        // `close_${code}`
        for part in text.split('`').skip(1) {
            let beginning = part.split_once("${").map(|(beginning, _)| beginning);
            beginnings.extend(beginning.filter(|beginning| is_key(beginning)).map(str::to_owned));
        }
    }
    let unused: Vec<&String> = keys
        .iter()
        .filter(|key| !used.contains(*key) && !beginnings.iter().any(|beginning| key.starts_with(beginning)))
        // Explained by their names: each header of a request and response.
        .filter(|key| !key.starts_with("header_"))
        .collect();
    assert!(unused.is_empty(), "no one uses these sentences: {unused:?}");
}
