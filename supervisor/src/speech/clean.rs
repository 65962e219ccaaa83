//! What nobody can speak is taken out before anybody tries: control characters, emoji, invisible marks.

use unicode_properties::{GeneralCategory as Category, UnicodeEmoji, UnicodeGeneralCategory};

/// A text that can be cut and spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// The text without what was left out, its letters and digits of plain width. White space of any kind is one space, or one newline if it had any.
    pub text: String,
    /// Characters left out, white space not counted.
    pub skipped: usize,
}

/// Takes out what has no sound. Letters, digits, punctuation and signs stay as they are.
pub fn clean(text: &str) -> Cleaned {
    let mut cleaner = Cleaner::default();
    let text = cleaner.push(text);
    Cleaned { text, skipped: cleaner.skipped }
}

/// Cleans a text that comes in pieces: put together they are what the whole would be.
#[derive(Debug, Default)]
pub struct Cleaner {
    /// White space that stands before what comes next.
    space: Option<char>,
    has_begun: bool,
    /// Characters left out so far, white space not counted.
    pub skipped: usize,
}

impl Cleaner {
    /// The next piece. White space at its end stands at the beginning of what follows.
    pub fn push(&mut self, piece: &str) -> String {
        let mut text = String::with_capacity(piece.len() + 1);
        for c in piece.chars() {
            if c.is_whitespace() {
                self.space = Some(if c == '\n' || self.space == Some('\n') { '\n' } else { ' ' });
            } else if is_silent(c) {
                self.skipped += 1;
                // A pictogram may stand between two words; what only shapes or joins letters may not part them.
                if is_pictogram(c) {
                    self.space = self.space.or(Some(' '));
                }
            } else {
                text.extend(self.space.take().filter(|_| self.has_begun));
                text.push(narrow(c));
                self.has_begun = true;
            }
        }
        text
    }
}

/// Whether there is anything in it that has a sound: a letter or a digit of any script.
pub fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Letters and digits of full width, as Chinese and Japanese keyboards give them, are the plain ones. (Punctuation of
/// full width is Chinese punctuation, and stays.)
fn narrow(c: char) -> char {
    const OFFSET: u32 = '０' as u32 - '0' as u32;
    if matches!(c, '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ') {
        char::from_u32(u32::from(c) - OFFSET).unwrap_or(c)
    } else {
        c
    }
}

fn is_silent(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let invisible = matches!(
        c.general_category(),
        Category::Control
            | Category::Format
            | Category::PrivateUse
            | Category::Unassigned
            | Category::Surrogate
    );
    // Variation selectors and the enclosing keycap change only how the character before them looks.
    invisible || is_pictogram(c) || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20e3}')
}

fn is_pictogram(c: char) -> bool {
    // Digits and a few signs count as emoji too, since they can be part of one; they are read as what they are.
    let sign = c.is_ascii() || matches!(c, '©' | '®' | '™' | '‼' | '⁉' | '℃');
    c.is_emoji_char() && !sign && !c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn emoji_and_controls_go_and_everything_else_stays() {
        let cleaned = clean("Hi 👋🏽there\u{0}\u{200d}!  5️⃣ 你好\r\n\n世界 🎉 20°C, $5 © café ");
        assert_eq!(cleaned.text, "Hi there! 5 你好\n世界 20°C, $5 © café");
        assert_eq!(cleaned.skipped, 7);
        assert_eq!(clean("１２３，Ａz！").text, "123，Az！");
    }

    #[test]
    fn only_sounds_count_as_speakable() {
        for text in ["a", "你", "7", "①", "é"] {
            assert!(is_speakable(text), "{text}");
        }
        for text in ["", "…!?", "。，", "🎉", "$%", " \n"] {
            assert!(!is_speakable(&clean(text).text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_character_is_kept_or_counted(text in any::<String>()) {
            let cleaned = clean(&text);
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            prop_assert_eq!(visible(&cleaned.text) + cleaned.skipped, visible(&text));
            prop_assert_eq!(clean(&cleaned.text).text, cleaned.text);
        }

        #[test]
        fn in_pieces_it_is_the_same(pieces in prop::collection::vec(any::<String>(), 0..6)) {
            let mut cleaner = Cleaner::default();
            let text: String = pieces.iter().map(|piece| cleaner.push(piece)).collect();
            prop_assert_eq!(Cleaned { text, skipped: cleaner.skipped }, clean(&pieces.concat()));
        }
    }
}
