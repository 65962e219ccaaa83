//! SSML, as far as it is honest: `speak`, `break`, `prosody rate`, `sub alias`, `say-as`, `p` and `s`. Of every other
//! element the text is spoken as if the element were not there, so nothing that was written is lost.
//!
//! Markup becomes a [`Script`]: stretches of text with their rate and reading, and the silences between them. A text
//! without markup is a script of one stretch, so that there is one way for both. Pure.

mod arriving;
mod read;
#[cfg(test)]
mod tests;
mod values;

pub use arriving::{Breaks, complete_with_breaks, half_break};

use super::words::Reading;

/// Longest silence that one `break` may ask for, in milliseconds.
pub(super) const LONGEST_BREAK_MS: u32 = 10_000;
/// Longest silence that all breaks of a text may come to.
pub(super) const ALL_BREAKS_MS: u32 = 60_000;
/// Elements that may stand within each other.
pub(super) const DEEPEST: usize = 32;
/// Elements and texts that a document may have.
pub(super) const MOST_NODES: u32 = 10_000;

/// Whether a text has markup in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Markup {
    /// If it begins with `<speak`.
    #[default]
    Told,
    /// It is SSML; anything else is an error.
    Ssml,
    /// It is a plain text with `<break time="…"/>` in it; whatever else looks like markup is text.
    Breaks,
    /// It has none: `<` is a character like any other.
    None,
}

/// What is to be said, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script(pub Vec<Line>);

/// One stretch of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Words.
    Text {
        /// As written.
        text: String,
        /// Speaking rate, 0.25 to 4; 1 is the usual one.
        rate: f64,
        /// What it is read as.
        reading: Reading,
    },
    /// A silence of so many milliseconds, in place of the pause that the marks there ask for.
    Break(u32),
}

/// Why a text is not SSML that we can speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SSML is not valid at line {row}, column {column}: {message}")]
pub struct SsmlError {
    /// Line, from 1.
    pub row: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// What is wrong there, and what would be right.
    pub message: String,
}

impl Script {
    /// A text with no markup.
    pub fn plain(text: &str) -> Self {
        Self(vec![Line::Text { text: text.to_owned(), rate: 1.0, reading: Reading::Plain }])
    }

    /// Reads a text.
    pub fn read(text: &str, markup: Markup) -> Result<Self, SsmlError> {
        match markup {
            Markup::Told if is_ssml(text) => read::document(text),
            Markup::Ssml => read::document(text),
            Markup::Breaks => read::breaks(text),
            Markup::Told | Markup::None => Ok(Self::plain(text)),
        }
    }
}

/// Whether a text says itself that it is SSML: nobody begins a sentence with `<speak>`.
pub fn is_ssml(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest.trim_start()),
        None => text,
    };
    let behind = text.strip_prefix("<speak").and_then(|rest| rest.chars().next());
    behind.is_some_and(|c| c.is_whitespace() || matches!(c, '>' | '/'))
}
