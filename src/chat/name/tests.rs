use super::*;

fn parsed(text: &str) -> Result<String, BadName> {
    Name::parse(text).map(|name| name.as_str().to_owned())
}

#[test]
fn extra_spaces_and_other_widths_make_the_same_name() {
    assert_eq!(parsed("  Ana   María \u{3000} "), Ok("Ana María".to_owned()));
    assert_eq!(parsed("Ａｎａ"), Ok("Ana".to_owned()));
    assert_eq!(parsed("Jose\u{301}"), Ok("José".to_owned()));
}

#[test]
fn names_that_differ_only_in_case_are_the_same_name() {
    let key = |text| Name::parse(text).map(|name| name.key());
    assert_eq!(key("ANA"), key("ana"));
    assert_eq!(key("STRASSE"), key("Straße"));
    assert_ne!(key("Ana"), key("Aña"));
}

#[test]
fn names_that_look_alike_are_the_same_name() {
    let key = |text| Name::parse(text).map(|name| name.key());
    assert_eq!(key("paypal"), key("раураl"), "the second is Cyrillic");
    assert_eq!(key("Paul"), key("Pau1"));
    assert_ne!(Name::guest(1).key(), Name::guest(11).key());
}

#[test]
fn invisible_and_direction_changing_characters_are_refused() {
    for bad in
        ["A\u{200b}na", "\u{202e}anA", "A\na", "\u{3164}", "Ana\u{fe0f}", "\u{2800}", "a\u{7f}", "\u{e000}"]
    {
        assert_eq!(parsed(bad), Err(BadName::Invisible), "{bad:?}");
    }
}

#[test]
fn a_name_has_one_to_thirty_two_characters() {
    assert_eq!(parsed("   "), Err(BadName::Empty));
    assert!(parsed(&"ñ".repeat(32)).is_ok());
    assert_eq!(parsed(&"ñ".repeat(33)), Err(BadName::TooLong));
    assert_eq!(parsed(&"x".repeat(2000)), Err(BadName::TooLong));
    // One character of input, eighteen of name.
    assert_eq!(parsed("\u{fdfa}\u{fdfa}"), Err(BadName::TooLong));
}
