//! How long a text takes to speak, before anybody has spoken it.

use unicode_script::{Script, UnicodeScript};

/// Estimated duration of the text at the usual rate, in milliseconds.
pub fn estimated_ms(text: &str) -> u32 {
    text.chars().fold(0, |sum: u32, c| sum.saturating_add(of(c)))
}

/// One character: measured over Piper's and FastSpeech2's speech, rounded. A digit becomes a word.
fn of(c: char) -> u32 {
    match c {
        _ if c.is_ascii_alphabetic() => 65,
        _ if c.is_numeric() => 250,
        _ if c.is_alphabetic() => match c.script() {
            Script::Han | Script::Hangul | Script::Bopomofo => 210,
            Script::Hiragana | Script::Katakana => 130,
            _ => 70,
        },
        _ if c.is_whitespace() => 15,
        _ => 80,
    }
}
