//! Text as it is written → words as they are said: numbers, dates, times, amounts, units, telephone numbers, titles.
//!
//! For English and Chinese, in rules that are tried one after the other; a text of another language, and whatever no
//! rule knows, stays as it is for the engine to read. The same text always becomes the same words, and none is lost.

mod calendar;
mod chinese;
mod english;
mod numbers;
mod rule;
mod say_as;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use calendar::DateOrder;
pub use say_as::read_as;

/// What a stretch of text is to be read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Words and numbers, as they come.
    #[default]
    Plain,
    /// Letter by letter.
    Characters,
    /// Digit by digit.
    Digits,
    /// A number of things.
    Cardinal,
    /// A place in an order.
    Ordinal,
    /// A date, whose parts come in this order.
    Date(DateOrder),
}

/// A language that we have words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    English {
        /// 11/12/2026 is in November.
        month_first: bool,
    },
    Chinese,
}

impl Tongue {
    /// By the tag of a language.
    fn of(language: &str) -> Option<Self> {
        let mut parts = language.split(['-', '_']);
        match parts.next().unwrap_or_default() {
            "en" => {
                let region = parts.next();
                let month_first = region.is_none_or(|region| region.eq_ignore_ascii_case("us"));
                Some(Self::English { month_first })
            }
            "zh" | "cmn" => Some(Self::Chinese),
            _ => None,
        }
    }
}

/// The text with its numbers, dates, units and abbreviations as words of this language.
pub fn in_words<'t>(text: &'t str, language: &str) -> Cow<'t, str> {
    match Tongue::of(language) {
        Some(Tongue::English { month_first }) => english::in_words(text, month_first),
        Some(Tongue::Chinese) => chinese::in_words(text),
        None => Cow::Borrowed(text),
    }
}

/// How many bytes of `next` are a unit that belongs to the number that `text` ends with, in this language: in
/// `跑了5km` the unit has other letters than the text around it.
pub fn unit_behind(text: &str, next: &str, language: &str) -> usize {
    match Tongue::of(language) {
        Some(Tongue::Chinese) => chinese::unit_behind(text, next),
        _ => 0,
    }
}
