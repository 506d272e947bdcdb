//! Checks the table in docs/conformance.md: it names every test of this folder, and each name is a test.

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conformance.md"));

const CHAPTERS: [&str; 8] = [
    include_str!("opening_handshake.rs"),
    include_str!("framing.rs"),
    include_str!("control_frames.rs"),
    include_str!("messages.rs"),
    include_str!("closing.rs"),
    include_str!("utf8.rs"),
    include_str!("extensions.rs"),
    include_str!("limits.rs"),
];

/// The words between backticks in the last column of each row that begins with a section's number.
fn named() -> Vec<&'static str> {
    let rows = PAGE.lines().filter(|line| {
        line.strip_prefix("| ").is_some_and(|row| row.starts_with(|first: char| first.is_ascii_digit()))
    });
    let cells = rows.map(|row| row.trim_end_matches(" |").rsplit('|').next().expect("a cell"));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The functions behind `#[test]`.
fn present() -> Vec<&'static str> {
    let behind = CHAPTERS.iter().flat_map(|chapter| chapter.split("#[test]\nfn ").skip(1));
    behind.map(|code| code.split('(').next().expect("a name")).collect()
}

#[test]
fn each_test_stands_in_the_documents_table_once_and_each_row_has_its_test() {
    let (mut named, mut present) = (named(), present());
    named.sort_unstable();
    present.sort_unstable();
    assert!(present.len() > 40, "{present:?}");
    assert_eq!(named, present);
}
