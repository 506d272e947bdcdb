//! Rules for the sources, checked by reading them: features are attached in one place, none imports another, imports form no
//! circle, and the class hour stays within its budget.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::project_file;

/// A source file of the program, without its unit tests.
struct Source {
    /// Below `src/`.
    path: String,
    /// `a::b` for `a/b.rs`, `a` for `a/mod.rs`, empty for `lib.rs`.
    module: Vec<String>,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "tests.rs" && name != "main.rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let path = path.strip_prefix(&root).expect("it is below").to_str().expect("ASCII").to_owned();
                let module = path.trim_end_matches(".rs").trim_end_matches("mod").trim_end_matches('/');
                let module = module.split('/').filter(|name| !name.is_empty() && *name != "lib");
                let module = module.map(str::to_owned).collect();
                sources.push(Source { path, module, text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// The code of a source without its comments.
fn code(source: &Source) -> String {
    source.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// All paths of the `use` declarations: those that re-export, or all others.
fn uses(source: &Source, re_exports: bool) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let text = code(source);
    for declaration in text.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some(&text[*at - line.len()..])
    }) {
        let keyword = if re_exports { "pub use " } else { "use " };
        if let Some((tree, _)) = declaration.strip_prefix(keyword).and_then(|rest| rest.split_once(';')) {
            expand(tree, &mut Vec::new(), &mut paths);
        }
    }
    paths
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let length = prefix.len();
        prefix.extend(head.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
        let group = group.strip_suffix('}').expect("a group ends");
        let (mut depth, mut begin) = (0, 0);
        for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !group[begin..at].trim().is_empty() {
                        expand(&group[begin..at], prefix, paths);
                    }
                    begin = at + 1;
                }
                _ => {}
            }
        }
        prefix.truncate(length);
        return;
    }
    let tree = tree.split(" as ").next().unwrap_or_default();
    let path = prefix.iter().cloned().chain(tree.split("::").map(|name| name.trim().to_owned()));
    paths.push(path.filter(|name| name != "self" || prefix.is_empty()).collect());
}

/// The modules by name, and what each re-exports.
struct Modules<'a> {
    files: BTreeMap<Vec<String>, &'a Source>,
}

impl Modules<'_> {
    /// The path from the crate's root; `None` if it leads out of the crate.
    fn absolute(&self, source: &Source, path: &[String]) -> Option<Vec<String>> {
        let mut module = source.module.clone();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => return Some([module, path[1..].to_vec()].concat()),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                module.truncate(module.len() - ups);
                return Some([module, path[ups..].to_vec()].concat());
            }
            _ => {}
        }
        module.push(path[0].clone());
        self.files.contains_key(&module).then(|| [source.module.clone(), path.to_vec()].concat())
    }

    /// The file that defines what a path names.
    fn file(&self, path: &[String]) -> Option<&str> {
        let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let source = self.files[&path[..length]];
        let Some(item) = path.get(length) else { return Some(&source.path) };
        for exported in uses(source, true) {
            if exported.last() == Some(item) {
                return self.file(&self.absolute(source, &exported)?);
            }
        }
        Some(&source.path)
    }
}

/// Which file uses which.
fn edges(sources: &[Source]) -> BTreeMap<&str, BTreeSet<String>> {
    let files = sources.iter().map(|source| (source.module.clone(), source)).collect();
    let modules = Modules { files };
    let mut edges = BTreeMap::new();
    for source in sources {
        let mut used = BTreeSet::new();
        for path in uses(source, false) {
            let absolute = modules.absolute(source, &path);
            let file = absolute.and_then(|path| modules.file(&path).map(str::to_owned));
            used.extend(file.filter(|file| *file != source.path));
        }
        edges.insert(source.path.as_str(), used);
    }
    edges
}

#[test]
fn files_form_no_circle() {
    let sources = sources();
    let mut left = edges(&sources);
    assert!(left["connection.rs"].contains("http/exchange.rs"), "{:?}", left["connection.rs"]);
    assert!(left["websocket/session.rs"].contains("broadcaster/cause.rs"), "re-exports are followed");
    // Takes out what uses nothing that is left, until nothing is left, or only circles and what leads to them.
    loop {
        let free: Vec<&str> =
            left.iter().filter(|(_, used)| used.is_empty()).map(|(file, _)| *file).collect();
        if free.is_empty() {
            break;
        }
        for file in free {
            left.remove(file);
            left.values_mut().for_each(|used| used.retain(|other| other != file));
        }
    }
    assert!(left.is_empty(), "these use each other in a circle, or one that does: {left:#?}");
}

#[test]
fn the_core_names_no_feature_but_where_it_is_attached() {
    for source in sources() {
        let is_core = !source.path.starts_with("features/");
        let may = ["server.rs", "lib.rs"].contains(&source.path.as_str());
        for line in code(&source).lines().filter(|line| line.contains("features::")) {
            assert!(!is_core || may, "{}: {line}", source.path);
        }
    }
}

#[test]
fn no_feature_imports_another() {
    for source in sources() {
        let [features, feature, _, ..] = &source.path.split('/').collect::<Vec<_>>()[..] else { continue };
        for line in
            code(&source).lines().filter(|line| *features == "features" && line.contains("features::"))
        {
            for other in ["accounts", "cluster", "inspector", "tls", "teacher"] {
                let names_it = line.contains(&format!("features::{other}"));
                assert!(!names_it || other == *feature, "{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn only_three_files_ask_which_features_there_are() {
    for source in sources() {
        let may = ["server.rs", "features/mod.rs", "config/flags.rs"].contains(&source.path.as_str());
        assert!(may || !code(&source).contains("feature = "), "{}", source.path);
    }
}

#[test]
fn unit_tests_stand_beside_their_file() {
    for source in sources() {
        assert!(!code(&source).contains("#[test]"), "{}", source.path);
    }
}

#[test]
fn the_class_hour_is_read_in_one_sitting() {
    let map = project_file("src/lib.rs");
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | `")?.split_once(".rs` |"));
    let files: Vec<String> = rows.map(|(file, _)| format!("src/{file}.rs")).collect();
    assert!((10..=16).contains(&files.len()), "{files:?}");
    let lines: usize = files.iter().map(|file| project_file(file).lines().count()).sum();
    assert!(lines <= 2400, "{lines} lines");
}
