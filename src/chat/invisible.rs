//! Which characters show nothing, and where a name needs one of them all the same.
//!
//! Pure text, for names and messages; called on any thread.

use std::ops::RangeInclusive;

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// Asks for the coloured picture of the character before it: ❤ becomes ❤️.
const EMOJI_STYLE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const SKIN_TONES: RangeInclusive<char> = '\u{1f3fb}'..='\u{1f3ff}';

/// The canonical combining class of viramas: they take a consonant's own vowel away.
const VIRAMA: u8 = 9;

/// Marks that stand above or below all else have this combining class or a higher one.
const ACCENT: u8 = 200;

/// Marks on one letter of a name, and how many of them may be accents: what Burmese, Hebrew and Vietnamese need. More would reach over
/// other lines.
const MARKS: usize = 4;
const ACCENTS: usize = 2;

/// Arabic letters that join the letter before them, but not the one after; and those that join none. All others join both.
const JOIN_BEFORE: [RangeInclusive<char>; 20] = [
    '\u{622}'..='\u{625}',
    '\u{627}'..='\u{627}',
    '\u{629}'..='\u{629}',
    '\u{62f}'..='\u{632}',
    '\u{648}'..='\u{648}',
    '\u{671}'..='\u{673}',
    '\u{675}'..='\u{677}',
    '\u{688}'..='\u{699}',
    '\u{6c0}'..='\u{6c0}',
    '\u{6c3}'..='\u{6cb}',
    '\u{6cd}'..='\u{6cd}',
    '\u{6cf}'..='\u{6cf}',
    '\u{6d2}'..='\u{6d3}',
    '\u{6d5}'..='\u{6d5}',
    '\u{6ee}'..='\u{6ef}',
    '\u{759}'..='\u{75b}',
    '\u{76b}'..='\u{76c}',
    '\u{771}'..='\u{771}',
    '\u{773}'..='\u{774}',
    '\u{778}'..='\u{779}',
];
const JOIN_NONE: [char; 2] = ['\u{621}', '\u{674}'];

/// The text shows nothing: spaces, line ends, and what is invisible. Control characters of ASCII are something else.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|one| one.is_whitespace() || (one >= '\u{7f}' && is_invisible(one)))
}

/// Shows nothing, or only changes how other characters look.
pub fn is_invisible(character: char) -> bool {
    use GeneralCategory as Category;
    let no_look = matches!(
        character.general_category(),
        Category::Control | Category::Format | Category::LineSeparator | Category::ParagraphSeparator
    );
    // Letters and marks that are blank all the same (Unicode's Default_Ignorable_Code_Point outside category Cf),
    // and the blank Braille pattern.
    let blank = matches!(
        character,
        '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2065}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    no_look || blank
}

/// Has no defined look.
pub fn is_undefined(character: char) -> bool {
    use GeneralCategory as Category;
    let category = character.general_category();
    matches!(category, Category::PrivateUse | Category::Surrogate | Category::Unassigned)
}

/// What comes along unseen when a name is copied: at its ends it is no part of it.
pub fn comes_along(character: char) -> bool {
    let is_direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_invisible(character) && !character.is_control() && !is_direction
}

/// The invisible character at this place of a name is needed there: a joiner by RFC 5892, A.1 and A.2, or a part of an emoji.
pub fn is_needed(name: &[char], place: usize) -> bool {
    let (before, after) = (&name[..place], &name[place + 1..]);
    let last = before.last().copied();
    let follows_virama = last.is_some_and(|last| canonical_combining_class(last) == VIRAMA);
    match name[place] {
        JOINER => follows_virama || joins_pictures(before, after),
        NON_JOINER => follows_virama || parts_letters(before, after),
        EMOJI_STYLE => last.is_some_and(is_picture) || after.first() == Some(&KEYCAP),
        _ => false,
    }
}

/// More marks on one letter than any script needs, or a mark without a letter.
pub fn has_too_many_marks(name: &[char]) -> bool {
    let (mut marks, mut accents, mut has_letter) = (0, 0, false);
    name.iter().any(|one| {
        use GeneralCategory as Category;
        match one.general_category() {
            Category::NonspacingMark | Category::EnclosingMark if !is_invisible(*one) => {
                marks += 1;
                accents += usize::from(canonical_combining_class(*one) >= ACCENT);
                !has_letter || marks > MARKS || accents > ACCENTS
            }
            // Belong to the letter before.
            Category::NonspacingMark | Category::Format => false,
            category => {
                (marks, accents, has_letter) = (0, 0, category != Category::SpaceSeparator);
                false
            }
        }
    })
}

/// Between two Arabic letters that would join each other (in between there may be marks).
fn parts_letters(before: &[char], after: &[char]) -> bool {
    let is_letter = |one: char| {
        matches!(one, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}')
            && one.general_category() == GeneralCategory::OtherLetter
            && !JOIN_NONE.contains(&one)
    };
    let is_mark = |one: &&char| one.general_category() == GeneralCategory::NonspacingMark;
    let joins_next = |one: char| is_letter(one) && !JOIN_BEFORE.iter().any(|range| range.contains(&one));
    let previous = before.iter().rev().find(|one| !is_mark(one));
    let next = after.iter().find(|one| !is_mark(one));
    previous.is_some_and(|one| joins_next(*one)) && next.is_some_and(|one| is_letter(*one))
}

/// Between two pictures, as in 👩‍🎓.
fn joins_pictures(before: &[char], after: &[char]) -> bool {
    let previous = before.iter().rev().find(|one| **one != EMOJI_STYLE && !SKIN_TONES.contains(*one));
    previous.is_some_and(|one| is_picture(*one)) && after.first().is_some_and(|one| is_picture(*one))
}

fn is_picture(character: char) -> bool {
    use GeneralCategory as Category;
    matches!(character.general_category(), Category::OtherSymbol | Category::MathSymbol)
}

#[cfg(test)]
mod tests;
