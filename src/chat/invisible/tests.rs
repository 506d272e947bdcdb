use super::*;

#[test]
fn a_text_of_nothing_but_invisible_characters_is_blank() {
    let invisible = "\u{200b}\u{2060}\u{feff}\u{ad}\u{202e}\u{200d}\u{2066}\u{3164}\u{2800}\u{fe0f}\u{e0041}\u{85}\u{90} \n\u{3000}";
    assert!(is_blank(invisible));
    for one in invisible.chars() {
        assert!(is_blank(&one.to_string()), "{one:?}");
    }
    for shown in ["a", "\u{200b}.", "❤\u{fe0f}", "\u{e000}", "\u{301}", "\u{1b}"] {
        assert!(!is_blank(shown), "{shown:?}");
    }
}
