use std::time::Duration;

use super::*;

#[test]
fn a_line_is_the_time_of_day_and_the_sentence() {
    let plain = Terminal { ahead: 2 * 3600, colours: false, modules: false };
    let time = UNIX_EPOCH + Duration::from_secs(7 * 3600 + 14 * 60 + 3);
    let line = |terminal: Terminal, level| terminal.line(time, level, "accept", "conn 3: here");
    assert_eq!(line(plain, Level::Info), "09:14:03 conn 3: here\n");
    assert_eq!(line(plain, Level::Warn), "09:14:03 warning: conn 3: here\n");
    assert_eq!(line(Terminal { modules: true, ..plain }, Level::Debug), "09:14:03 [accept] conn 3: here\n");
    assert_eq!(line(Terminal { ahead: -8 * 3600, ..plain }, Level::Info), "23:14:03 conn 3: here\n");
    let coloured = Terminal { colours: true, ..plain };
    assert_eq!(line(coloured, Level::Info), "09:14:03 conn 3: here\n");
    assert_eq!(line(coloured, Level::Warn), "\x1b[33m09:14:03 warning: conn 3: here\x1b[0m\n");
    assert_eq!(line(coloured, Level::Error), "\x1b[31m09:14:03 error: conn 3: here\x1b[0m\n");
}

#[test]
fn a_time_zone_is_read_as_date_prints_it() {
    for (text, seconds) in [
        ("+0200", Some(7200)),
        ("-0330", Some(-12_600)),
        ("+0000", Some(0)),
        ("", None),
        ("CET", None),
        ("+2", None),
        ("é", None),
    ] {
        assert_eq!(parse_offset(text), seconds, "{text}");
    }
}
