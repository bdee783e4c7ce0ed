//! Every text of the page in both languages. A [`Text`] has both fields, so a missing one does not compile.
//!
//! Numbers, ages and names are put in by functions that take the language: word order differs.
mod carried;
pub mod health;
pub mod names;
pub mod refusal;
pub mod story;
mod verdict;
mod words;

pub use words::*;

use crate::api::http::page::lang::Lang;

/// One text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese, simplified.
    pub zh: &'static str,
}

impl Text {
    /// In one of them.
    pub const fn of(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// Declares texts as constants, and `ALL` of them for the tests.
macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)+) => {
        $(pub const $name: $crate::api::http::page::text::Text =
            $crate::api::http::page::text::Text { en: $en, zh: $zh };)+
        #[cfg(test)]
        pub(super) const ALL: &[(&str, $crate::api::http::page::text::Text)] =
            &[$((stringify!($name), $name)),+];
    };
}
use texts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_and_in_its_language() {
        for (name, text) in words::ALL {
            assert!(!text.en.is_empty() && !text.zh.is_empty(), "{name}");
            if name == &"OTHER_LANGUAGE" {
                continue;
            }
            assert!(text.en.is_ascii(), "{name}: {}", text.en);
            assert!(!text.zh.is_ascii(), "{name}: {}", text.zh);
        }
    }
}
