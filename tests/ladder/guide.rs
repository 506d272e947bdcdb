//! The guide shows what is real: the lines that the checker prints, and the lines in which two programs differ.

use std::fs;
use std::path::Path;

use crate::program::{Program, run_checker};

struct Page {
    name: String,
    text: String,
}

/// Both languages, in the order of the steps.
fn pages() -> [Vec<Page>; 2] {
    ["docs/ladder", "docs/escalera"].map(|folder| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(folder).expect("a folder of pages");
        let mut pages: Vec<Page> = entries
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
                Page { name, text: fs::read_to_string(&path).expect("a page") }
            })
            .collect();
        pages.sort_by(|one, other| one.name.cmp(&other.name));
        pages
    })
}

/// The blocks of this kind, without their fences.
fn blocks<'a>(page: &'a Page, kind: &str) -> Vec<Vec<&'a str>> {
    let fence = format!("```{kind}\n");
    let after = page.text.split(&fence).skip(1);
    after.map(|rest| rest.split("```").next().expect("a block ends").lines().collect()).collect()
}

/// Numbers differ from run to run.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for letter in line.trim_end().chars() {
        match letter {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            other => text.push(other),
        }
    }
    text
}

/// Lines without what differs from run to run: numbers, and what a torn frame looks like.
fn without_chance<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut is_torn = false;
    let mut lasting = Vec::new();
    for line in lines {
        if !std::mem::replace(&mut is_torn, line.starts_with(['D', 'N']) && line.contains(" torn-")) {
            lasting.push(without_numbers(line));
        }
    }
    lasting
}

/// Runs the blocks of a page that tell of a run, and compares line by line.
fn runs_are_real(pages: &[Page], language: &str) {
    let mut runs = 0;
    for page in pages {
        for block in blocks(page, "console") {
            run_is_real(page, &block, language);
            runs += 1;
        }
    }
    assert!(runs >= 10, "{runs}");
}

fn run_is_real(page: &Page, block: &[&str], language: &str) {
    let [start, check, shown @ ..] = block else { panic!("{}: {block:?}", page.name) };
    let example = start.strip_prefix("$ cargo run --example ").expect("the program first");
    let only = check.split("ONLY=").nth(1).and_then(|rest| rest.split(' ').next()).expect("ONLY=");
    assert_eq!(check.contains("--lang es"), language == "es", "{}: {check}", page.name);
    let program = Program::example(example);
    let url = format!("ws://localhost:{}/", program.port);
    let output = run_checker(&[&url, "--only", only, "--lang", language]);
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let real = without_chance(printed.lines());
    let shown = without_chance(shown.iter().copied());
    assert_eq!(shown, real, "{}, {example}, {only}", page.name);
}

#[test]
fn the_runs_in_the_guide_are_real() {
    let [english, _] = pages();
    runs_are_real(&english, "en");
}

#[test]
fn the_runs_in_the_spanish_guide_are_real() {
    let [_, spanish] = pages();
    runs_are_real(&spanish, "es");
}

#[test]
fn the_run_in_the_lesson_s_sheet_is_real() {
    for (name, language) in [("docs/lesson/sheet-5-server.md", "en"), ("docs/clase/hoja-5-servidor.md", "es")]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let page = Page { name: name.to_owned(), text: fs::read_to_string(path).expect("a sheet") };
        let [block] = &blocks(&page, "console")[..] else { panic!("{name}: one run") };
        run_is_real(&page, block, language);
    }
}

/// The lines of a hunk that are in one of the two files stand in it one behind the other.
fn stands_in(file: &str, hunk: &[&str]) -> bool {
    let lines: Vec<&str> = file.lines().collect();
    lines.windows(hunk.len()).any(|window| window == hunk)
}

#[test]
fn the_diffs_in_the_guide_are_real() {
    for page in pages().iter().flatten() {
        for block in blocks(page, "diff") {
            let read = |line: &str, prefix| {
                let path = line.strip_prefix(prefix).unwrap_or_else(|| panic!("{}: {line}", page.name));
                fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("an example")
            };
            let (old, new) = (read(block[0], "--- "), read(block[1], "+++ "));
            for hunk in block[2..].split(|line| *line == "@@") {
                let side = |other: char| -> Vec<&str> {
                    let ours = hunk.iter().filter(|line| !line.starts_with(other));
                    ours.map(|line| line.get(1..).unwrap_or_default()).collect()
                };
                assert!(
                    stands_in(&old, &side('+')),
                    "{}: not in the old program: {:#?}",
                    page.name,
                    side('+')
                );
                assert!(
                    stands_in(&new, &side('-')),
                    "{}: not in the new program: {:#?}",
                    page.name,
                    side('-')
                );
                assert!(hunk.iter().any(|line| line.starts_with(['+', '-'])), "{}: {hunk:?}", page.name);
            }
        }
    }
}

#[test]
fn both_languages_have_the_same_pages() {
    let [english, spanish] = pages();
    assert_eq!((english.len(), spanish.len()), (6, 6));
    for (one, other) in english.iter().zip(&spanish) {
        assert_eq!(blocks(one, "diff"), blocks(other, "diff"), "{}, {}", one.name, other.name);
        let shape = |page: &Page| {
            let headings = page.text.lines().filter(|line| line.starts_with("## ")).count();
            (headings, blocks(page, "console").len(), page.text.matches("\n1. ").count())
        };
        assert_eq!(shape(one), shape(other), "{}, {}", one.name, other.name);
        assert_eq!(shape(one).2, 2, "{}: exercises, and their solutions", one.name);
    }
}

#[test]
fn the_examples_are_as_short_as_promised() {
    let bounds = [
        ("1_echo.rs", 60),
        ("2_everybody_writes.rs", 90),
        ("3_locks.rs", 100),
        ("4_one_writer.rs", 120),
        ("5_never_wait.rs", 150),
        ("6_rounds.rs", 150),
        ("page.html", 40),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for (name, bound) in bounds {
        let lines = fs::read_to_string(folder.join(name)).expect("an example").lines().count();
        assert!(lines <= bound, "{name}: {lines} lines, at most {bound}");
    }
}

/// The checker is read, too: no file of it is longer than one sitting.
#[test]
fn the_checker_s_files_are_short_and_the_server_does_not_know_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for folder in ["checker", "checker/checks"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let lines = fs::read_to_string(&path).expect("a source file").lines().count();
                assert!(lines <= 300, "{path:?}: {lines} lines");
                files += 1;
            }
        }
    }
    assert!(files >= 15, "{files}");
    let library = fs::read_to_string(root.join("src/lib.rs")).expect("the library");
    assert!(!library.contains("checker"));
}
