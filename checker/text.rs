//! A sentence in both languages, and which of the two is wanted. Plain data.

use std::env;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Spanish,
}

impl Language {
    /// `LC_ALL`, `LC_MESSAGES` and `LANG` count, in this order, as for all programs.
    pub fn of_environment() -> Language {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| {
            let value = env::var(name).unwrap_or_default();
            (!value.is_empty()).then_some(value)
        });
        if set.is_some_and(|value| value.starts_with("es")) { Language::Spanish } else { Language::English }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: String,
    pub es: String,
}

impl Text {
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Spanish => &self.es,
        }
    }

    /// Both sentences with what follows.
    pub fn and(&self, next: &Text) -> Text {
        Text { en: format!("{} {}", self.en, next.en), es: format!("{} {}", self.es, next.es) }
    }
}

/// `text!("hello {name}", "hola {name}")`.
macro_rules! text {
    ($en:literal, $es:literal) => {
        $crate::text::Text { en: format!($en), es: format!($es) }
    };
}
pub(crate) use text;
