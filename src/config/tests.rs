use std::time::Duration;

use super::*;

fn parse_words(words: &[&str]) -> Result<Request, WrongFlag> {
    parse(words.iter().map(OsString::from))
}

#[test]
fn defaults_are_those_of_the_table() {
    let Ok(Request::Serve(options)) = parse_words(&[]) else { panic!("must serve") };
    assert_eq!((options.host.as_str(), options.port), ("localhost", 3000));
    assert_eq!(options.ping, Some(Duration::from_secs(20)));
    assert_eq!(options.log, None);
}

#[test]
fn a_wrong_flag_or_value_is_named() {
    for (words, named) in [
        (&["--prot", "1"][..], "--prot"),
        (&["--port", "65536"], "\"65536\" is not a number from 0 to 65535"),
        (&["--port"], "--port needs a value"),
        (&["--log", "loud"], "\"loud\""),
        (&["--origin", "school.example"], "--origin"),
        (&["--host", ""], "--host: \"\" is empty"),
        (&["stray"], "stray"),
    ] {
        let message = parse_words(words).expect_err("must be refused").to_string();
        assert!(message.contains(named), "{words:?}: {message}");
        assert!(!message.contains('\n'));
    }
}

#[test]
fn help_names_every_flag() {
    let help = help();
    for flag in FLAGS {
        assert_eq!(help.contains(&flag.usage()), flag.is_offered(), "{}", flag.name);
    }
}

#[test]
#[cfg(feature = "accounts")]
fn adding_people_needs_the_file_of_users() {
    for (words, named) in
        [(&["--add-user", "Ana"][..], "--users FILE"), (&["--add-users=x", "--users", "f"], "add-users")]
    {
        let message = parse_words(words).expect_err("must be refused").to_string();
        assert!(message.contains(named), "{words:?}: {message}");
    }
}

#[test]
#[cfg(not(feature = "accounts"))]
fn a_flag_of_a_feature_that_is_not_built_says_so() {
    let message = parse_words(&["--users", "f"]).expect_err("must be refused").to_string();
    assert!(message.contains("--users needs a build with the feature accounts"), "{message}");
}
