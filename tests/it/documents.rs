//! The documents, read as text: how long they are, where their links lead, and that both first pages say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::project_file;

const FIRST_PAGES: [&str; 2] = ["README.md", "README.es.md"];

/// All Markdown files of the project, by their paths from its folder.
pub fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(path);
            } else if name.ends_with(".md") {
                let path = path.strip_prefix(root).expect("it is below");
                files.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}

/// The lines outside and inside of blocks of code: each with whether it is code, and of which language.
fn lines(text: &str) -> Vec<(Option<&str>, &str)> {
    let mut language = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), language) {
            (Some(name), None) => language = Some(name),
            (Some(_), Some(_)) => language = None,
            (None, _) => lines.push((language, line)),
        }
    }
    lines
}

/// The text without blocks of code.
fn prose(text: &str) -> String {
    lines(text)
        .into_iter()
        .filter(|(language, _)| language.is_none())
        .map(|(_, line)| format!("{line}\n"))
        .collect()
}

/// The targets of all links and pictures, in their order.
fn links(text: &str) -> Vec<String> {
    // What stands between backticks is no link.
    let text: String = prose(text).split('`').step_by(2).collect::<Vec<_>>().join("code");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(str::to_owned).collect()
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace('`', "");
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    prose(text).lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// The commands in blocks of shell, without their comments.
fn commands(text: &str) -> Vec<String> {
    let shell = lines(text).into_iter().filter(|(language, _)| *language == Some("sh"));
    shell.map(|(_, line)| line.split("  #").next().expect("a beginning").trim_end().to_owned()).collect()
}

/// What stands between single backticks.
fn code_spans(text: &str) -> BTreeSet<String> {
    prose(text).replace('\n', " ").split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_first_pages_have_150_lines_at_most_and_each_other_page_fewer_than_200() {
    for document in documents() {
        let lines = project_file(&document).lines().count();
        let bound = if FIRST_PAGES.contains(&document.as_str()) { 150 } else { 199 };
        let is_page = FIRST_PAGES.contains(&document.as_str()) || document.starts_with("docs/");
        assert!(!is_page || lines <= bound, "{document} has {lines} lines, and may have {bound}");
    }
}

#[test]
fn each_link_of_each_document_leads_to_a_file_and_to_a_heading_in_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut followed = 0;
    for document in documents() {
        let text = project_file(&document);
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let folder = root.join(&document).parent().expect("a folder").to_owned();
            let target = if file.is_empty() { root.join(&document) } else { folder.join(file) };
            // The lessons are a part of their own.
            if ["docs/lesson", "docs/clase"]
                .iter()
                .any(|part| target.starts_with(root.join(part)) && !root.join(part).exists())
            {
                continue;
            }
            assert!(target.exists(), "{document}: {link} leads to no file");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).expect("text");
                assert!(anchors(&text).contains(heading), "{document}: {link} leads to no heading");
            }
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed} links");
}

#[test]
fn the_first_pages_lead_to_each_other_first_and_to_all_pages() {
    let pages = documents();
    let pages =
        pages.iter().filter(|page| page.strip_prefix("docs/").is_some_and(|name| !name.contains('/')));
    let pages: Vec<&String> = pages.collect();
    assert!(pages.len() > 15, "{pages:?}");
    for (page, other) in FIRST_PAGES.iter().zip(FIRST_PAGES.iter().rev()) {
        let links = links(&project_file(page));
        assert_eq!(links.first().map(String::as_str), Some(*other), "{page}");
        for document in &pages {
            assert!(
                links.iter().any(|link| link.starts_with(document.as_str())),
                "{page} has no link to {document}"
            );
        }
    }
}

#[test]
fn both_first_pages_have_the_same_commands_code_and_links() {
    let [english, spanish] = FIRST_PAGES.map(project_file);
    assert!(commands(&english).len() > 10);
    assert_eq!(commands(&english), commands(&spanish));
    let blocks = |text: &str| -> Vec<String> {
        let code = lines(text).into_iter().filter(|(language, _)| *language == Some(""));
        code.map(|(_, line)| line.to_owned()).collect()
    };
    assert_eq!(blocks(&english), blocks(&spanish));
    assert_eq!(code_spans(&english), code_spans(&spanish));
    let links = |text: &str| -> BTreeSet<String> {
        let same = |link: String| link.replace("README.es.md", "README.md").replace("-es.png", "-en.png");
        links(text).into_iter().map(same).collect()
    };
    assert_eq!(links(&english), links(&spanish));
}

#[test]
fn the_archive_and_the_installation_have_all_pages() {
    let makefile = project_file("Makefile");
    let (_, pages) = makefile.split_once("\nFIRST_PAGES := ").expect("the list");
    let pages: Vec<&str> = pages.lines().next().expect("a line").split_whitespace().collect();
    for page in documents().iter().filter(|page| !page.contains('/')) {
        assert!(pages.contains(&page.as_str()), "{page} is not in FIRST_PAGES");
    }
    assert!(makefile.matches("$(FIRST_PAGES)").count() == 2 && makefile.matches("cp -R docs ").count() == 2);
}

#[test]
fn the_tour_has_ten_steps_and_what_it_says_to_press_is_on_the_page() {
    for (page, language) in FIRST_PAGES.iter().zip(["en", "es"]) {
        let text = prose(&project_file(page));
        let begins =
            |line: &&str| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        let steps: Vec<&str> = text.lines().filter(begins).collect();
        let numbers: Vec<usize> =
            steps.iter().filter_map(|line| line.split('.').next()?.parse().ok()).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>(), "{page}");

        let (_, tour) = text.split_once("\n1. ").expect("the tour");
        let (tour, _) = tour.split_once("\n## ").expect("its end");
        let tour: Vec<&str> = tour.split_whitespace().collect();
        let tour = tour.join(" ").replace("**", "");
        let pressed: Vec<&str> = tour.split('*').skip(1).step_by(2).collect();
        assert!(pressed.len() > 8, "{page}: {pressed:?}");
        let sentences = project_file(&format!("page/words.{language}.js"));
        for words in pressed {
            assert!(sentences.contains(&format!(": '{words}',")), "{page}: the page has no {words}");
        }
    }
}
