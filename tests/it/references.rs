//! Checks references between the project's files: the sections that are cited, and the tests that `make test` selects.

use std::fs;
use std::path::{Path, PathBuf};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All Rust files in these folders.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| project().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The comments, without their marks and line breaks: a sentence may go on in the next line.
fn comments(code: &str) -> String {
    let lines = code.lines().filter_map(|line| line.split_once("//"));
    lines.map(|(_, comment)| comment.trim_start_matches(['/', '!'])).collect()
}

/// The citations in a text: a page of the documents, and the text after it.
fn citations(text: &str) -> Vec<(String, &str)> {
    let mut citations = Vec::new();
    for (place, _) in text.match_indices("README").chain(text.match_indices("docs/")) {
        let cited = &text[place..];
        // `README` alone is the page; a sentence may end after `docs/tls.md`.
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "/-_.".contains(letter);
        let end = cited.find(|letter| !is_of_name(letter)).unwrap_or(cited.len());
        let name = cited[..end].trim_end_matches(['.', '/']);
        let page = if name == "README" { "README.md" } else { name };
        citations.push((page.to_owned(), &cited[name.len()..]));
    }
    citations
}

#[test]
fn every_cited_page_of_the_documents_exists_and_each_cited_section_in_it() {
    let folders = ["src", "tests", "benches", "checker", "examples", "fuzz/src", "fuzz/fuzz_targets"];
    let code = sources(&folders).into_iter().map(|file| (comments(&read(&file)), file));
    let makefile = project().join("Makefile");
    // A recipe copies the file; what is said of it stands in comments and in the help.
    let says = |line: &&str| line.starts_with('#') || line.contains("@echo");
    let said: Vec<String> = read(&makefile).lines().filter(says).map(str::to_owned).collect();
    let (mut pages, mut sections) = (0, 0);
    for (text, file) in code.chain([(said.join("\n"), makefile)]) {
        for (page, after) in citations(&text) {
            let path = project().join(&page);
            assert!(path.exists(), "{}: there is no {page}", file.display());
            pages += 1;
            let section = after.strip_prefix(", ").filter(|section| section.starts_with(char::is_uppercase));
            if let Some(section) = section {
                let page_text = read(&path);
                let headings = page_text.lines().filter(|line| line.starts_with("##"));
                let mut names = headings.map(|line| line.trim_matches(['#', ' ']));
                let is_there = names.any(|name| section.starts_with(name));
                assert!(is_there, "{}: {page}, {section:.40}", file.display());
                sections += 1;
            }
        }
    }
    assert!(pages > 8 && sections > 3, "{pages} pages, {sections} sections");
}

/// A test, as libtest and Cargo name it.
struct Test {
    binary: String,
    path: String,
    /// It is ignored, and says that `make test` runs it.
    is_run_by_make: bool,
}

fn tests() -> Vec<Test> {
    let tests_of = |file: PathBuf| -> Vec<Test> {
        let place = file.strip_prefix(project().join("tests")).expect("it is there");
        let place = place.with_extension("");
        let mut names = place.iter().map(|name| name.to_str().expect("ASCII"));
        let binary = names.next().expect("a folder");
        let modules: Vec<&str> = names.filter(|name| !["main", "mod"].contains(name)).collect();
        let test = |code: &str| {
            let (attributes, code) = code.split_once("fn ").expect("a function");
            let (name, _) = code.split_once('(').expect("a function");
            let path = [&modules[..], &[name]].concat().join("::");
            let is_run_by_make = attributes.contains("run by make test");
            Test { binary: binary.to_owned(), path, is_run_by_make }
        };
        read(&file).split("#[test]\n").skip(1).map(test).collect()
    };
    sources(&["tests"]).into_iter().flat_map(tests_of).collect()
}

/// A command of the Makefile that runs tests of one binary.
struct Selection {
    binary: String,
    is_of_ignored: bool,
    filters: Vec<String>,
    skipped: Vec<String>,
}

impl Selection {
    fn of(line: &str) -> Option<Selection> {
        let (binary, arguments) = line.split_once("--test ")?.1.split_once(" -- ")?;
        let mut selection = Selection {
            binary: binary.to_owned(),
            is_of_ignored: false,
            filters: Vec::new(),
            skipped: Vec::new(),
        };
        let mut words = arguments.trim_end_matches(')').split(' ').map(str::to_owned);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--ignored" => selection.is_of_ignored = true,
                "--skip" => selection.skipped.extend(words.next()),
                "--nocapture" => {}
                word if word.starts_with("--test-threads=") || word.starts_with("$(") => {}
                _ => selection.filters.push(word),
            }
        }
        Some(selection)
    }

    fn runs(&self, test: &Test) -> bool {
        let is_among = |words: &[String]| words.iter().any(|word| test.path.contains(word));
        self.binary == test.binary
            && (self.filters.is_empty() || is_among(&self.filters))
            && !is_among(&self.skipped)
    }
}

/// Names of tests, or their beginnings, between backticks: `tables::`, `tables::each_command_is_in_the_documents`.
fn named_tests(text: &str) -> Vec<&str> {
    let is_of_name =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_:".contains(letter);
    let spans = text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    spans
        .filter(|word| !word.starts_with(':') && word.contains("::") && word.chars().all(is_of_name))
        .collect()
}

#[test]
fn each_test_that_the_documents_name_is_there() {
    let tests = tests();
    let mut named = 0;
    for document in crate::documents::documents() {
        let text = read(&project().join(&document));
        for name in named_tests(&text) {
            let is_meant = |test: &Test| format!("{}::{}", test.binary, test.path).contains(name);
            assert!(tests.iter().any(is_meant), "{document}: there is no test {name}");
            named += 1;
        }
    }
    assert!(named > 20, "{named} tests");
}

#[test]
fn make_test_runs_each_test_that_says_so_and_names_none_that_is_not_there() {
    let makefile = read(&project().join("Makefile"));
    let selections: Vec<Selection> = makefile.lines().filter_map(Selection::of).collect();
    let tests = tests();
    for test in tests.iter().filter(|test| test.is_run_by_make) {
        let is_run = selections.iter().any(|selection| selection.is_of_ignored && selection.runs(test));
        assert!(is_run, "{} of {} is not run", test.path, test.binary);
    }
    for Selection { binary, filters, skipped, .. } in &selections {
        for word in filters.iter().chain(skipped) {
            let is_meant = |test: &Test| test.binary == *binary && test.path.contains(word);
            assert!(tests.iter().any(is_meant), "{binary} has no test {word}");
        }
    }
    assert!(tests.iter().filter(|test| test.is_run_by_make).count() > 80 && selections.len() > 10);
}
