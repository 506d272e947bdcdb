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
    for bad in [
        "A\u{200b}na",
        "\u{202e}anA",
        "A\na",
        "A\u{3164}b",
        "An\u{fe0f}a",
        "a\u{2800}b",
        "a\u{7f}",
        "\u{e000}",
        "a\u{e000}",
        "\0",
    ] {
        assert_eq!(parsed(bad), Err(BadName::Invisible), "{bad:?}");
    }
}

#[test]
fn an_invisible_end_is_no_part_of_a_name() {
    for pasted in [
        "\u{200b}Ana",
        "Ana\u{feff}",
        "\u{200e} Ana \u{2060}\u{ad}",
        "Ana\u{fe0f}",
        "Ana\u{200d} ",
        "\u{3164}Ana",
    ] {
        assert_eq!(parsed(pasted), Ok("Ana".to_owned()), "{pasted:?}");
    }
    assert_eq!(parsed("\u{200b}\u{feff} "), Err(BadName::Empty));
}

#[test]
fn joiners_stand_where_a_script_needs_them_and_nowhere_else() {
    let names = [
        "ශ්\u{200d}රී ලාල්",  // Sinhala
        "രാജന്\u{200d}",    // Malayalam, also at the end
        "علی\u{200c}رضا", // Persian
        "نیک\u{200c}نام",
        "Ana ❤\u{fe0f}",
        "👩\u{200d}🚀 Eva",
        "👩🏽\u{200d}🚀",
        "Luis 1\u{fe0f}\u{20e3}",
    ];
    for name in names {
        assert_eq!(parsed(name), Ok(name.to_owned()), "{name:?}");
        // Who leaves the joiners out is the same person.
        let without: String = name.chars().filter(|one| !is_invisible(*one)).collect();
        let key = |text: &str| Name::parse(text).map(|name| name.key());
        assert_eq!(key(name), key(&without), "{name:?}");
    }
    for bad in
        ["a\u{200c}b", "a\u{200d}b", "رضا\u{200c}رضا", "❤\u{fe0f}\u{fe0f}a", "a\u{200d}🚀", "ම\u{200d}ල"]
    {
        assert_eq!(parsed(bad), Err(BadName::Invisible), "{bad:?}");
    }
}

#[test]
fn a_letter_has_as_many_marks_as_real_scripts_need() {
    for name in ["Nguyễn Thị Ngọc", "שָׁלוֹם", "มี่ปั้น", "မြွှေး", "བསྒྲུབས", "مُحَمَّدٌ", "x\u{323}\u{307}"]
    {
        assert!(parsed(name).is_ok(), "{name}");
    }
    for bad in
        ["Z\u{315}\u{315}\u{315}", "Z\u{334}\u{334}\u{334}\u{334}\u{334}", "\u{301}Ana", "Ana \u{20dd}"]
    {
        assert_eq!(parsed(bad), Err(BadName::ManyMarks), "{bad:?}");
    }
}

#[test]
fn a_name_has_one_to_sixty_four_characters() {
    assert_eq!(parsed("   "), Err(BadName::Empty));
    assert!(parsed("María del Carmen Rodríguez Hernández").is_ok());
    assert!(parsed(&"ñ".repeat(64)).is_ok());
    assert_eq!(parsed(&"ñ".repeat(65)), Err(BadName::TooLong));
    assert_eq!(parsed(&"x".repeat(2000)), Err(BadName::TooLong));
    // One character of input, eighteen of name.
    assert_eq!(parsed(&"\u{fdfa}".repeat(4)), Err(BadName::TooLong));
}
