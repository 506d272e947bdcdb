//! Names that people choose: after RFC 8266 (PRECIS Nickname), so that no one can look like another by an
//! invisible character, another width or another case.
//!
//! Pure text; called by the chat on the broadcaster's thread.

use std::fmt;

use caseless::Caseless;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;

use super::invisible::{comes_along, has_too_many_marks, is_invisible, is_needed, is_undefined};

/// Longest name in characters (Unicode scalar values after normalisation).
pub const MAX_NAME: usize = 64;

/// The page draws the first one beside a teacher's name; the other is a part of the emoji of a teacher.
const TEACHERS_MARKS: [char; 2] = ['🎓', '🏫'];

/// Input longer than this many bytes is not even normalised.
const MAX_INPUT: usize = 1024;

/// A name that passed every rule: spaces and invisible ends trimmed, spaces collapsed, NFKC, 1 to [`MAX_NAME`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name(String);

/// What two names are compared by: two people cannot have names with the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NameKey(String);

impl NameKey {
    /// To be stored; [`NameKey::of_text`] reads it again.
    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn of_text(text: String) -> NameKey {
        NameKey(text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    Empty,
    TooLong,
    /// A control, zero-width, bidirectional, private or unassigned character, where no script and no emoji needs it.
    Invisible,
    /// They would reach over other lines.
    ManyMarks,
    /// It would look like a teacher's.
    TeachersMark,
}

impl BadName {
    /// The key by which a page finds its words.
    pub fn why(self) -> &'static str {
        match self {
            BadName::Empty => "empty_name",
            BadName::TooLong => "long_name",
            BadName::Invisible => "invisible_name",
            BadName::ManyMarks => "many_marks",
            BadName::TeachersMark => "teachers_mark",
        }
    }

    /// The number in the explanation.
    pub fn limit(self) -> Option<usize> {
        match self {
            BadName::Empty | BadName::Invisible | BadName::ManyMarks | BadName::TeachersMark => None,
            BadName::TooLong => Some(MAX_NAME),
        }
    }

    /// What is wrong, for the user who chose it.
    pub fn explanation(self) -> &'static str {
        match self {
            BadName::Empty => "a name needs at least one character",
            BadName::TooLong => "a name has at most 64 characters",
            BadName::Invisible => "a name has no control, invisible or direction-changing characters",
            BadName::ManyMarks => {
                "a name has at most four marks on a letter, two of them accents, and none without a letter"
            }
            BadName::TeachersMark => "a name does not contain the mark of teachers",
        }
    }
}

impl Name {
    /// Applies the rules of RFC 8266: normalisation, spaces, then the length.
    ///
    /// # Errors
    /// Why the text cannot be a name.
    pub fn parse(text: &str) -> Result<Name, BadName> {
        if text.len() > MAX_INPUT {
            return Err(BadName::TooLong);
        }
        // Normalising may produce spaces (U+00A8 becomes a space and a mark), so words are split after it.
        let normal: Vec<char> = text.nfkc().collect();
        let is_odd = |place: usize| {
            is_undefined(normal[place]) || is_invisible(normal[place]) && !is_needed(&normal, place)
        };
        let is_end =
            |place: &usize| is_space(normal[*place]) || comes_along(normal[*place]) && is_odd(*place);
        let begin = (0..normal.len()).find(|place| !is_end(place)).unwrap_or(normal.len());
        let end = (begin..normal.len()).rev().find(|place| !is_end(place)).map_or(begin, |last| last + 1);
        if (begin..end).any(is_odd) {
            return Err(BadName::Invisible);
        }
        if has_too_many_marks(&normal[begin..end]) {
            return Err(BadName::ManyMarks);
        }
        if normal[begin..end].iter().any(|character| TEACHERS_MARKS.contains(character)) {
            return Err(BadName::TeachersMark);
        }
        let name: String = normal[begin..end].iter().collect();
        let name = name.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        match name.chars().count() {
            0 => Err(BadName::Empty),
            1..=MAX_NAME => Ok(Name(name)),
            _ => Err(BadName::TooLong),
        }
    }

    /// The name of a member who has not chosen one.
    pub fn guest(number: u64) -> Name {
        Name(format!("guest-{number}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Case-folded, normalised again since folding can undo that, and each character replaced by the one it looks like
    /// (Unicode Technical Standard 39, section 4): `раура1` in Cyrillic has the key of `paypal`. Joiners and the style of an emoji are
    /// left out.
    pub fn key(&self) -> NameKey {
        let folded: String = self.0.chars().default_case_fold().nfkc().collect();
        NameKey(skeleton(&folded).collect())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_space(character: char) -> bool {
    character.general_category() == GeneralCategory::SpaceSeparator
}

#[cfg(test)]
mod tests;
